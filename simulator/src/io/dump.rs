//! The binary cache of a grid of structure factors: the line `hmin hmax kmin kmax lmin lmax`, a form feed, then f64
//! in native order, h slowest. Every axis has one element more than it needs.
//!
//! The file is mapped when it is read, and its rows are copied: the spare elements lie between them, the numbers begin
//! at any byte, and every value has to be looked at anyway.

use super::atomic::{Pending, WriteError};
use super::hkl::reserved;
use super::map::Bytes;
use super::text::{ReadError, integer, problem, words};
use crate::physics::structure_factor::HklGrid;
use std::path::Path;

/// The longest first line that makes sense.
const LONGEST_HEADER: usize = 256;
/// Bytes of the file that are in memory at a time.
const WINDOW: usize = 1 << 23;

/// Reads a cache.
///
/// # Errors
/// When the first line is not six whole numbers, the file is not as long as it says, or a value is not finite.
pub fn read_dump(path: &Path) -> Result<HklGrid, ReadError> {
    let bytes = Bytes::open(path)?;
    let end = bytes.iter().take(LONGEST_HEADER).position(|&byte| byte == b'\n');
    let end = end.ok_or_else(|| problem(path, Some(1), "not a cache of structure factors"))?;
    let limits: Vec<i32> = words(&bytes[..end])
        .map(integer)
        .collect::<Result<_, _>>()
        .map_err(|why| problem(path, Some(1), why))?;
    let [h0, h1, k0, k1, l0, l1] = limits[..] else {
        return Err(problem(path, Some(1), "not the six numbers hmin hmax kmin kmax lmin lmax"));
    };
    if h0 > h1 || k0 > k1 || l0 > l1 {
        return Err(problem(path, Some(1), "a minimum is above its maximum"));
    }
    let data = bytes[end + 1..].strip_prefix(b"\x0c").ok_or_else(|| {
        problem(path, Some(2), "no form feed after the first line: not a cache of structure factors")
    })?;
    // Checked before memory is taken for it.
    let elements = [(h0, h1), (k0, k1), (l0, l1)].map(|(a, b)| f64::from(b) - f64::from(a) + 2.0);
    let expected = 8.0 * elements.iter().product::<f64>();
    if data.len() as f64 != expected {
        let text =
            format!("{} bytes of data instead of the {expected} that its first line promises", data.len());
        return Err(problem(path, None, text));
    }
    let (min, max) = ([h0, k0, l0], [h1, k1, l1]);
    let mut values = reserved(path, min, max)?;
    let [nh, nk, nl] = elements.map(|n| n as usize);
    let mut released = 0;
    for (row, bytes_of_row) in data.chunks_exact(8 * nl).enumerate() {
        if row / nk < nh - 1 && row % nk < nk - 1 {
            let first = values.len();
            let numbers = &bytes_of_row.as_chunks::<8>().0[..nl - 1];
            values.extend(numbers.iter().map(|bytes| f64::from_ne_bytes(*bytes)));
            // No early end, so that many are looked at together.
            if !values[first..].iter().fold(true, |good, value| good & value.is_finite()) {
                let bad = values[first..].iter().find(|value| !value.is_finite()).unwrap_or(&f64::NAN);
                return Err(problem(path, None, format!("{bad} is not a structure factor")));
            }
        }
        let read = 8 * nl * (row + 1);
        if read - released >= WINDOW {
            bytes.release(&data[released..read]);
            released = read;
        }
    }
    Ok(HklGrid { min, max, values })
}

/// Writes a cache.
///
/// # Errors
/// When the file cannot be written; it is absent then, or as it was before.
pub fn write_dump(path: &Path, grid: &HklGrid) -> Result<(), WriteError> {
    let HklGrid { min, max, values } = grid;
    let side = |axis: usize| (i64::from(max[axis]) - i64::from(min[axis]) + 1) as usize;
    let header = format!("{} {} {} {} {} {}\n\x0c", min[0], max[0], min[1], max[1], min[2], max[2]);
    let elements = [0, 1, 2].map(|axis| side(axis) + 1);
    let length = header.len() + 8 * elements.iter().product::<usize>();
    Pending::new(path)?.reserve(length as u64)?.write(|out| {
        out.write_all(header.as_bytes())?;
        let spare = 0.0_f64.to_ne_bytes();
        for plane in values.chunks_exact(side(1) * side(2)) {
            for row in plane.chunks_exact(side(2)) {
                out.write_all(bytemuck::cast_slice(row))?;
                out.write_all(&spare)?;
            }
            out.write_all(&spare.repeat(elements[2]))?;
        }
        out.write_all(&spare.repeat(elements[1] * elements[2]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> HklGrid {
        let values = (0..24).map(|i| f64::from(i) * 1.5 - 3.0).collect();
        HklGrid { min: [-1, 0, 2], max: [0, 2, 5], values }
    }

    #[test]
    fn what_was_written_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("F.bin");
        write_dump(&path, &grid()).unwrap();
        assert_eq!(read_dump(&path).unwrap(), grid());
        let bytes = std::fs::read(&path).unwrap();
        assert!(bytes.starts_with(b"-1 0 0 2 2 5\n\x0c"));
        assert_eq!(bytes.len(), 14 + 8 * 3 * 4 * 5);
    }

    #[test]
    fn large_caches_are_mapped_and_read_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("F.bin");
        let sides = [30, 110, 417];
        let values = (0..sides.iter().product::<i32>()).map(|i| f64::from(i) * 0.7 - 1e5).collect();
        // The longer the first line, the more the numbers are out of line.
        for h in [0, 10, 100, 1000, 10_000] {
            let large = HklGrid {
                min: [h, -50, -200],
                max: [h + sides[0] - 1, sides[1] - 51, sides[2] - 201],
                values: Vec::clone(&values),
            };
            write_dump(&path, &large).unwrap();
            assert!(std::fs::metadata(&path).unwrap().len() > WINDOW as u64);
            assert_eq!(read_dump(&path).unwrap(), large);
        }
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        for (at, good) in [(middle, false), (bytes.len() - 8, true)] {
            let mut bytes = bytes.clone();
            let at = at - (at - bytes.len() % 8) % 8;
            bytes[at..at + 8].copy_from_slice(&f64::INFINITY.to_ne_bytes());
            std::fs::write(&path, &bytes).unwrap();
            // Nobody looks at the spare elements.
            assert_eq!(read_dump(&path).is_ok(), good, "{at}");
        }
        bytes.pop();
        std::fs::write(&path, &bytes).unwrap();
        assert!(read_dump(&path).unwrap_err().to_string().contains("instead of"));
    }

    #[test]
    fn damaged_caches_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("F.bin");
        write_dump(&path, &grid()).unwrap();
        let good = std::fs::read(&path).unwrap();
        let mut nan = good.clone();
        nan[14..22].copy_from_slice(&f64::NAN.to_ne_bytes());
        for bad in [
            &b""[..],
            b"\n\x0c",
            b"1 2 3\n\x0c",
            b"0 -1 0 0 0 0\n\x0c",
            b"-2147483648 2147483647 0 0 0 0\n\x0c",
            &good[..good.len() - 1],
            &[&good[..], b"\0"].concat(),
            &nan,
            &vec![0; 5000],
        ] {
            std::fs::write(&path, bad).unwrap();
            assert!(read_dump(&path).unwrap_err().to_string().contains("F.bin"));
        }
    }
}
