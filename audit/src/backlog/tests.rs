//! The backlog of a drawn profile.

use super::*;
use crate::evidence::NOT_INLINED;
use crate::hot_loops::{SAMPLES, SourceSummary};

const SOURCE: &str = "pub fn pixel(v: &[f64], w: &[f64]) -> f64 {
    let mut s = 0.0;
    for x in v {
        for y in w { s += x * y; }
        s += w.iter().map(|y| y * x).sum::<f64>();
    }
    for _ in 0..2 { s *= 0.5; }
    while s > 1.0 { s -= 1.0; }
    s
}
pub fn write_rows(v: &[f64]) { for x in v { put(x); } }
pub fn other(v: &[f64]) { for x in v { put(x); } }
pub fn more(v: &[f64]) { loop { put(v); } }
#[cfg(test)] mod tests { #[test] fn sums() { for i in 0..3 { check(i); } } }
";

struct Drawn {
    inventory: Inventory,
    tests: TestList,
    hot: HotLoops,
}

/// A tree with `SOURCE`, and a profile with these self shares (percent) of its loops.
fn drawn(shares: &[(&str, f64)]) -> Drawn {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("sim/Cargo.toml", "[package]\nname = \"sim\"\n"),
        ("sim/src/engine.rs", SOURCE),
        ("sim/tests/cli.rs", "#[test] fn pixel_is_exact() {}\n#[test] fn help() {}\n"),
    ] {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let inventory = Inventory::scan(dir.path(), &[]).unwrap();
    let tests = TestList::of(dir.path());
    let id =
        |name: &str| if name.starts_with('(') { name.into() } else { format!("sim/src/engine.rs::{name}") };
    let row = |(name, self_pct): &(&str, f64)| HotLoop {
        module: String::new(),
        line: None,
        loop_id: id(name),
        time_pct: self_pct + 1.0,
        call_count: None,
        notes: String::new(),
        self_pct: *self_pct,
        function: String::new(),
        depth: None,
        inclusive_ms: Some(10.0 * (self_pct + 1.0)),
        self_ms: Some(10.0 * self_pct),
        inclusive_events: None,
        self_events: None,
        ci_low: None,
        ci_high: None,
        trip_count: None,
        vectorized: None,
        status: None,
        priority: None,
        evidence: String::new(),
        source: SAMPLES.into(),
    };
    let summary = SourceSummary {
        name: SAMPLES.into(),
        total_ms: Some(1000.0),
        samples: Some(400),
        ..SourceSummary::default()
    };
    let mut rows: Vec<HotLoop> = shares.iter().map(row).collect();
    // Another source, which is not primary, must not be counted.
    rows.push(HotLoop { source: "spans".into(), ..row(&("pixel#1", 99.0)) });
    let hot = HotLoops {
        evidence_missing: None,
        schema: crate::hot_loops::SCHEMA.into(),
        primary: SAMPLES.into(),
        threshold_pct: 1.0,
        sources: vec![summary],
        rows,
        stacks: Vec::new(),
        problems: Vec::new(),
    };
    Drawn { inventory, tests, hot }
}

fn context() -> Context {
    Context {
        cpu_features: vec!["sse2".into(), "avx2".into()],
        case_args: "-default_F 100 -N 5".into(),
        reports_flags: " --reports out".into(),
        test_command: Some("scripts/test".into()),
        reliable: true,
        ..Context::default()
    }
}

fn built(shares: &[(&str, f64)]) -> Backlog {
    let d = drawn(shares);
    build(&d.hot, &d.inventory, &d.tests, &context())
}

const TYPICAL: [(&str, f64); 9] = [
    ("pixel#1", 10.0),
    ("pixel#2", 50.0),
    ("pixel#3", 20.0),
    ("pixel#4", 3.0),
    ("pixel#5", 2.0),
    ("write_rows#1", 6.0),
    ("other#1", 0.5),
    (BELOW, 5.5),
    (UNMATCHED, 3.0),
];

#[test]
fn candidates_come_by_amdahl_gain() {
    let backlog = built(&TYPICAL);
    let ids: Vec<(u32, &str)> =
        backlog.candidates.iter().map(|c| (c.rank, c.loop_id.rsplit("::").next().unwrap())).collect();
    assert_eq!(ids, [(1, "pixel#2"), (2, "pixel#3"), (3, "pixel#1"), (4, "pixel#4"), (5, "pixel#5")]);
    let best = &backlog.candidates[0];
    // Four lanes of f64; half way between 1 and 4, since there is no evidence.
    assert_eq!(best.speedup.factor, 2.5);
    assert!((best.gain - 1.0 / (0.5 + 0.5 / 2.5)).abs() < 1e-12);
    assert!((best.gain_limit - 2.0).abs() < 1e-12);
    // Wilson's interval for 200 of 400.
    let (low, high) = best.self_interval_pct.unwrap();
    assert!((low - 45.13).abs() < 0.01 && (high - 54.87).abs() < 0.01, "{low} {high}");
    let (low, high) = best.gain_interval.unwrap();
    assert!((low - 1.0 / (0.5487 + 0.4513 / 2.5)).abs() < 1e-3 && low < best.gain && best.gain < high);
    // 85 % of the time, each part 2.5 times as fast.
    assert!((backlog.gain_of_all.unwrap() - 1.0 / (0.15 + 0.85 / 2.5)).abs() < 1e-12);
}

#[test]
fn all_time_is_accounted_for() {
    let backlog = built(&TYPICAL);
    let shares: Vec<f64> = backlog.account.iter().map(|s| s.self_pct).collect();
    assert_eq!(shares, [85.0, 6.5, 5.5, 3.0]);
    let reasons: Vec<(&str, &str)> = backlog
        .not_proposed
        .iter()
        .map(|n| (n.loop_id.rsplit("::").next().unwrap(), n.reason.as_str()))
        .collect();
    assert_eq!(reasons[0].0, "write_rows#1");
    assert!(reasons[0].1.starts_with("input and output"), "{reasons:?}");
    assert!(reasons[1].1.starts_with("own time below 1 %"), "{reasons:?}");
}

#[test]
fn evidence_sets_the_assumed_factor() {
    let mut d = drawn(&TYPICAL);
    let set = |d: &mut Drawn, name: &str, status: Status, evidence: &str| {
        let id = format!("sim/src/engine.rs::{name}");
        let l = d.inventory.loops.iter_mut().find(|l| l.loop_id == id).unwrap();
        (l.status, l.evidence) = (status, evidence.to_string());
    };
    set(&mut d, "pixel#2", Status::Vectorized, "isvectorized in the IR");
    set(&mut d, "pixel#3", Status::Todo, "no vector types in the IR");
    set(&mut d, "pixel#1", Status::Safe, "cold by measurement");
    let backlog = build(&d.hot, &d.inventory, &d.tests, &context());
    assert_eq!(backlog.candidates[0].speedup.factor, 4.0);
    assert!(backlog.candidates[0].speedup.reason.contains("no vector types in the IR"));
    let reason = |id: &str| {
        let found = backlog.not_proposed.iter().find(|n| n.loop_id.ends_with(id));
        found.map(|n| n.reason.clone()).unwrap_or_default()
    };
    assert!(reason("pixel#2").starts_with("vector code already (isvectorized"));
    assert!(reason("pixel#1").starts_with("needs no work: cold"));
}

/// A loop that only calls has nothing to gain from vectors, however much of the time stands on its line.
#[test]
fn a_loop_that_computes_nothing_itself_is_not_proposed() {
    let proposed = |flops: u64| {
        let mut d = drawn(&TYPICAL);
        let found = d.inventory.loops.iter_mut().find(|l| l.loop_id.ends_with("pixel#3")).unwrap();
        let code = serde_json::json!({
            "state": "unknown", "instances": [["unknown", 1]], "reason": NOT_INLINED, "run": "rustc",
            "examples": [{ "function": "in_worker", "state": "unknown", "registers": 128, "flops": flops }],
        });
        found.code = serde_json::from_value(code).unwrap();
        let backlog = build(&d.hot, &d.inventory, &d.tests, &context());
        backlog.candidates.iter().any(|c| c.loop_id.ends_with("pixel#3"))
    };
    assert!(!proposed(0) && proposed(2));
}

#[test]
fn an_assumed_factor_says_what_the_evidence_leaves_open() {
    let reason = |code: Option<serde_json::Value>| {
        let mut d = drawn(&TYPICAL);
        let found = d.inventory.loops.iter_mut().find(|l| l.loop_id.ends_with("pixel#3")).unwrap();
        found.code = code.map(|code| serde_json::from_value(code).unwrap());
        let backlog = build(&d.hot, &d.inventory, &d.tests, &context());
        let candidate = backlog.candidates.into_iter().find(|c| c.loop_id.ends_with("pixel#3"));
        candidate.unwrap().speedup.reason
    };
    let code = |state: &str| {
        Some(serde_json::json!({
            "state": state, "instances": [["vector", 2], ["scalar", 1]], "run": "rustc",
            "examples": [{ "function": "a", "state": "scalar", "registers": 256, "flops": 3 }],
        }))
    };
    assert!(reason(None).ends_with("because there is no evidence whether it is vector code already"));
    assert!(
        reason(code("mixed")).ends_with("because some of its instances are vector code and others are not")
    );
    assert!(
        reason(code("unknown"))
            .ends_with("the compiler's evidence does not tell whether it is vector code already")
    );
}

#[test]
fn lanes_follow_the_cpu_and_the_type() {
    let lanes = |features: &[&str], dtype| {
        Vectors::of(&features.iter().map(|f| f.to_string()).collect::<Vec<_>>(), dtype).lanes
    };
    assert_eq!(lanes(&["sse2", "avx2", "avx512f"], "f64"), 8);
    assert_eq!(lanes(&["sse2", "avx2"], "f32"), 8);
    assert_eq!(lanes(&["sse2"], ""), 2);
    assert_eq!(lanes(&["neon"], "f32"), 4);
    assert_eq!(lanes(&[], "f64"), 1);
    let d = drawn(&TYPICAL);
    let none = build(&d.hot, &d.inventory, &d.tests, &Context { cpu_features: vec![], ..context() });
    assert!(none.candidates.is_empty() && none.gain_of_all.is_none());
    assert!(none.markdown().contains("None: see below"));
}

#[test]
fn nests_tests_risks_and_commands() {
    let backlog = built(&TYPICAL);
    let nest = |rank: usize| -> Vec<(String, bool)> {
        let end = |id: &str| id.rsplit("::").next().unwrap().to_string();
        backlog.candidates[rank - 1].nest.iter().map(|n| (end(&n.loop_id), n.around)).collect()
    };
    assert_eq!(nest(1), [("pixel#1".to_string(), true)]);
    assert_eq!(nest(3), [("pixel#2".to_string(), false), ("pixel#3".to_string(), false)]);
    let best = &backlog.candidates[0];
    assert_eq!(best.tests.same_module, ["engine::tests::sums"]);
    assert_eq!(best.tests.by_name, ["pixel_is_exact (sim/tests/cli.rs)"]);
    assert_eq!(best.tests.others_in_package, 1);
    assert!(backlog.candidates[1].risks[0].starts_with("It is a reduction"), "a sum");
    assert!(
        backlog.candidates[3].risks.iter().any(|r| r.contains("few iterations")),
        "two trips, four lanes"
    );
    assert!(backlog.candidates[4].risks.iter().any(|r| r.contains("trip count is not known")), "a while");
    assert_eq!(
        best.acceptance,
        [
            "cargo test --release --manifest-path sim/Cargo.toml",
            "scripts/test",
            "bragg-audit capture --reports out -- -default_F 100 -N 5",
            "bragg-audit inventory --reports out",
            "bragg-audit hot-loops --reports out",
        ]
    );
    let d = drawn(&TYPICAL);
    let more = Context { sizes: vec![512, 1024], compare_with: Some("old/STAMP".into()), ..context() };
    let commands = build(&d.hot, &d.inventory, &d.tests, &more).candidates[0].acceptance.join("\n");
    assert!(commands.contains("capture --reports out --sizes 512,1024 -- "), "{commands}");
    assert!(commands.contains("compare --reports out old/STAMP NEW_CAPTURE_STAMP"), "{commands}");
}

#[test]
fn the_page_says_it_all() {
    let page = built(&TYPICAL).markdown();
    for part in [
        "5 candidates of 7 hot loops; first `sim/src/engine.rs::pixel#2`: 50.0 % ",
        "`gain = 1/((1−p) + p/s)`",
        "**assumed, not measured**",
        "avx2 with 4 lanes of f64",
        "| 1 | `sim/src/engine.rs::pixel#2` | 50.0 (45.1 to 54.9) | 51.0 | 2.5 | 1.43 (1.37 to 1.49) | 2.00 | HIGH | uncertain |",
        "1/((1−0.5000) + 0.5000/2.5) = 1.43",
        "    for y in w",
        "around it: `sim/src/engine.rs::pixel#1`, own 10.0 %",
        "| all | 100.00 |",
        "1 loop — compiled only for tests",
        "bragg-audit capture --reports out -- -default_F 100 -N 5",
    ] {
        assert!(page.contains(part), "{part}\n---\n{page}");
    }
    assert!(!page.contains("UNRELIABLE"));
}

#[test]
fn what_may_not_be_used_is_marked() {
    let mut d = drawn(&TYPICAL);
    d.hot.problems.push("3 samples dropped".into());
    let backlog = build(&d.hot, &d.inventory, &d.tests, &Context { reliable: false, ..context() });
    let page = backlog.markdown();
    assert!(page.lines().nth(2).unwrap().starts_with("> **UNRELIABLE.**"), "{page}");
    assert!(page.contains("not whole: 3 samples dropped"));
    let json = serde_json::to_value(&backlog).unwrap();
    assert_eq!(json["reliable"], false);
    assert_eq!(serde_json::from_value::<Backlog>(json).unwrap(), backlog);
}

#[test]
fn odd_profiles() {
    assert!(built(&[]).candidates.is_empty());
    let strange = built(&[("gone#1", 40.0), ("pixel#2", 60.0)]);
    assert!(strange.not_proposed[0].reason.starts_with("not in the inventory"));
    let whole = built(&[("pixel#2", 100.0)]);
    assert!((whole.candidates[0].gain - 2.5).abs() < 1e-12);
    let mut d = drawn(&TYPICAL);
    d.hot.sources[0].samples = None;
    let exact = build(&d.hot, &d.inventory, &d.tests, &context());
    assert_eq!(exact.candidates[0].gain_interval, None);
    assert!(exact.share_meaning.contains("no interval"));
}

#[test]
fn a_loop_without_a_row_is_listed_as_safe() {
    let mut d = drawn(&TYPICAL);
    let cold = |d: &Drawn| {
        let backlog = build(&d.hot, &d.inventory, &d.tests, &context());
        let group = backlog.safe.into_iter().find(|s| s.rule.starts_with("cold by measurement: no row"));
        group.map(|g| g.loops).unwrap_or_default()
    };
    assert!(cold(&d).is_empty(), "no row lies in that package");
    d.hot.rows[1].module = "sim/src/engine.rs".into();
    assert_eq!(cold(&d), ["sim/src/engine.rs::more#1"]);
    let page = build(&d.hot, &d.inventory, &d.tests, &context()).markdown();
    assert!(page.contains("cold by measurement: no row in the profile, so below 1 %"), "{page}");
}
