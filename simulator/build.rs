//! Builds the C engine (filled in with it).
fn main() {}
