//! The C engine (`c_engine/`), linked into this program and called as the command that it is.
//!
//! It is a program of its own: it reads its own arguments, writes its own files and its own messages. Nothing but the
//! argument list crosses this boundary, so that agreement between the engines means something.

use std::ffi::{CString, OsString, c_char, c_int};

/// Runs the C engine's command with these arguments (without the program's name) and returns its exit status:
/// 0 done, 1 a file could not be read or written, 2 bad command line or input. Messages go to standard error.
#[must_use]
pub fn main_with(args: Vec<OsString>) -> u8 {
    let words: Result<Vec<CString>, _> = std::iter::once(OsString::from("nanobragg-c"))
        .chain(args)
        .map(|word| CString::new(word.into_encoded_bytes()))
        .collect();
    let Ok(words) = words else {
        eprintln!("nanobragg-c: error: an argument holds a 0 byte; leave it out");
        return 2;
    };
    run(&words)
}

#[expect(unsafe_code, reason = "the one call from Rust into the C engine")]
fn run(words: &[CString]) -> u8 {
    unsafe extern "C" {
        fn nanobragg_c_main(argc: c_int, argv: *mut *mut c_char) -> c_int;
    }

    let Ok(count) = c_int::try_from(words.len()) else {
        eprintln!("nanobragg-c: error: too many arguments");
        return 2;
    };
    let mut argv: Vec<*mut c_char> = words.iter().map(|word| word.as_ptr().cast_mut()).collect();
    argv.push(std::ptr::null_mut());
    // SAFETY: `argv` holds `count` pointers to strings that end in 0 and outlive the call, and a null pointer after
    // them, as C's `main` is promised. The engine reads the strings and writes to none; it keeps no pointer and no
    // other state after it returns, and it neither unwinds nor calls back.
    let status = unsafe { nanobragg_c_main(count, argv.as_mut_ptr()) };
    u8::try_from(status).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zero_byte_in_an_argument_is_an_error_and_not_a_shorter_argument() {
        assert_eq!(main_with(vec!["--version\0".into()]), 2);
    }

    #[test]
    fn the_exit_status_comes_through() {
        assert_eq!(main_with(vec!["--version".into()]), 0);
        assert_eq!(main_with(vec!["-no-such-option".into()]), 2);
        assert_eq!(main_with(vec!["-cell".into(), "100".into(), "-hkl".into(), "no-such-file".into()]), 1);
    }
}
