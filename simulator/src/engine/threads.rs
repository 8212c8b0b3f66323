//! How many threads render.

use std::sync::Arc;

/// Why there are no threads.
#[derive(Debug, thiserror::Error)]
pub enum ThreadsError {
    /// A variable of the environment is not a number of threads.
    #[error("{name}={value}: not a number of threads; unset it or use --threads N")]
    Environment {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// The system refuses.
    #[error("cannot start {count} threads: {source}; use fewer (--threads N)")]
    Start {
        /// Threads asked for.
        count: usize,
        /// Why not.
        source: rayon::ThreadPoolBuildError,
    },
}

/// The number of threads: as asked for, else RAYON_NUM_THREADS, else OMP_NUM_THREADS, else all cores. 0 is all cores.
///
/// # Errors
/// When a variable of the environment is not a number.
pub fn thread_count(asked: Option<usize>) -> Result<usize, ThreadsError> {
    let all = || std::thread::available_parallelism().map_or(1, usize::from);
    let positive = |n: usize| if n == 0 { all() } else { n };
    if let Some(count) = asked {
        return Ok(positive(count));
    }
    for name in ["RAYON_NUM_THREADS", "OMP_NUM_THREADS"] {
        let Some(value) = std::env::var_os(name).map(|v| v.to_string_lossy().into_owned()) else { continue };
        // OpenMP allows one number for each level of nesting; the first is meant here.
        let first = value.split(',').next().unwrap_or_default().trim();
        if first.is_empty() {
            continue;
        }
        return first.parse().map(positive).map_err(|_| ThreadsError::Environment { name, value });
    }
    Ok(all())
}

/// Threads of our own, apart from those that a caller may have.
pub(crate) fn pool(count: usize) -> Result<Arc<rayon::ThreadPool>, ThreadsError> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(count)
        .thread_name(|i| format!("render-{i}"))
        .build()
        .map(Arc::new)
        .map_err(|source| ThreadsError::Start { count, source })
}
