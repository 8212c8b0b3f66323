//! Where time goes: what a run of an engine leaves behind, and the readers of it.
//!
//! * [`sampler`] interrupts every thread of this process a thousand times a second and keeps registers and the top of
//!   the stack; `unwind` turns them into addresses, [`samples`] is the file they are written to.
//! * [`symbols`] turns an address into source lines, through inlining.
//! * [`chrome`] reads span traces in Chrome's JSON form.
//! * [`top`] sums such a trace up; [`python`] reads the names of Python functions in it.
//! * [`callgrind`] and [`perf_script`] read what those tools write.
//! * [`functions`] is the coarse view, per function, for flame graphs.

#[cfg(test)]
mod allocated;
mod budget;
pub mod callgrind;
pub mod chrome;
pub mod counts;
pub mod functions;
mod lines;
pub mod perf_script;
pub mod python;
pub mod sampler;
pub mod samples;
pub mod symbols;
pub mod top;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub mod unwind;

/// What an engine was doing when a sample fell, as a number that a signal handler can read.
pub mod phase {
    /// Outside of any render.
    pub const NONE: u8 = 0;
    /// Reading inputs and deriving constants.
    pub const SETUP: u8 = 1;
    /// Computing the image; the only phase that counts for `%time`.
    pub const RENDER: u8 = 2;
    /// Writing files.
    pub const OUTPUT: u8 = 3;
}

/// Bytes as hexadecimal digits.
fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// SHA-256 of a file, hexadecimal.
fn sha256_of(path: &std::path::Path) -> std::io::Result<String> {
    use sha2::Digest;
    let mut file = std::fs::File::open(path)?;
    let mut digest = sha2::Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match std::io::Read::read(&mut file, &mut buffer)? {
            0 => return Ok(hexadecimal(&digest.finalize())),
            n => digest.update(&buffer[..n]),
        }
    }
}
