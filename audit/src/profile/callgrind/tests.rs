//! The documented example, damage and garbage.

use super::super::allocated::most_in;
use super::*;
use proptest::prelude::*;

/// The example of the format's documentation, with addresses, inlined lines and a jump added.
const TEXT: &str = "\
# callgrind format
version: 1
cmd: ./clreq 1
positions: instr line
events: Ir Dr
summary: 1241

ob=(1) clreq
fl=(1) file1.c
fn=(1) main
0x100 16 20
cfn=(2) func1
calls=1 0x200 50
+4 * 400
cfi=(2) file2.c
cfn=(3) func2
calls=3 0x300 20
+4 +1 600
jfi=(3) inlined.h
jump=1 0x10a 5
* *
fi=(3)
+2 5 7 3
fe=(1)
+1 16 1
jump=5 0x100 16
* *

fn=(2)
0x200 51 100
cob=(2) libm.so
cfi=(4) m.c
cfn=(4) sin
calls=2 0x20 9
+8 -2 300

fl=(2)
fn=(3)
0x300 20 700

ob=(2)
fl=(4)
fn=(4)
0x20 9 300
totals: 1241
";

fn parse(text: &str) -> Callgrind {
    Callgrind::parse(text.as_bytes()).unwrap().unwrap()
}

#[test]
fn the_documented_format_is_read() {
    let read = parse(TEXT);
    assert_eq!((read.event.as_str(), read.has_addresses, read.skipped), ("Ir", true, 0));
    let calls: Vec<(&str, u64)> = read.functions.iter().map(|f| (f.name.as_str(), f.calls)).collect();
    assert_eq!(calls, [("main", 0), ("func1", 1), ("func2", 3), ("sin", 2)]);
    assert_eq!(read.total, 20 + 7 + 1 + 100 + 700 + 300);
    assert_eq!(read.stated_total, Some(1241));
    let place = |p: &Position| (read.files[p.file as usize].as_str(), p.line, p.address);
    let of_main: Vec<_> =
        read.costs.iter().filter(|(p, _)| p.function == 0).map(|(p, c)| (place(p), *c)).collect();
    assert_eq!(
        of_main,
        [(("file1.c", 16, 0x100), 20), (("file1.c", 16, 0x10b), 1), (("inlined.h", 5, 0x10a), 7)]
    );
    let of = |to: u32| read.calls.iter().find(|c| c.to == to).unwrap();
    assert_eq!((place(&of(2).from), of(2).count, of(2).inclusive), (("file1.c", 17, 0x108), 3, 600));
    assert_eq!((place(&of(3).from), of(3).inclusive), (("file1.c", 49, 0x208), 300));
    let sin = &read.functions[3];
    assert_eq!(
        (read.objects[sin.object as usize].as_str(), read.files[sin.file as usize].as_str()),
        ("libm.so", "m.c")
    );
}

#[test]
fn without_addresses_positions_are_lines() {
    let read = parse("positions: line\nevents: Ir\nfl=a.c\nfn=f\n16 400\n+2 30\n* 4\n-1 5\n");
    let lines: Vec<(u32, u64)> = read.costs.iter().map(|(p, c)| (p.line, *c)).collect();
    assert_eq!(lines, [(16, 400), (17, 5), (18, 34)]);
}

#[test]
fn nonsense_is_skipped_and_counted() {
    let read = parse(
        &TEXT.replace("0x300 20 700", "0xzz 20 700\nwhat=is this\n0x300 20 -3\n+99999999999999999999 1 1"),
    );
    assert_eq!(read.skipped, 4);
    assert_eq!(read.total, 20 + 7 + 1 + 100 + 300);
    for text in ["", "GIF89a", "events: Ir\n", "fn=f\n1 2\n"] {
        assert_eq!(Callgrind::parse(text.as_bytes()).unwrap(), None, "{text:?}");
    }
}

#[test]
fn a_line_without_end_costs_only_itself() {
    let read =
        parse(&TEXT.replace("fn=(2)\n0x200", &format!("desc: {}\nfn=(2)\n0x200", "x".repeat(200_000))));
    assert_eq!((read.skipped, read.total), (1, parse(TEXT).total));
}

/// As `--combine-dumps=yes` writes them: each part with its own total, behind it or (older versions) before it.
#[test]
fn the_totals_of_parts_add_up() {
    let body = TEXT.split_once("events: Ir Dr\n").unwrap().1.split_once("summary: 1241\n").unwrap().1;
    let (body, _) = body.split_once("totals:").unwrap();
    let parts = |before: [&str; 2], behind: [&str; 2]| {
        let part = |n: usize| format!("part: {}\n{}\n{body}{}\n", n + 1, before[n], behind[n]);
        parse(&format!("version: 1\npositions: instr line\nevents: Ir Dr\n{}{}", part(0), part(1)))
    };
    for (before, behind) in [
        (["", ""], ["totals: 1128 3", "totals: 1128"]),
        (["summary: 1128", "summary: 1128"], ["", ""]),
        (["summary: 1128", "summary: 1128"], ["totals: 1128", "totals: 1128"]),
        (["summary: 2256", ""], ["totals: 1128", "totals: 1128"]),
    ] {
        let read = parts(before, behind);
        assert_eq!(
            (read.total, read.stated_total, read.skipped),
            (2256, Some(2256), 0),
            "{before:?} {behind:?}"
        );
    }
    let cut = parts(["", ""], ["totals: 1128", ""]);
    assert_eq!((cut.total, cut.stated_total), (2256, Some(1128)), "its last part has no end");
}

/// What a call that was not understood did is no cost of its caller.
#[test]
fn a_broken_call_adds_nothing_to_its_caller() {
    let read = parse(&TEXT.replace("calls=1 0x200 50", "calls=x"));
    assert_eq!((read.skipped, read.total), (1, parse(TEXT).total));
}

/// However many names, positions or calls: what is held stays within the room, and the rest is counted.
#[test]
fn what_is_held_is_bounded() {
    const ROOM: usize = 4 << 20;
    const LINES: usize = 100_000;
    let head = "positions: instr line\nevents: Ir\nfn=f\n";
    type Line = fn(usize) -> String;
    let kinds: [Line; 5] = [
        |i| format!("0x{i:x} {i} 1\n"),
        |i| format!("cfn=f\ncalls=1 0 0\n0x{i:x} 1 1\n"),
        |i| format!("fn=({i}) some_function_{i}\n1 1 1\n"),
        |i| format!("fl=({i}) some/file_{i}.c\n1 1 1\n"),
        |i| format!("ob={i:01000}\n1 1 1\n"),
    ];
    for (kind, line) in kinds.into_iter().enumerate() {
        let text: String = std::iter::once(head.to_owned()).chain((0..LINES).map(line)).collect();
        let (read, most) = most_in(|| Callgrind::parse_within(text.as_bytes(), ROOM).unwrap().unwrap());
        assert!(most < ROOM + (1 << 20), "kind {kind}: {most} bytes");
        assert!(read.skipped > LINES as u64 / 4, "kind {kind}: {} skipped", read.skipped);
        let whole = parse(&text);
        assert_eq!(whole.skipped, 0, "kind {kind}");
        let held: u64 = read.costs.iter().map(|(_, cost)| cost).sum();
        assert_eq!(read.total, held);
        // names that nobody has room for cost no counts
        assert!(kind < 2 || read.total == LINES as u64, "kind {kind}: {}", read.total);
    }
}

proptest! {
    #[test]
    fn damage_never_panics(at in 0usize..2000, byte: u8, cut in 0usize..2000) {
        let mut bytes = TEXT.as_bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        bytes.truncate(cut.max(at + 1));
        let read = Callgrind::parse(bytes.as_slice()).unwrap();
        if let Some(read) = read {
            prop_assert!(read.costs.iter().all(|(p, _)| (p.function as usize) < read.functions.len()));
        }
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Callgrind::parse(bytes.as_slice()).unwrap();
    }

    #[test]
    fn lines_of_any_kind_never_panic(lines in prop::collection::vec("(fn|fl|calls|jump|cfn|ob|fi)=[(]?[0-9]{0,3}[)]?[a-z ]{0,5}|[0-9x+*-]{1,20} [0-9+*-]{0,5} [0-9]{0,20}|events: Ir|positions: instr line", 0..30)) {
        let _ = Callgrind::parse(lines.join("\n").as_bytes()).unwrap();
    }
}
