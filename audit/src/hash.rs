//! sha256 of files and bytes, as lower-case hexadecimal text.

use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The sha256 of a file's content.
///
/// # Errors
/// When the file cannot be read.
pub fn file(path: &Path) -> std::io::Result<String> {
    let mut input = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        let n = input.read(&mut buffer)?;
        if n == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(&buffer[..n]);
    }
}

/// The sha256 of some bytes.
#[must_use]
pub fn bytes(data: &[u8]) -> String {
    hex(&Sha256::digest(data))
}

/// The sha256 of a text.
#[must_use]
pub fn text(text: &str) -> String {
    bytes(text.as_bytes())
}

fn hex(digest: &[u8]) -> String {
    use std::fmt::Write;
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_empty_file_has_the_well_known_hash() {
        let known = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(super::bytes(b""), known);
        assert_eq!(super::file(tempfile::NamedTempFile::new().unwrap().path()).unwrap(), known);
    }
}
