//! Set-ups by experiment, so that the same experiment is set up once.

use crate::experiment::Experiment;
use crate::physics::{Model, ModelError};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Set-ups that are kept.
const KEPT: usize = 4;

/// The set-ups of the last few experiments.
#[derive(Debug, Default)]
pub struct SetupCache {
    entries: Mutex<VecDeque<(Experiment, Arc<Model>)>>,
}

impl SetupCache {
    /// An empty one.
    pub fn new() -> SetupCache {
        SetupCache::default()
    }

    /// The set-up of an experiment, and whether it was there already.
    ///
    /// # Errors
    /// When the experiment is impossible.
    pub fn model(&self, experiment: &Experiment) -> Result<(Arc<Model>, bool), ModelError> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, model)) = entries.iter().find(|(known, _)| known == experiment) {
            return Ok((Arc::clone(model), true));
        }
        let model = Arc::new(Model::new(experiment, crate::memory::free())?);
        if entries.len() == KEPT {
            entries.pop_front();
        }
        entries.push_back((experiment.clone(), Arc::clone(&model)));
        Ok((model, false))
    }
}
