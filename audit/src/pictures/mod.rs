//! Pictures of a comparison (PNG): both images on one colour scale, the signed difference, the ratio, maps of the
//! tiles, the radial profile, error against intensity.

mod canvas;
mod charts;
mod colours;
mod frames;
#[cfg(test)]
mod tests;

use crate::exit::{AuditError, Result};
use crate::formats::Array2;
use crate::metrics::{Comparison, Maps, Roi};
use std::path::{Path, PathBuf};

/// Writes the pictures into `dir`, which is made where it is not there; the files written, in the order to look at them.
///
/// Images with NaN or infinities are not drawn: nothing is written.
///
/// # Errors
/// When the folder or a file cannot be written.
pub fn write(
    dir: &Path,
    a: &Array2,
    b: &Array2,
    roi: Option<Roi>,
    comparison: &Comparison,
    maps: &Maps,
) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(dir).map_err(|e| AuditError::failed(dir.display(), e))?;
    let Some(x) = &comparison.extended else { return Ok(Vec::new()) };
    let roi = roi.unwrap_or_else(|| Roi::full(a.shape()));
    let reduced = frames::reduce(a, b, roi, x.local_error.floor);
    let density = charts::density(a, b, roi, x.relative_error.floor);
    let mut files = Vec::new();
    let mut keep = |name: &str, picture: canvas::Canvas| -> Result<()> {
        let path = dir.join(name);
        picture.write(&path)?;
        files.push(path);
        Ok(())
    };
    let scale = frames::IntensityScale::new(&reduced, x.arcsinh_scale);
    keep("reference.png", frames::intensity(&reduced, &reduced.a, &scale, "reference"))?;
    keep("candidate.png", frames::intensity(&reduced, &reduced.b, &scale, "candidate"))?;
    keep("difference.png", frames::difference(&reduced))?;
    keep("ratio.png", frames::ratio(&reduced))?;
    keep("tiles_sum.png", frames::tiles(maps, "tiles: sum ratio - 1", colours::Map::Sign, |t| t.sum_error))?;
    keep(
        "tiles_l1.png",
        frames::tiles(maps, "tiles: sum |difference| / sum", colours::Map::Magnitude, |t| t.l1),
    )?;
    keep("tiles_z.png", frames::tiles(maps, "tiles: counting-noise z", colours::Map::Sign, |t| t.z))?;
    keep("radial_profile.png", charts::radial(&x.radial.profile))?;
    keep("error_against_intensity.png", charts::error_against_intensity(&density))?;
    Ok(files)
}
