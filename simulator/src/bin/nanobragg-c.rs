//! nanobragg-c
fn main() {}
