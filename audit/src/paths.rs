//! Paths in JSON. A path is text there; one that is not UTF-8 is written as `bytes:` and its bytes, those outside plain
//! ASCII as `%XX`, so that it is read back as it was.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

const MARK: &str = "bytes:";

/// A path as text.
#[must_use]
pub fn text(path: &Path) -> String {
    match path.to_str() {
        Some(plain) if !plain.starts_with(MARK) => plain.to_owned(),
        _ => path.as_os_str().as_bytes().iter().fold(MARK.to_owned(), |text, byte| match byte {
            b'%' | 0..=0x20 | 0x7f.. => format!("{text}%{byte:02X}"),
            plain => format!("{text}{}", char::from(*plain)),
        }),
    }
}

/// The path that a text means.
///
/// # Errors
/// A `%` without two hexadecimal digits.
pub fn path(text: &str) -> Result<PathBuf, String> {
    let Some(encoded) = text.strip_prefix(MARK) else { return Ok(text.into()) };
    let (mut bytes, mut rest) = (Vec::new(), encoded.as_bytes());
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = tail.get(..2).and_then(|d| std::str::from_utf8(d).ok());
        let byte = digits.and_then(|d| u8::from_str_radix(d, 16).ok());
        bytes.push(byte.ok_or_else(|| format!("`{text}`: two hexadecimal digits are wanted after `%`"))?);
        rest = &tail[2..];
    }
    Ok(OsString::from_vec(bytes).into())
}

/// What `#[serde(with = "crate::paths")]` may stand on.
pub trait Paths: Sized {
    /// Its form in JSON.
    type Form: Serialize + for<'a> Deserialize<'a>;
    /// To JSON.
    fn form(&self) -> Self::Form;
    /// From JSON.
    ///
    /// # Errors
    /// As [`path`].
    fn back(form: Self::Form) -> Result<Self, String>;
}

impl Paths for PathBuf {
    type Form = String;
    fn form(&self) -> String {
        text(self)
    }
    fn back(form: String) -> Result<Self, String> {
        path(&form)
    }
}

impl Paths for (PathBuf, String) {
    type Form = (String, String);
    fn form(&self) -> (String, String) {
        (text(&self.0), self.1.clone())
    }
    fn back((name, other): (String, String)) -> Result<Self, String> {
        Ok((path(&name)?, other))
    }
}

impl<T: Paths> Paths for Option<T> {
    type Form = Option<T::Form>;
    fn form(&self) -> Self::Form {
        self.as_ref().map(T::form)
    }
    fn back(form: Self::Form) -> Result<Self, String> {
        form.map(T::back).transpose()
    }
}

impl<T: Paths> Paths for Vec<T> {
    type Form = Vec<T::Form>;
    fn form(&self) -> Self::Form {
        self.iter().map(T::form).collect()
    }
    fn back(form: Self::Form) -> Result<Self, String> {
        form.into_iter().map(T::back).collect()
    }
}

/// For serde.
///
/// # Errors
/// The serializer's.
pub fn serialize<T: Paths, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    value.form().serialize(to)
}

/// For serde.
///
/// # Errors
/// The deserializer's, and a path that is written wrongly.
pub fn deserialize<'de, T: Paths, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    T::back(T::Form::deserialize(from)?).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_comes_back() {
        for bytes in [&b"/a/b c"[..], b"", b"/\xff%/\n\x80", b"bytes:x", "/é".as_bytes()] {
            let before = PathBuf::from(OsString::from_vec(bytes.to_vec()));
            assert_eq!(path(&text(&before)).unwrap(), before, "{}", text(&before));
        }
        assert_eq!(text(Path::new("/é x")), "/é x", "ordinary paths are plain");
        assert!(path("bytes:%f").is_err() && path("bytes:%zz").is_err());
    }
}
