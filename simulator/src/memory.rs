//! Memory that is free, and memory that was used, where the system tells.

/// Bytes that new work may use.
pub fn free() -> Option<u64> {
    field("/proc/meminfo", "MemAvailable:")
}

/// The most bytes that this process has had in use so far.
pub fn peak() -> Option<u64> {
    field("/proc/self/status", "VmHWM:")
}

/// A line `NAME   123 kB` of a file of the proc file system, in bytes.
fn field(file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| 1024 * kilobytes)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn linux_tells_both() {
        assert!(super::free().is_some_and(|n| n > 1 << 20));
        assert!(super::peak().is_some_and(|n| n > 1 << 16));
    }
}
