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
    let intrinsics = ["_mm512_", "_mm256_", "_mm_"];
    let calls: Vec<&&str> = names.iter().filter(|name| intrinsics.iter().any(|i| name.contains(i))).collect();
    assert!(calls.is_empty(), "a closure or a function without inline(always)? {calls:#?}");
}
