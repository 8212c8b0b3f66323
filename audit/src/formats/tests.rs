//! Tests of `formats`.

use super::*;
use proptest::prelude::*;
use std::path::PathBuf;

fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (dir, path)
}

fn open(name: &str, bytes: &[u8], shape: Option<Shape>) -> Result<Vec<f64>, FormatError> {
    let (_dir, path) = file(name, bytes);
    read(&path, None, shape).map(|a| a.to_f64())
}

const THREE_BY_TWO: Shape = Shape { width: 3, height: 2 };

/// Files that NumPy 2 wrote: `array(v).reshape(2, 3)`, slow-major 0, 1.5, −2, 300, nan, inf (integers: 0, 1, 2, 3, 4, 5).
fn numpy(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/npy").join(name)
}

#[test]
fn numpy_files() {
    let floats = [0.0, 1.5, -2.0, 300.0, f64::NAN, f64::INFINITY];
    for name in [
        "f4le.npy",
        "f4be.npy",
        "f8le.npy",
        "f8be.npy",
        "f4v2.npy",
        "f8v3.npy",
        "f4fortran.npy",
        "f4lead.npy",
    ] {
        let array = read(&numpy(name), None, None).unwrap();
        assert_eq!(array.shape(), THREE_BY_TWO, "{name}");
        let bits = |v: &[f64]| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&array.to_f64()), bits(&floats), "{name}");
    }
    for name in
        ["u1.npy", "i1.npy", "u2be.npy", "i2.npy", "u4.npy", "i4be.npy", "u8.npy", "i8.npy", "i4fortran.npy"]
    {
        let array = read(&numpy(name), None, Some(THREE_BY_TWO)).unwrap();
        assert_eq!(array.to_f64(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0], "{name}");
    }
    for (name, word) in
        [("c8.npy", "descr"), ("three.npy", "two axes"), ("zero.npy", "empty"), ("line.npy", "--shape")]
    {
        let error = read(&numpy(name), None, None).err().unwrap().to_string();
        assert!(error.contains(word), "{name}: {error}");
    }
    assert_eq!(read(&numpy("line.npy"), None, Some(THREE_BY_TWO)).unwrap().to_f64().len(), 6);
    let error = read(&numpy("f4le.npy"), None, Some(Shape::new(2, 3))).err().unwrap();
    assert!(matches!(error, FormatError::OtherShape { .. }), "{error}");
}

#[test]
fn raw_floats() {
    let values = [1.0_f32, f32::NAN, -0.0, f32::INFINITY, 1e-45, 2.0];
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let (_dir, path) = file("a.bin", &bytes);
    let array = read(&path, None, Some(THREE_BY_TWO)).unwrap();
    let bits = |v: &[f32]| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(array.as_f32().unwrap()), bits(&values));
    assert_eq!(array.get(4), f64::from(1e-45_f32));
    // the length says f64 when the shape is known
    let double = read(&path, None, Some(Shape::new(3, 1))).unwrap();
    assert_eq!((double.element(), double.as_f64().is_some()), (Element::F64, true));
    let error = read(&path, None, Some(Shape::new(3, 3))).err().unwrap().to_string();
    assert!(error.contains("24 bytes") && error.contains("take 36") && error.contains("cut off"), "{error}");
    let error = read(&path, None, Some(Shape::new(1, 1))).err().unwrap().to_string();
    assert!(error.contains("another shape"), "{error}");
    let error = read(&path, None, Some(Shape::new(usize::MAX, usize::MAX))).err().unwrap();
    assert!(matches!(error, FormatError::Length { .. }));
    let needs = open("a.bin", &bytes[..16], None).unwrap_err();
    assert!(needs.to_string().contains("--shape") && needs.to_string().contains("2x2 would fit"), "{needs}");
    assert_eq!(needs.exit(), Exit::Usage);
}

#[test]
fn smv_files() {
    let head = |more: &str| {
        let mut text =
            format!("{{\nHEADER_BYTES=512;\nSIZE1=3;\nSIZE2=2;\nDIALS_ORIGIN=-1,2,-3\n{more}}}\x0c")
                .into_bytes();
        text.resize(512, b' ');
        text
    };
    let little: Vec<u8> = [0_u16, 1, 65535, 3, 4, 5].iter().flat_map(|v| v.to_le_bytes()).collect();
    let want = [0.0, 1.0, 65535.0, 3.0, 4.0, 5.0];
    let both = |head: Vec<u8>, pixels: &[u8]| [head, pixels.to_vec()].concat();
    let whole = both(head("TYPE=unsigned_short;\nBYTE_ORDER=little_endian;\n"), &little);
    assert_eq!(open("a.bin", &whole, None).unwrap(), want);
    let big: Vec<u8> = [0_u16, 1, 65535, 3, 4, 5].iter().flat_map(|v| v.to_be_bytes()).collect();
    assert_eq!(open("a.img", &both(head("BYTE_ORDER=big_endian;"), &big), None).unwrap(), want);
    let long: Vec<u8> = [-1_i32, 1, 70000, 3, 4, 5].iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(open("a", &both(head("TYPE=signed_long;"), &long), None).unwrap()[..3], [-1.0, 1.0, 70000.0]);
    for (bytes, word) in [
        (whole[..whole.len() - 1].to_vec(), "cut off"),
        (whole[..200].to_vec(), "HEADER_BYTES=512"),
        (both(head("TYPE=complex;"), &little), "TYPE=complex"),
        (both(head("BYTE_ORDER=middle;"), &little), "middle"),
        (b"{\nHEADER_BYTES=2;\nSIZE1=3;\nSIZE2=2;\n}".to_vec(), "HEADER_BYTES=2"),
        (b"{\nHEADER_BYTES=512;\n".to_vec(), "no end"),
        (b"{\nHEADER_BYTES=20;}    xxxxxxxxx".to_vec(), "no SIZE1"),
    ] {
        let error = open("a.img", &bytes, None).unwrap_err().to_string();
        assert!(error.contains(word), "{word}: {error}");
    }
}

#[test]
fn pgm_files() {
    let want = [0.0, 1.0, 200.0, 3.0, 4.0, 5.0];
    assert_eq!(open("a", b"P5\n3 2\n# a comment 9 9\n255\n\x00\x01\xc8\x03\x04\x05", None).unwrap(), want);
    assert_eq!(open("a", b"P5 3 2 300 \0\0\0\x01\0\xc8\0\x03\0\x04\0\x05", None).unwrap(), want);
    assert_eq!(open("a", b"P2\n3 2\n255\n0 1 200\n3 4 5\n", None).unwrap(), want);
    for (bytes, word) in [
        (&b"P5\n3 2\n255\n\x00\x01"[..], "cut off"),
        (b"P5\n3 2\n0\n\x00\x01", "largest value of 0"),
        (b"P2\n3 2\n255\n0 1 2 3 4", "cut off"),
        (b"P2\n3 2\n255\n0 1 2 3 4 x", "neither"),
        (b"P2\n3 2\n9\n0 1 2 3 4 10", "exceeds"),
        (b"P5\n3", "no height"),
        (b"P2\n99999999 99999999\n255\n1", "cut off"),
        (b"P5\n99999999999 99999999999\n255\n1", "cut off"),
    ] {
        let error = open("a.pgm", bytes, None).unwrap_err().to_string();
        assert!(error.contains(word), "{word}: {error}");
    }
}

#[test]
fn what_is_no_file_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let missing = read(&dir.path().join("none"), None, None).err().unwrap();
    assert!(matches!(missing, FormatError::Missing(_)));
    assert_eq!(missing.exit(), Exit::NotComparable);
    assert!(matches!(read(dir.path(), None, None), Err(FormatError::NotAFile(_))));
    assert!(matches!(open("a", b"", None), Err(FormatError::Empty(_))));
    assert!(matches!(open("a.img", b"P6", None), Err(FormatError::Header { .. })));
}

#[test]
fn logs_tell_shapes() {
    for (log, want) in [
        ("detector: 64 x 32 pixels of 0.1 mm", Some(Shape::new(64, 32))),
        ("detector: 64 × 32 pixels of 0.1 mm", Some(Shape::new(64, 32))),
        ("distance=0.1 detsize=0.1x0.1  pixel=0.0001 meters (1024x768 pixels)", Some(Shape::new(1024, 768))),
        ("steps over 12 pixels\nhot pixels: none\nimage 7x9 pixels", Some(Shape::new(7, 9))),
        ("rms over 2048 pixels", None),
        ("0x5 pixels, 1.5 x 3 pixels", None),
        ("99999999999999999999999x3 pixels", None),
    ] {
        assert_eq!(Shape::from_log(log), want, "{log}");
    }
    assert_eq!("640x480".parse(), Ok(THREE_BY_TWO).map(|_: Shape| Shape::new(640, 480)));
    for bad in ["", "4", "0x4", "4x", "4x4x4", "-1x3", "axb"] {
        assert!(bad.parse::<Shape>().is_err(), "{bad}");
    }
}

#[test]
fn goldens_of_nanobragg_are_read() {
    let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/golden/images");
    let path = images.join("files-rect-offcentre.intimage.img");
    if !path.is_file() {
        println!("NOT RUN: no golden images here");
        return;
    }
    let img = read(&path, None, None).unwrap();
    let float = read(&images.join("files-rect-offcentre.bin"), None, Some(img.shape())).unwrap();
    let pgm = read(&images.join("files-rect-offcentre.image.pgm"), None, None).unwrap();
    assert_eq!((pgm.shape(), img.element(), pgm.element()), (img.shape(), Element::U16, Element::U8));
    // the integer image is floor(scale · pixel + adc + 0.5): it rises with the float one
    let (brightest, _) = float.to_f64().into_iter().enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
    let top = img.to_f64().into_iter().fold(0.0, f64::max);
    assert_eq!(img.get(brightest), top);
}

proptest! {
    /// Files that are nearly right, or not at all, are read or refused; nothing panics and nothing allocates at will.
    #[test]
    fn garbage_is_refused_not_believed(
        base in 0..6_usize,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        noise in prop::collection::vec(any::<u8>(), 1..200),
        shape in prop::option::of((0..9_usize, 0..9_usize)),
        name in prop::sample::select(vec!["a", "a.npy", "a.img", "a.pgm", "a.f64"]),
    ) {
        let mut bytes = match base {
            0 => std::fs::read(numpy("f4le.npy")).unwrap(),
            1 => std::fs::read(numpy("i4fortran.npy")).unwrap(),
            2 => b"{\nHEADER_BYTES=64;\nSIZE1=3;\nSIZE2=2;\n}                          0123456789abcdef".to_vec(),
            3 => b"P5\n3 2\n255\n012345".to_vec(),
            4 => b"P2\n3 2\n255\n0 1 2 3 4 5".to_vec(),
            _ => noise,
        };
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        let (_dir, path) = file(name, &bytes);
        for format in [None, Some(Format::F32), Some(Format::F64), Some(Format::Npy), Some(Format::Smv), Some(Format::Pgm)] {
            if let Ok(array) = read(&path, format, shape.map(|(w, h)| Shape::new(w, h))) {
                prop_assert_eq!(array.to_f64().len(), array.width() * array.height());
                prop_assert!(array.len() <= bytes.len());
            }
        }
    }
}

#[test]
fn what_is_not_read_is_named_and_how_to_convert_it() {
    let pad = |mark: &[u8]| [mark, &[0; 4000]].concat();
    for (name, mark, kind, advice) in [
        ("x.png", &b"\x89PNG\r\n\x1a\n"[..], "PNG", "x.npy', imageio.v3.imread('"),
        ("x.img", b"II*\0", "TIFF", "imageio"),
        ("x.cbf", b"###CBF: VERSION 1.5", "CBF", "fabio.open('"),
        ("x.h5", b"\x89HDF\r\n\x1a\n", "HDF5", "h5py"),
        ("x.npz", b"PK\x03\x04", "archive of NumPy", "numpy.load('"),
        ("x.img.gz", b"\x1f\x8b\x08", "gzip", "gunzip"),
        ("x y.png", b"\x89PNG\r\n\x1a\n", "PNG", "(IN: its name"),
    ] {
        let error = open(name, &pad(mark), None).unwrap_err();
        let text = error.to_string();
        assert!(
            matches!(error, FormatError::Foreign { .. }) && error.exit() == Exit::NotComparable,
            "{text}"
        );
        assert!(text.contains(kind) && text.contains(advice) && text.contains("NPY, SMV, PGM"), "{text}");
        assert!(text.lines().count() == 1 && open(name, &pad(mark), Some(THREE_BY_TWO)).is_err());
    }
    // pixels may begin with any bytes
    let pixels = [&b"\x1f\x8b\x08\x40"[..], &[0; 20]].concat();
    assert_eq!(open("x.bin", &pixels, Some(THREE_BY_TWO)).unwrap().len(), 6);
    assert!(read(&file("x.bin", &pixels).1, Some(Format::F32), Some(Shape::new(2, 2))).is_err());
}
