//! Files made of an image block by block: the next block is made while one is written, and no second image is ever in
//! memory.

use crate::buffer::Buffer;
use bytemuck::{Pod, cast_slice};
use rayon::prelude::*;
use std::io::{self, Write};

/// Bytes that one thread makes at a time.
const BLOCK: usize = 1 << 19;
/// Threads beyond this do not help a file, and would only take memory.
const MOST_THREADS: usize = 16;

/// Writes a header and then `count` values. `fill` is called with the number of the first value that it has to make and
/// with their place, always in order.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn stream<T: Pod + Send + Sync>(
    out: &mut (dyn Write + Send),
    header: &[u8],
    count: usize,
    mut fill: impl FnMut(usize, &mut [T]) + Send,
) -> io::Result<()> {
    let size = size_of::<T>();
    let threads = rayon::current_num_threads().min(MOST_THREADS);
    let most = (threads * BLOCK / size).max(1);
    let len = most.min(count + header.len());
    // One thread cannot make a block while it writes another: a single one stays in its cache.
    let no_memory = |error| io::Error::new(io::ErrorKind::OutOfMemory, error);
    let mut buffer = Buffer::zeroed(if threads == 1 { len } else { 2 * len }).map_err(no_memory)?;
    let (mut full, mut empty) = buffer.split_at_mut(len);
    // The header is part of the first block where it fits, so that all writes but the last end at a whole page.
    let lead =
        if header.len().is_multiple_of(size) && header.len() < size * most { header.len() / size } else { 0 };
    if lead == 0 {
        out.write_all(header)?;
    } else {
        bytemuck::cast_slice_mut(&mut full[..lead]).copy_from_slice(header);
    }
    let mut made = count.min(most - lead);
    let mut ready = lead + made;
    fill(0, &mut full[lead..ready]);
    while made < count {
        let next = most.min(count - made);
        if threads == 1 {
            out.write_all(cast_slice(&full[..ready]))?;
            fill(made, &mut full[..next]);
        } else {
            let (written, ()) =
                rayon::join(|| out.write_all(cast_slice(&full[..ready])), || fill(made, &mut empty[..next]));
            written?;
            std::mem::swap(&mut full, &mut empty);
        }
        (made, ready) = (made + next, next);
    }
    out.write_all(cast_slice(&full[..ready]))
}

/// Makes the parts of a block on all threads; `fill` as in [`stream`], in any order.
pub(crate) fn in_parallel<T: Send>(first: usize, out: &mut [T], fill: impl Fn(usize, &mut [T]) + Sync) {
    let size = (BLOCK / size_of::<T>()).max(1);
    out.par_chunks_mut(size).enumerate().for_each(|(i, part)| fill(first + i * size, part));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of `count` numbers, made on some threads.
    fn made(header: &[u8], count: usize, threads: usize) -> Vec<u8> {
        let mut file = Vec::new();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let fill = |first: usize, out: &mut [u16]| {
            in_parallel(first, out, |first, out| {
                for (i, value) in (first..).zip(out) {
                    *value = (i % 65521) as u16;
                }
            });
        };
        pool.install(|| stream(&mut file, header, count, fill)).unwrap();
        file
    }

    #[test]
    fn every_value_is_written_once_and_in_order() {
        for header in [&b""[..], b"head", b"odd"] {
            for count in [0, 1, 1000, BLOCK / 2, BLOCK / 2 + 1, 3 * BLOCK + 5] {
                let mut expected = header.to_vec();
                expected.extend((0..count).flat_map(|i| ((i % 65521) as u16).to_ne_bytes()));
                for threads in [1, 2, 3] {
                    assert!(made(header, count, threads) == expected, "{count} values, {threads} threads");
                }
            }
        }
    }

    #[test]
    fn a_disk_that_is_full_is_an_error() {
        struct Full(usize);
        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let write = |room| stream(&mut Full(room), b"", 4 * BLOCK, |_, out: &mut [u8]| out.fill(1));
        assert_eq!(write(2 * BLOCK).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert!(write(4 * BLOCK).is_ok());
    }
}
