//! bragg-audit
fn main() {}
