//! What a case needs: time in relation to others, and memory. Estimates from nanoBragg's options where there are such,
//! so that cheap cases come first and not too many large ones run at once; other programs' files may say it.

use super::SuiteCase;
use crate::engines::template::option_value;

/// Time and memory of a case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Need {
    /// Relative cost; without any sign in the arguments 1.
    pub cost: f64,
    /// Memory of one run, bytes.
    pub memory: u64,
}

/// What a process needs at least.
const BASE: u64 = 64 << 20;

impl SuiteCase {
    /// The estimate.
    #[must_use]
    pub fn need(&self) -> Need {
        let number = |names: &[&str]| -> Option<f64> {
            names.iter().find_map(|n| option_value(&self.args, n)?.parse().ok()).filter(|v: &f64| *v >= 1.0)
        };
        let edge = self.size.map(f64::from).or_else(|| number(&["-detpixels"]));
        let fast = edge.or_else(|| number(&["-detpixels_f", "-detpixels_x"]));
        let slow = edge.or_else(|| number(&["-detpixels_s", "-detpixels_y"]));
        let pixels = fast.or(slow).unwrap_or(1000.0) * slow.or(fast).unwrap_or(1000.0);
        let steps: f64 = [
            &["-phisteps"][..],
            &["-mosaic_domains", "-mosaic_dom"],
            &["-hdivsteps"],
            &["-vdivsteps"],
            &["-dispsteps", "-dispstep"],
            &["-detector_thicksteps", "-thicksteps"],
        ]
        .iter()
        .map(|names| number(names).unwrap_or(1.0))
        .product();
        let oversample = number(&["-oversample"]).unwrap_or(1.0);
        let words = self.args.len() as f64 * 1e-3; // of two that look alike, the plainer first
        Need {
            cost: self.cost.unwrap_or(pixels * 1e-6 * steps * oversample * oversample + words),
            // the float image, the integers written from it, and what the comparison maps
            memory: self.memory_mb.map_or(BASE + (pixels * 16.0) as u64, |mb| mb.saturating_mul(1_000_000)),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::suite::file::read;

    #[test]
    fn larger_and_finer_costs_more() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("s.toml");
        let text = "[[case]]\nname='a'\nargs='-detpixels 64'\n[[case]]\nname='b'\nargs='-detpixels 64 -phisteps 9'\n\
                    [[case]]\nname='c'\nargs='-detpixels 640'\n[[case]]\nname='d'\nargs='-detpixels 640'\nsize=4096\n";
        std::fs::write(&file, text).unwrap();
        let suite = read(&file, &crate::gates::contract()).unwrap();
        let needs: Vec<_> = suite.cases.iter().map(super::SuiteCase::need).collect();
        assert!(needs.windows(2).all(|w| w[0].cost < w[1].cost), "{needs:?}");
        assert!(needs[3].memory > 4096 * 4096 * 4, "{needs:?}");
    }
}
