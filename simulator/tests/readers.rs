//! Readers survive whatever they are given: an error that names the file, or data; never a panic, never a hang.

use nanobragg::io::{ReadError, dump, hkl, matrix, smv, sources};
use proptest::prelude::*;
use std::path::Path;

/// Reads a file in every way.
fn read_all(path: &Path) -> Vec<Result<(), ReadError>> {
    vec![
        hkl::read_hkl(path, 0.0, false).map(drop),
        hkl::read_hkl(path, 1.0, true).map(drop),
        matrix::read_matrix(path).map(drop),
        sources::read_sources(path).map(drop),
        dump::read_dump(path).map(drop),
        smv::read_header(path).map(drop),
        smv::read_image(path).map(drop),
    ]
}

fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("input");
    std::fs::write(&path, bytes).expect("a file");
    for error in read_all(&path).into_iter().filter_map(Result::err) {
        let message = error.to_string();
        prop_assert!(message.contains("input"), "{}", message);
        prop_assert!(message.lines().count() == 1 && message.len() < 1000, "{}", message);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        check(&bytes)?;
    }

    #[test]
    fn words_that_look_almost_right(
        words in prop::collection::vec("[-+]?[0-9]{1,12}(\\.[0-9]{0,3})?(e[-+]?[0-9]{1,3})?|nan|inf|#|=|;|\\{|\\}|\r\n|\n|\x0c|SIZE1|HEADER_BYTES", 0..80),
    ) {
        check(words.join(" ").as_bytes())?;
    }

    #[test]
    fn headers_that_lie(size in any::<[u32; 2]>(), header in any::<u32>(), cut in 0..700_usize) {
        let mut text = format!("{{\nHEADER_BYTES={header};\nSIZE1={};\nSIZE2={};\n}}", size[0], size[1]).into_bytes();
        text.resize(600, b' ');
        text.truncate(cut);
        check(&text)?;
    }

    #[test]
    fn caches_that_lie(limits in any::<[i32; 6]>(), data in prop::collection::vec(any::<u8>(), 0..200)) {
        let [a, b, c, d, e, f] = limits;
        let mut bytes = format!("{a} {b} {c} {d} {e} {f}\n\x0c").into_bytes();
        bytes.extend(data);
        check(&bytes)?;
    }
}

#[test]
fn a_file_that_is_not_there_or_a_directory_is_named() {
    for path in ["/no/such/input", "/tmp"] {
        for result in read_all(Path::new(path)) {
            assert!(result.unwrap_err().to_string().contains(path));
        }
    }
}
