//! What the reader of a blocked stamp finds, who did not run it: figures of the frame beside those of its parts, pictures
//! that show something, pixels traced.

use std::collections::BTreeSet;
use std::path::Path;

use bragg_tests::audits::{BLOCKED, audit};
use bragg_tests::programs::temporary_folder;
use bragg_tests::stamps::{json, only_stamp, text, verify_checksums};

/// Width, height and the colours of a PNG.
fn decoded(path: &Path) -> (u32, u32, BTreeSet<[u8; 3]>) {
    let file = std::fs::File::open(path).expect("a picture that can be read");
    let reader = png::Decoder::new(std::io::BufReader::new(file)).read_info();
    let mut reader = reader.expect("a picture that can be read");
    let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
    let info = reader.next_frame(&mut pixels).expect("a picture that can be read");
    assert_eq!(info.color_type, png::ColorType::Rgb, "{}", path.display());
    let (triples, _) = pixels.as_chunks::<3>();
    (info.width, info.height, triples.iter().copied().collect())
}

#[test]
fn a_blocked_stamp_shows_where_and_what() {
    let reports = temporary_folder();
    let words = ["--sizes", "384", "--iterations", "1", "--no-profile", "--candidate-args", "-default_F 101"];
    audit("capture", &words, reports.path()).expect_code(BLOCKED);
    let stamp = only_stamp(reports.path(), "b1");
    verify_checksums(&stamp);
    let blockers = text(&stamp, "blockers.md");
    // the frame beside its parts, gate by gate
    let head = blockers.lines().find(|l| l.starts_with("| gate | required | whole frame |"));
    let head = head.unwrap_or_else(|| panic!("no table of regions:\n{blockers}"));
    for part in ["around the centre: fast 64 to 319, slow 64 to 319", "around the largest local error: fast "]
    {
        assert!(head.contains(part), "{head}");
    }
    let row = blockers.lines().find(|l| l.starts_with("| `relative_l1` | ≤ 2e-4 |")).expect("a row");
    assert_eq!(row.matches("**0.020100**").count(), 3, "{row}");
    // F 101 in place of 100: every pixel × 1.0201, which the correlation does not see
    let row = blockers.lines().find(|l| l.starts_with("| `correlation` | ≥ 0.999 | 1 − ")).expect("a row");
    assert!(!row.contains("**"), "{row}");
    // pictures of the frame and of the region: named, there, and not empty
    let capture = json(&stamp, "capture.json");
    let pictures = capture["sizes"][0]["cold"]["pictures"].as_array().expect("pictures");
    let names = [
        "reference",
        "candidate",
        "difference",
        "ratio",
        "tiles_sum",
        "tiles_l1",
        "tiles_z",
        "radial_profile",
        "error_against_intensity",
    ];
    for folder in ["", "region/"] {
        for name in names {
            let ending = format!("/cold/{folder}{name}.png");
            let picture = pictures.iter().filter_map(|p| p.as_str()).find(|p| p.ends_with(&ending));
            let picture = picture.unwrap_or_else(|| panic!("no {ending}: {pictures:?}"));
            assert!(blockers.contains(&format!("![{name}]({picture})")), "{picture} is not in blockers.md");
            let (width, height, colours) = decoded(&stamp.join(picture));
            assert!((300..1200).contains(&width) && (300..1200).contains(&height), "{width} × {height}");
            // charts have few colours; an image of a diffraction pattern has many more than its colour bar
            let least = match name {
                "reference" | "candidate" | "difference" => 300,
                "radial_profile" => 4,
                "error_against_intensity" => 10,
                _ => 100,
            };
            assert!(colours.len() >= least, "{picture}: {} colours", colours.len());
        }
    }
    assert_eq!(pictures.len(), 2 * names.len());
    // traced pixels, with the first value that differs
    let traced = text(&stamp, "first_divergence.md");
    assert!(traced.contains("`F_cell` differs although everything it is made from"), "{traced}");
    let pixels = traced.split("## Traced pixels").nth(1).expect("the list of pixels");
    assert!(pixels.lines().filter(|l| l.starts_with("- ")).count() >= 3, "{pixels}");
    // one image, cold and warm: one set of rows
    assert!(blockers.contains("| 384 × 384, cold and warm | `correlation` |"), "{blockers}");
}
