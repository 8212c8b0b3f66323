//! The files that the original nanoBragg writes, byte for byte: by their SHA-256 everywhere, and the noise also from the
//! original's own float images where they are at hand (`NB_GOLDEN`, else `../shared/golden` beside the workspace).

use nanobragg::cli::parse::parse;
use nanobragg::cli::request::{Origin, Request};
use nanobragg::image::{Noise, NoiseStream};
use nanobragg::io::smv;
use nanobragg::physics::Model;
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A golden case of the group `files`.
struct Case {
    id: &'static str,
    line: &'static str,
    /// SHA-256 of the files.
    integer: &'static str,
    pgm: &'static str,
    noise: &'static str,
    /// Sum of the values of the noise image.
    noise_sum: u64,
}

const CASES: &[Case] = &[
    Case {
        id: "files-noise",
        line: "-default_F 100 -cell 100 100 100 90 90 90 -lambda 6.2 -N 5 -distance 100 -pixel 0.1 -detpixels 96 -fluence 1e28 -seed 1234 -adc 10 -scale 0.5",
        integer: "76a879b931451c8f5be086b44e23e838086f0a78774b4aec05b7302633e5486e",
        pgm: "34d677c64d4eb99510f4dc2893d810169c1701252a3f985e5bf8b00883b5ab5b",
        noise: "302f783965def202944e2878c05dd0b8c77c333a805172c54ae66ecc9dcbfc20",
        noise_sum: 94353,
    },
    Case {
        id: "files-pgmscale",
        line: "-default_F 100 -cell 100 100 100 90 90 90 -lambda 1.0 -N 5 -distance 100 -pixel 0.1 -detpixels 128 -oversample 1 -seed 5 -pgmscale 0.3",
        integer: "27991de77e456682eb4634e742dac5da44d488f8c14ebd4ee4c015524b6d2cf6",
        pgm: "ea4b2d6ed996fe3a3251383c5191919d7df10a960e53dcd2bbc6f016ad57b178",
        noise: "90e2ca9c1d69c6b6325daf4c1e45f5a8292b59377119a86d3f27cc66391507f7",
        noise_sum: 692083,
    },
    Case {
        id: "files-rect-offcentre",
        line: "-default_F 100 -cell 100 100 100 90 90 90 -lambda 1.0 -N 5 -distance 100 -pixel 0.1 -detpixels_f 110 -detpixels_s 70 -oversample 1 -xds -Xbeam 4 -Ybeam 2.5 -detector_rotx 3 -twotheta 4 -phi 3 -osc 2 -phisteps 2 -seed 3 -fluence 1e27 -roi 10 90 5 60",
        integer: "7642978a2f520ed11f3f3c3878efc7df99a6dfc1a2fc48f3dbca581c8f8e688b",
        pgm: "3eec1911ad54e4b7b5d81f70128af3803bced4e4ca0ee6c0556370d1123dcc8c",
        noise: "4b66adf7a5cd396b0ea43ce8df7c0775ae60895aa30be98924ca298448ff15b8",
        noise_sum: 181542,
    },
    Case {
        id: "files-denzo-water",
        line: "-default_F 100 -cell 100 100 100 90 90 90 -lambda 6.2 -N 5 -distance 100 -pixel 0.1 -detpixels 64 -denzo -Xbeam 2.1 -Ybeam 4 -seed 8 -water 30 -fluence 1e26 -scale 2",
        integer: "094a80b955bb96ffc76332b869e0d3cf5ea3d63449f9e9fe6d9aa0cfdfc119fa",
        pgm: "379ae3a01f06874e7b80a90edea88618a50c84e62ac7da24a085ecacffc0e917",
        noise: "32b394bcbb3687feb212c67b19ca7f9f6d1ab103563b9a34d42ed1f849caface",
        noise_sum: 15547189,
    },
];

/// The original's images, if they are there.
fn golden() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/golden");
    let folder = std::env::var_os("NB_GOLDEN").map_or(beside, PathBuf::from).join("images");
    folder.is_dir().then_some(folder)
}

/// Renders a case with all its files.
fn render(case: &Case) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let mut command = Command::new(env!("CARGO_BIN_EXE_nanobragg"));
    let status =
        command.current_dir(directory.path()).args(case.line.split_whitespace()).arg("--quiet").status();
    assert!(status.expect("a command that starts").success(), "{}", case.id);
    directory
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The values of an SMV image with a header of 512 bytes.
fn values(bytes: &[u8]) -> Vec<u16> {
    bytes[512..].as_chunks::<2>().0.iter().map(|&pair| u16::from_le_bytes(pair)).collect()
}

#[test]
fn integer_and_pgm_images_are_the_originals() {
    for case in CASES {
        let directory = render(case);
        for (file, expected) in [("intimage.img", case.integer), ("image.pgm", case.pgm)] {
            let bytes = std::fs::read(directory.path().join(file)).unwrap();
            assert_eq!(sha256(&bytes), expected, "{}: {file}", case.id);
        }
    }
}

#[test]
fn noise_images_are_the_originals_from_end_to_end() {
    for case in CASES {
        let directory = render(case);
        let bytes = std::fs::read(directory.path().join("noiseimage.img")).unwrap();
        let sum: u64 = values(&bytes).iter().map(|&value| u64::from(value)).sum();
        let change = sum as f64 / case.noise_sum as f64 - 1.0;
        assert!(change.abs() <= 1e-3, "{}: {sum} instead of {}", case.id, case.noise_sum);
        if sha256(&bytes) != case.noise {
            // A mathematical library that rounds one pixel otherwise shifts the stream from there on.
            let original =
                golden().map(|folder| std::fs::read(folder.join(format!("{}.noiseimage.img", case.id))));
            let first = original.map(|file| {
                let (ours, theirs) = (values(&bytes), values(&file.unwrap()));
                ours.iter().zip(&theirs).position(|(x, y)| x != y)
            });
            eprintln!("{}: the noise is not the original's from pixel {first:?} on", case.id);
        }
    }
}

#[test]
fn noise_drawn_from_the_originals_float_images_is_the_originals() {
    let Some(folder) = golden() else {
        eprintln!("not run: the original's float images are not there (../shared/golden, NB_GOLDEN)");
        return;
    };
    for case in CASES {
        let words: Vec<OsString> = case.line.split_whitespace().map(OsString::from).collect();
        let request = parse(words, Request::default(), &Origin::Flag).unwrap();
        let model = Model::new(&request.experiment, None).unwrap();
        let float = std::fs::read(folder.join(format!("{}.bin", case.id))).unwrap();
        let image: Vec<f32> = float.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
        let (adc, seed) = (request.output.adc, request.output.seed.unwrap());
        let mut noise = vec![0; image.len()];
        Noise::new(&model, &image, adc, seed, NoiseStream::Nanobragg).fill(0, &mut noise);
        let mut bytes = smv::header(&model, request.experiment.sampling.phi);
        bytes.extend(noise.iter().flat_map(|value| value.to_le_bytes()));
        assert_eq!(sha256(&bytes), case.noise, "{}", case.id);
    }
}
