//! Renders the float image: straight into its file where that can be, else into memory.

use super::request::Request;
use super::run::RunError;
use crate::buffer::Buffer;
use crate::engine::{Progress, Rendered, Simulator};
use crate::io::atomic::WriteError;
use crate::io::float::{self, Growing};
use crate::statistics::{Gathering, Statistics};
use std::ops::Deref;

/// The float image.
pub(super) enum Image {
    /// In memory, and not written yet.
    Kept(Buffer<f32>),
    /// As it lies in the system's cache of its file.
    Written(float::Written),
}

impl Deref for Image {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Image::Kept(image) => image,
            Image::Written(image) => image,
        }
    }
}

/// What a render has made.
pub(super) struct Made {
    pub(super) image: Image,
    /// Statistics of the image.
    pub(super) statistics: Statistics,
    pub(super) rendered: Rendered,
}

/// Renders. The image that was made `before` gives its memory, if it has any.
pub(super) fn render(
    request: &Request,
    simulator: &Simulator,
    before: Option<Image>,
    progress: Progress,
) -> Result<Made, RunError> {
    let [fast, slow] = simulator.size();
    let count = fast * slow;
    let path = &request.output.float;
    if let Some(growing) = Growing::new(path, count)? {
        drop(before);
        let gathering = Gathering::new(simulator.model());
        let put = |first, pixels: &[f32]| {
            // While they are in the processor's cache.
            gathering.look(first, pixels);
            growing.put(first, pixels)
        };
        let rendered = simulator.render_to(&put, Some(progress));
        let rendered = rendered.map_err(|source| WriteError { path: path.clone(), source })?;
        let image = Image::Written(growing.finish()?);
        return Ok(Made { statistics: gathering.finish(&image), image, rendered });
    }
    let mut image = match before {
        Some(Image::Kept(image)) if image.len() == count => image,
        _ => Buffer::zeroed(count)?,
    };
    let rendered = simulator.render_with_progress(&mut image, Some(progress))?;
    Ok(Made { statistics: simulator.statistics(&image), image: Image::Kept(image), rendered })
}
