//! nanobragg
fn main() {}
