//! C loops.

use super::{c, scan};
use crate::inventory::Status;

#[test]
fn loops_of_all_kinds_with_their_functions() {
    let found = c("static double *sum(int n) {
            int i, j;
            for (i = 0; i < n; i++) /* rows */
                for (j = 0; j < n; ++j) { g(i, j); }
            while (*p) p++;
            do { x--; } while (x > 0);
            if (x) for (;;) ;
            #pragma omp parallel for
            for (int k = n - 1; k >= 0; k -= 2) {}
        }");
    assert_eq!(
        found,
        [
            "for 1 sum: for (i = 0; i < n; i++)",
            "for 2 sum: for (j = 0; j < n; ++j)",
            "while 1 sum: while (*p)",
            "do 1 sum: do {…} while (x > 0)",
            "for 1 sum: for (;;)",
            "for 1 sum: for (int k = n - 1; k >= 0; k -= 2)",
        ]
    );
}

#[test]
fn trip_counts() {
    for (header, hint) in [
        ("int i = 0; i < n; i++", "n"),
        ("i = 0; i <= n; ++i", "n + 1"),
        ("int i = 2; i < 10; i += 2", "4"),
        ("i = n; i > 0; i--", "n"),
        ("i = n - 1; i >= 0; i--", "n - 1 + 1"),
        ("i = 0, j = 1; i < a * b; i++", "a * b"),
        ("i = 0; i != n; i++", "n"),
        (";;", ""),
        ("i = 0; j < n; i++", ""),
        ("i = 0; i < n; i *= 2", ""),
        ("i = 0; i > n; i++", ""),
        ("i = 0; i < n; j++", ""),
        ("p = head; p; p = p->next", ""),
    ] {
        let inventory = scan("a.c", &format!("void f(void) {{ for ({header}) {{}} }}"));
        assert_eq!(inventory.loops[0].trip_count_hint.as_deref().unwrap_or(""), hint, "{header}");
    }
}

#[test]
fn the_wrapper_of_macro_bodies_is_safe_and_what_it_holds_is_not() {
    let inventory = scan(
        "a.c",
        "#define ADD(a, n) do { \\\n    for (int i = 0; i < n; i++) s += a[i]; \\\n  } while (0)
        void f(void) { do { g(); } while (0); do { h(); } while (x); }",
    );
    let found: Vec<(&str, Status, u32)> =
        inventory.loops.iter().map(|l| (l.loop_id.as_str(), l.status, l.line)).collect();
    assert_eq!(
        found,
        [
            ("a.c::ADD#1", Status::Safe, 1),
            ("a.c::ADD#2", Status::Uncertain, 2),
            ("a.c::f#1", Status::Safe, 4),
            ("a.c::f#2", Status::Uncertain, 4),
        ]
    );
    assert_eq!(inventory.loops[0].evidence, "runs once: do { … } while (0)");
    assert_eq!(inventory.loops[1].column, 5);
}

#[test]
fn a_macro_that_opens_a_loop_is_recorded() {
    let inventory =
        scan("a.c", "#define EACH(i, n) for (int i = 0; i < (n); i++)\n#define X before\nint x;\n");
    assert!(inventory.loops.is_empty());
    assert_eq!(inventory.skipped.len(), 1);
    assert_eq!(inventory.skipped[0].line, Some(1));
    assert!(inventory.skipped[0].reason.contains("EACH"), "{:?}", inventory.skipped);
}

#[test]
fn functions_of_one_name_share_a_count() {
    let inventory = scan(
        "a.c",
        "#ifdef FAST\nvoid f(void) { for (;;) ; }\n#else\nvoid f(void) { for (;;) ; }\n#endif\nint (*g(void))(int) { for (;;) ; }\n",
    );
    let ids: Vec<&str> = inventory.loops.iter().map(|l| l.loop_id.as_str()).collect();
    assert_eq!(ids, ["a.c::f#1", "a.c::f#2", "a.c::g#1"]);
}
