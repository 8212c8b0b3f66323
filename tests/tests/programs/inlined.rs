//! Kernels consist of the instructions of their level: an intrinsic that is left as a function of its own is a call for
//! each instruction, which made them four times slower once without any other sign.

use bragg_tests::programs::binary;
use object::{Object, ObjectSymbol};

#[test]
fn no_instruction_of_a_kernel_is_a_call() {
    let path = binary("nanobragg");
    let bytes = std::fs::read(&path).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let names: Vec<&str> = file.symbols().filter_map(|symbol| symbol.name().ok()).collect();
    assert!(names.iter().any(|name| name.contains("kernels")), "{} has no symbols", path.display());
    // of the narrow ones those on floats: check sums of packed images use the others
    let narrow = |name: &str| {
        name.contains("_mm_") && ["_ps", "_pd", "_ss", "_sd"].iter().any(|kind| name.contains(kind))
    };
    let wide = |name: &str| name.contains("_mm512_") || name.contains("_mm256_");
    let calls: Vec<&&str> = names.iter().filter(|name| wide(name) || narrow(name)).collect();
    assert!(calls.is_empty(), "a closure or a function without inline(always)? {calls:#?}");
}
