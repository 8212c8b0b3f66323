//! Traces drawn by hand, cut, broken and random.

use std::path::Path;

use proptest::prelude::*;

use super::*;

const NESTED: &str = r#"[
{"ph":"M","pid":1,"tid":3,"name":"thread_name","args":{"name":"worker"}},
{"ph":"B","pid":1,"tid":3,"ts":10.0,"name":"band","args":{"loop_id":"\"src/a.rs::f#1\"","rows":"16"}},
{"ph":"X","pid":1,"tid":3,"ts":12.5,"dur":2.5,"name":"inner, \"{quoted}]\" é","args":{"loop_id":"src/a.rs::f#2"}},
{"ph":"X","pid":1,"tid":"main","ts":0,"dur":100,"name":"render"},
{"ph":"E","pid":1,"tid":3,"ts":20.0,"name":"band"},
{"ph":"i","pid":1,"tid":3,"ts":21.0,"name":"note","s":"t"},
{"ph":"C","pid":1,"tid":3,"ts":22,"name":"memory","args":{"bytes":3}}
]"#;

fn parse(text: &str) -> Trace {
    Trace::parse(text.as_bytes()).expect("starts like a trace")
}

fn share(trace: &Trace, name: &str) -> Share {
    let totals = trace.totals().unwrap();
    let total = totals.of_keys.iter().find(|t| trace.keys[t.key as usize].name == name).expect(name);
    total.total()
}

/// Inclusive and self time, microseconds.
fn wall(share: Share) -> (f64, f64) {
    (share.inclusive_ns as f64 / 1e3, share.self_ns as f64 / 1e3)
}

fn us(n: u64) -> u64 {
    n * 1000
}

#[test]
fn self_time_is_what_inner_spans_leave() {
    let trace = parse(NESTED);
    assert!(trace.counts.whole(), "{:?}", trace.counts);
    assert_eq!((trace.counts.events, trace.counts.spans), (7, 3));
    assert_eq!(wall(share(&trace, "band")), (10.000, 7.500));
    assert_eq!(wall(share(&trace, "inner, \"{quoted}]\" é")), (2.500, 2.500));
    assert_eq!(wall(share(&trace, "render")), (100.000, 100.000));
    assert_eq!(trace.keys[0].loop_id.as_deref(), Some("src/a.rs::f#1"), "debug quotes are taken off");
    assert_eq!(trace.threads[0].name.as_deref(), Some("worker"));
    assert_eq!(trace.threads[1].tid, "main");
    let others: Vec<(&str, u64)> = trace.counts.others.iter().map(|(k, &v)| (k.as_str(), v)).collect();
    assert_eq!(others, [("C", 1), ("M", 1), ("i", 1)]);
}

#[test]
fn the_object_form_holds_the_same() {
    let text = format!(
        "\u{feff} {{\"meta\": [1, {{\"a\": null}}], \"traceEvents\": {NESTED}, \"displayTimeUnit\": \"ms\"}}"
    );
    let (object, list) = (parse(&text), parse(NESTED));
    assert_eq!((&object.threads, &object.keys, &object.counts), (&list.threads, &list.keys, &list.counts));
    assert_eq!(object.totals().unwrap(), list.totals().unwrap());
    assert!(object.counts.whole());
}

#[test]
fn recursion_counts_once_in_inclusive_time() {
    let trace = parse(
        r#"[{"ph":"X","ts":0,"dur":10,"name":"f"},{"ph":"X","ts":2,"dur":6,"name":"f"},{"ph":"X","ts":3,"dur":1,"name":"g"}]"#,
    );
    assert_eq!(wall(share(&trace, "f")), (10.0, 9.0));
    assert_eq!(trace.totals().unwrap().of_keys[0].calls, 2);
}

#[test]
fn overlapping_spans_add_up_to_the_covered_time() {
    let trace = parse(r#"[{"ph":"X","ts":5,"dur":10,"name":"b"},{"ph":"X","ts":0,"dur":10,"name":"a"}]"#);
    assert_eq!(wall(share(&trace, "a")), (10.0, 5.0));
    assert_eq!(wall(share(&trace, "b")), (10.0, 10.0));
}

#[test]
fn threads_are_told_apart_by_process_and_by_large_numbers() {
    let trace = parse(
        r#"[{"ph":"X","pid":1,"tid":9007199254740993,"ts":0,"dur":1,"name":"a"},
            {"ph":"X","pid":1,"tid":9007199254740992,"ts":0,"dur":1,"name":"a"},
            {"ph":"X","pid":"1","tid":9007199254740992,"ts":0,"dur":1,"name":"a"},
            {"ph":"X","pid":2,"tid":9007199254740992,"ts":0,"dur":1,"name":"a"}]"#,
    );
    assert_eq!(trace.threads.len(), 3);
    assert_eq!(trace.totals().unwrap().of_keys[0].threads.len(), 3);
}

#[test]
fn lost_partners_are_counted() {
    let trace = parse(
        r#"[{"ph":"E","ts":1,"name":"a"},{"ph":"B","ts":2,"name":"a"},{"ph":"B","ts":3,"name":"b"},
            {"ph":"E","ts":5,"name":"a"},{"ph":"B","ts":6,"name":"c"}]"#,
    );
    let counts = &trace.counts;
    assert_eq!((counts.unmatched_ends, counts.unclosed, counts.spans), (1, 2, 1));
    assert!(!counts.whole());
    assert_eq!(wall(share(&trace, "a")), (3.0, 3.0));
}

#[test]
fn an_end_may_leave_out_its_name() {
    let trace = parse(
        r#"[{"ph":"B","ts":2,"name":"a"},{"ph":"B","ts":3,"name":"b"},{"ph":"E","ts":5},{"ph":"E","ts":9}]"#,
    );
    assert!(trace.counts.whole());
    assert_eq!(wall(share(&trace, "a")), (7.0, 5.0));
}

#[test]
fn broken_events_cost_only_themselves() {
    let before = r#"{"ph":"X","ts":0,"dur":1,"name":"a"}"#;
    let broken: [&[u8]; 7] = [
        br#"{"ph":"X","ts":1,"dur":1,"name":"bad \q escape"}"#,
        b"{\"ph\":\"X\",\"ts\":1,\"dur\":1,\"name\":\"\xff\xfe\"}",
        br#"{"ph":"X","ts":1,"dur":,"name":"b"}"#,
        br#"{"ph":"X","dur":1,"name":"no time"}"#,
        br#"{"ph":"X","ts":"soon","name":"no number"}"#,
        b"nonsense",
        br#"{"ph":"X","ts":01,"args":{"deep":[{}]}}"#,
    ];
    for bytes in broken {
        let all = [b"[", before.as_bytes(), b",", bytes, b",", before.as_bytes(), b"]"].concat();
        let trace = Trace::parse(&all).expect("starts like a trace");
        let text = String::from_utf8_lossy(bytes);
        assert_eq!((trace.counts.spans, trace.counts.broken, trace.counts.cut), (2, 1, false), "{text}");
    }
}

#[test]
fn odd_values_are_not_broken() {
    let trace = parse(
        r#"[{"ph":"X","ts":"1.5","dur":2,"name":7,"args":"text","pid":null,"tid":[1,2]},
            {"ph":"X","ts":1,"name":{"a":1},"args":[1]},
            {"ph":"X","ts":-3.5,"dur":1,"name":"x","args":{"loop_id":null,"more":{"deep":[1,{"loop_id":"no"}]}}},
            {"ph":"Q","name":"unknown"},{"ph":"long"},{}]"#,
    );
    assert!(trace.counts.whole(), "{:?}", trace.counts);
    assert_eq!((trace.counts.events, trace.counts.spans), (6, 3));
    assert_eq!(trace.counts.others.get("?"), Some(&2));
    assert!(trace.keys.iter().all(|k| k.loop_id.is_none()));
}

/// Every event that stands whole before the cut is read, and the cut is noticed unless nothing is missing.
#[test]
fn a_file_cut_at_any_byte_gives_what_stands_before_the_cut() {
    let object = format!("{{\"traceEvents\":{NESTED},\"after\":{{\"x\":[1,2]}}}}");
    for text in [NESTED, &object] {
        let whole = parse(text);
        let ends: Vec<usize> = text
            .match_indices("},\n")
            .map(|(at, _)| at + 1)
            .chain(text.rfind("}\n]").map(|at| at + 1))
            .collect();
        assert_eq!(ends.len(), 7);
        for cut in 0..text.len() {
            let trace = Trace::parse(&text.as_bytes()[..cut]).expect("starts like a trace");
            let expected = ends.iter().filter(|&&end| end <= cut).count() as u64;
            assert_eq!(trace.counts.events, expected, "cut at {cut}");
            assert!(trace.counts.cut && !trace.counts.whole(), "cut at {cut}");
            assert_eq!(trace.counts.unclosed, u64::from(ends[1] <= cut && cut < ends[4]), "cut at {cut}");
            let from = ends.iter().rev().find(|&&end| end <= cut).copied().unwrap_or(0);
            assert!(trace.counts.bytes_lost <= (cut - from) as u64, "cut at {cut}");
        }
        assert!(whole.counts.whole());
    }
}

#[test]
fn what_is_no_trace_is_refused_by_name() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "GIF89a").unwrap();
    let message = Trace::read(file.path()).unwrap_err().to_string();
    assert!(message.contains(file.path().to_str().unwrap()), "{message}");
    std::fs::write(file.path(), "").unwrap();
    assert!(Trace::read(file.path()).unwrap().counts.cut);
    assert!(Trace::read(Path::new("/nowhere/trace.json")).is_err());
}

/// Random spans of one thread: self times add up to the time that any span covers.
fn spans() -> impl Strategy<Value = Vec<(u64, u64, u8)>> {
    prop::collection::vec((0u64..1000, 0u64..300, 0u8..4), 0..40)
}

proptest! {
    #[test]
    fn self_times_add_up_to_the_covered_time(spans in spans()) {
        let events: Vec<String> = spans
            .iter()
            .map(|(ts, dur, name)| format!(r#"{{"ph":"X","ts":{ts},"dur":{dur},"name":"{name}"}}"#))
            .collect();
        let trace = parse(&format!("[{}]", events.join(",")));
        let covered = (0..1300).filter(|t| spans.iter().any(|(ts, dur, _)| ts <= t && *t < ts + dur)).count();
        let sum: u64 = trace.totals().unwrap().of_keys.iter().map(|t| t.total().self_ns).sum();
        prop_assert_eq!(sum, us(covered as u64));
        for total in trace.totals().unwrap().of_keys {
            let name = &trace.keys[total.key as usize].name;
            let of_name = |t: &u64| spans.iter().any(|(ts, dur, n)| n.to_string() == *name && ts <= t && *t < ts + dur);
            prop_assert_eq!(total.total().inclusive_ns, us((0..1300).filter(of_name).count() as u64));
        }
    }

    #[test]
    fn garbage_never_panics(start in "[\\[{]?", bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let all = [start.as_bytes(), &bytes].concat();
        if let Some(trace) = Trace::parse(&all) {
            trace.totals().unwrap();
        }
    }

    #[test]
    fn a_damaged_trace_never_panics_and_loses_little(at in 0usize..10_000, byte: u8) {
        let mut bytes = NESTED.as_bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Some(trace) = Trace::parse(&bytes) {
            trace.totals().unwrap();
            // A brace in the wrong place can make an event of what was its argument.
            prop_assert!(trace.counts.events <= 9);
        }
    }

    #[test]
    fn json_of_any_shape_never_panics(text in r#"[\[\]{}",:\\a-f0-9 eE.+-]{0,200}"#) {
        if let Some(trace) = Trace::parse(format!("[{{{text}").as_bytes()) {
            trace.totals().unwrap();
        }
    }
}

#[test]
fn thread_time_is_kept_beside_wall_time() {
    let trace = parse(
        r#"[{"ph":"X","ts":0,"dur":10,"tts":100,"tdur":8,"name":"f"},{"ph":"X","ts":2,"dur":6,"tts":101,"tdur":5,"name":"g"},
            {"ph":"B","ts":20,"tts":200,"name":"h"},{"ph":"E","ts":30,"tts":203.5,"name":"h"},{"ph":"X","ts":40,"dur":1,"name":"i"}]"#,
    );
    let cpu = |name: &str| (share(&trace, name).cpu_ns, share(&trace, name).cpu_self_ns);
    assert_eq!(cpu("f"), (Some(8000), Some(3000)));
    assert_eq!(cpu("g"), (Some(5000), Some(5000)));
    assert_eq!(cpu("h"), (Some(3500), Some(3500)));
    assert_eq!(cpu("i"), (None, None));
    assert_eq!(trace.counts.cpu_times, 3);
}

#[test]
fn self_time_within_a_category_leaves_out_the_others() {
    let trace = parse(
        r#"[{"ph":"X","cat":"op","ts":0,"dur":10,"name":"a"},{"ph":"X","cat":"py","ts":2,"dur":6,"name":"p"},
            {"ph":"X","cat":"op","ts":3,"dur":1,"name":"b"}]"#,
    );
    let own = |name: &str| (share(&trace, name).self_ns / 1000, share(&trace, name).category_self_ns / 1000);
    assert_eq!((own("a"), own("p"), own("b")), ((4, 9), (5, 6), (1, 1)));
}

#[test]
fn asynchronous_events_are_paired_by_id_across_threads() {
    let trace = parse(
        r#"[{"ph":"b","cat":"io","id":"0x1","tid":1,"ts":0,"name":"read"},{"ph":"b","cat":"io","id":"0x2","tid":1,"ts":1,"name":"read"},
            {"ph":"n","cat":"io","id":"0x1","tid":1,"ts":1,"name":"read"},{"ph":"e","cat":"io","id":"0x1","tid":2,"ts":5,"name":"read"},
            {"ph":"e","cat":"io","id":"0x2","tid":2,"ts":3,"name":"read"},{"ph":"e","cat":"io","id":"0x3","tid":2,"ts":3,"name":"read"},
            {"ph":"S","id":7,"ts":0,"name":"old"},{"ph":"F","id":7,"ts":4,"name":"old"},{"ph":"b","id":"0x9","ts":9,"name":"open"}]"#,
    );
    let found: Vec<(&str, u64, u64)> = trace
        .asyncs
        .iter()
        .map(|a| (trace.keys[a.key as usize].name.as_str(), a.calls, a.total_ns))
        .collect();
    assert_eq!(found, [("read", 2, 7000), ("old", 1, 4000)]);
    assert_eq!((trace.counts.unmatched_ends, trace.counts.unclosed, trace.counts.spans), (1, 1, 0));
}

#[test]
fn of_counters_the_extremes_are_kept() {
    let trace = parse(
        r#"[{"ph":"C","pid":1,"ts":1,"name":"heap","args":{"used":5,"free":"7"}},{"ph":"C","pid":1,"ts":2,"name":"heap","args":{"used":9.5}},
            {"ph":"C","pid":1,"ts":3,"name":"heap","args":{"used":-1,"free":null}},
            {"ph":"i","pid":1,"ts":4,"name":"[memory]","args":{"Device Type":1,"Device Id":0,"Bytes":-8,"Total Allocated":64,"Total Reserved":128}}]"#,
    );
    let found: Vec<(&str, &str, u64, f64, f64, f64)> = trace
        .counters
        .iter()
        .map(|c| (c.name.as_str(), c.series.as_str(), c.values, c.min, c.max, c.last))
        .collect();
    assert_eq!(
        found,
        [
            ("[memory] CUDA 0", "Bytes", 1, -8.0, -8.0, -8.0),
            ("[memory] CUDA 0", "Total Allocated", 1, 64.0, 64.0, 64.0),
            ("[memory] CUDA 0", "Total Reserved", 1, 128.0, 128.0, 128.0),
            ("heap", "free", 1, 7.0, 7.0, 7.0),
            ("heap", "used", 3, -1.0, 9.5, -1.0),
        ]
    );
    assert_eq!(trace.counters[4].max_at_ns, 2000);
}

#[test]
fn a_packed_trace_is_the_same_and_may_be_cut_too() {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut packer, NESTED.as_bytes()).unwrap();
    let packed = packer.finish().unwrap();
    let (plain, unpacked) = (parse(NESTED), Trace::parse(&packed).unwrap());
    assert_eq!((&plain.threads, &plain.counts), (&unpacked.threads, &unpacked.counts));
    for cut in 2..packed.len() {
        if let Some(trace) = Trace::parse(&packed[..cut]) {
            // of the last bytes nothing but the packer's own checksum is missing
            assert!(trace.counts.cut || trace.counts.events == 7, "cut at {cut}");
        }
    }
}

#[test]
fn after_a_broken_event_reading_goes_on_at_the_next() {
    let good = r#"{"ph":"X","ts":0,"dur":1,"name":"a","args":{"x":{"y":1}}}"#;
    for broken in [
        r#"{"ph":"X","ts":1,"name":"no end"#,
        r#"{"ph":"X","ts":1,"args":{"x":1"#,
        r#"{"ph":"X","args":[1,2}"#,
        r#"{"#,
        r#""text","#,
    ] {
        let text = format!("[{good},\n{broken}\n,{good},{good}]");
        let trace = parse(&text);
        assert!(trace.counts.spans >= 2 && trace.counts.broken >= 1, "{broken}: {:?}", trace.counts);
        assert!(trace.counts.events <= 4);
    }
}

#[test]
fn times_keep_their_nanoseconds() {
    let trace = parse(
        r#"[{"ph":"X","ts":693476729596.279,"dur":0.0006,"name":"a"},{"ph":"X","ts":-1.5,"dur":"2e3","name":"b"},
            {"ph":"X","ts":99999999999999999999,"dur":1,"name":"c"},{"ph":"X","ts":1,"dur":-1,"name":"d"},{"ph":"X","ts":NaN,"name":"e"}]"#,
    );
    assert_eq!(trace.counts.broken, 2);
    assert_eq!(trace.threads[0].extent.first_start_ns, -1500);
    assert_eq!(share(&trace, "a").inclusive_ns, 1);
    assert_eq!(share(&trace, "b").inclusive_ns, 2_000_000);
}

proptest! {
    /// Against whole numbers of arbitrary length, digit by digit.
    #[test]
    fn microseconds_are_read_to_the_last_nanosecond(text in "-?[0-9]{1,15}(\\.[0-9]{1,5})?") {
        let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
        let padded = format!("{decimals:0<4}");
        let nanoseconds: i64 = format!("{whole}{}", &padded[..3]).parse().unwrap();
        let up = i64::from(padded.as_bytes()[3] >= b'5') * if text.starts_with('-') { -1 } else { 1 };
        let expected = if text.len() <= 18 { Some(nanoseconds + up) } else { None };
        let found = scan::Raw::Number(text.as_bytes()).nanoseconds();
        // longer texts go through binary fractions
        prop_assert!(found == expected || expected.is_none() && found.unwrap().abs_diff(nanoseconds + up) < 1 << 10, "{:?}", found);
    }
}

#[test]
fn times_beyond_the_clock_are_the_last_ones_on_it() {
    let read = |text: &str| scan::Raw::Number(text.as_bytes()).nanoseconds();
    assert_eq!(read("9223372036854775.8"), Some(i64::MAX - 7));
    assert_eq!(read("9223372036854775.9"), Some(i64::MAX));
    assert_eq!(read("-9223372036854775.9"), Some(i64::MIN));
}
