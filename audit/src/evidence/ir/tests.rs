//! Modules drawn by hand, and garbage.

use super::*;
use crate::evidence::How;
use crate::inventory::Inventory;
use proptest::prelude::*;
use std::io::Cursor;

const SOURCE: &str = "fn total(v: &[f64]) -> f64 {
    let mut t = 0.0;
    for x in v {
        t += x;
    }
    t
}
";

/// A loop of scalar additions in order, at line 3 and 4 of `a.rs`.
const MODULE: &str = r#"define double @total(ptr %v, i64 %n) #0 !dbg !1 {
start:
  br label %loop, !dbg !3
loop:                                             ; preds = %start, %loop
  %i = phi i64 [ 0, %start ], [ %next, %loop ], !dbg !3
  %t = phi double [ 0.0, %start ], [ %sum, %loop ], !dbg !3
  %p = getelementptr double, ptr %v, i64 %i, !dbg !3
  %x = load double, ptr %p, align 8, !dbg !4
  %sum = fadd double %t, %x, !dbg !4
  %next = add i64 %i, 1, !dbg !3
  %done = icmp eq i64 %next, %n, !dbg !3
  br i1 %done, label %end, label %loop, !dbg !3, !llvm.loop !5
end:
  ret double %sum, !dbg !6
}

attributes #0 = { "target-cpu"="x86-64" "target-features"="+avx2,+fma" }

!0 = !DIFile(filename: "a.rs", directory: "/w")
!1 = distinct !DISubprogram(name: "total", scope: null, file: !0, line: 1)
!3 = !DILocation(line: 3, column: 14, scope: !1)
!4 = !DILocation(line: 4, column: 9, scope: !1)
!5 = distinct !{!5, !7}
!6 = !DILocation(line: 7, column: 2, scope: !1)
!7 = !{!"llvm.loop.isvectorized", i32 1}
"#;

fn inventory() -> Inventory {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.rs"), SOURCE).unwrap();
    Inventory::scan(dir.path(), &[]).unwrap()
}

fn found(module: &[u8], inventory: &Inventory) -> Found {
    let mut found = Found::default();
    read(Cursor::new(module), &mut Places::new(inventory, Path::new("/w")), &mut found).unwrap();
    found
}

fn only(module: &str) -> Instance {
    let inventory = inventory();
    let mut found = found(module.as_bytes(), &inventory);
    assert_eq!(found.skipped, 0);
    found.instances.remove(&0).unwrap().remove(0)
}

#[test]
fn the_vectorizers_mark_alone_is_no_vector_code() {
    let one = only(MODULE);
    assert_eq!(one.state, CodeState::Scalar);
    assert!(one.reason.unwrap().contains("from each iteration to the next through one operation"));
    assert_eq!(one.function, "total");
}

#[test]
fn vectors_and_the_mark_are() {
    let vector = MODULE
        .replace("%x = load double", "%x = load <8 x double>")
        .replace("phi double [ 0.0,", "phi <8 x double> [ zeroinitializer,")
        .replace("fadd double", "fadd <8 x double>");
    let one = only(&vector);
    assert_eq!((one.state, one.how), (CodeState::Vector, Some(How::LoopVectorizer)));
    assert_eq!(
        (one.bits, one.lanes, one.element.as_deref()),
        (Some(256), Some(4), Some("f64")),
        "AVX2 has no wider"
    );
    let unmarked = only(&vector.replace("!7 = !{!\"llvm.loop.isvectorized\", i32 1}", ""));
    assert_eq!((unmarked.state, unmarked.how), (CodeState::Vector, Some(How::VectorTypes)));
    let called = only(&vector.replace(
        "%sum = fadd <8 x double> %t, %x",
        "%sum = call <8 x double> @llvm.sin.v8f64(<8 x double> %x)",
    ));
    assert_eq!(called.state, CodeState::Partial, "a vector sine is eight calls");
}

#[test]
fn what_has_no_place_in_the_sources_counts_for_nothing() {
    let elsewhere = MODULE.replace("a.rs", "b.rs");
    assert!(found(elsewhere.as_bytes(), &inventory()).instances.is_empty());
}

#[test]
fn a_module_cut_anywhere_is_read_as_far_as_it_goes() {
    let inventory = inventory();
    for end in (0..MODULE.len()).step_by(7) {
        let cut = found(&MODULE.as_bytes()[..end], &inventory);
        assert!(cut.functions <= 1);
        let open = end > 0 && !MODULE[..end].contains("\n}");
        assert!(!open || MODULE[..end].find('{').is_none() || cut.skipped > 0, "cut at {end}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Any damage to a module: no panic, and the work ends.
    #[test]
    fn damaged_modules(edits in prop::collection::vec((0..MODULE.len(), any::<u8>(), 0..40usize), 1..30)) {
        let inventory = inventory();
        let mut bytes = MODULE.as_bytes().to_vec();
        for (at, byte, length) in edits {
            let at = at % bytes.len();
            if length % 3 == 0 {
                bytes[at] = byte;
            } else {
                let end = (at + length).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                let to = (at * 7 + length) % bytes.len();
                bytes.splice(to..to, piece);
            }
        }
        let _ = found(&bytes, &inventory);
    }

    #[test]
    fn lines_of_words_of_the_language(words in prop::collection::vec(
        prop::sample::select(vec![
            "define", "@f(", "{", "}", "\n", "\n  ", "%x", "=", "fadd", "<4 x double>", "<", "> x", "label %a", "a:",
            "!dbg !3", "!3 = !DILocation(", "line: 1", "scope: !3", "inlinedAt: !3", ")", "!llvm.loop !5",
            "!5 = distinct !{!5}", "call", "@llvm.", "\"", "attributes #0 = {", "phi", "br", "unreachable", "\u{e9}",
        ]), 0..300)) {
        let _ = found(words.join(" ").as_bytes(), &inventory());
    }
}
