//! The C engine as somebody else's program: a plain binary with debug information, profiled from outside by perf and by
//! callgrind. `callgrind_annotate`, which knows functions and no loops, is the second opinion.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

use bragg_audit::hot_loops::{HotLoop, HotLoops, UNMATCHED};
use bragg_tests::programs::{binary, not_run, run, temporary_folder, workspace_root};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const CASE: &str =
    "-default_F 100 -cell 100 100 100 90 90 90 -lambda 6.2 -N 5 -distance 100 -nonoise -detpixels";

/// The engine with a `main` of its own, without inlining so that functions stay what they are in the source.
fn engine() -> Option<&'static PathBuf> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let build = || {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plain_binary");
        std::fs::create_dir_all(&folder).unwrap();
        let (main, program) = (folder.join("main.c"), folder.join("nanobragg"));
        let text = "int nanobragg_c_main(int, char **);\nint main(int n, char **v) { return nanobragg_c_main(n, v); }\n";
        std::fs::write(&main, text).unwrap();
        let sources = std::fs::read_dir(workspace_root().join("simulator/c_engine")).unwrap().flatten();
        let sources = sources.map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "c"));
        let mut cc = Command::new("cc");
        cc.args(["-std=c99", "-O2", "-fno-inline", "-g", "-w", "-D_XOPEN_SOURCE=700"]);
        cc.args(["-DNB_VERSION=\"0\"", "-DNB_COMPILER=\"\"", "-DNB_FLAGS=\"\""]);
        cc.arg(main).args(sources).arg("-lm").arg("-o").arg(&program);
        cc.output().is_ok_and(|o| o.status.success()).then_some(program)
    };
    let built = BUILT.get_or_init(build).as_ref();
    if built.is_none() {
        not_run("profiles of the C engine from outside: there is no C compiler");
    }
    built
}

/// `hot-loops --program` on the engine; the folder it leaves. `None` where the tool does not work here.
fn profiled(engine: &Path, with: &str, pixels: &str, folder: &Path) -> Option<PathBuf> {
    let out = folder.join("out");
    let sources = workspace_root().join("simulator/c_engine");
    let mut words = vec!["-q", "hot-loops", "--with", with, "--program", engine.to_str().unwrap()];
    words.extend(["--inventory", sources.to_str().unwrap(), "--outdir", out.to_str().unwrap(), "--"]);
    words.extend(CASE.split(' ').chain([pixels]));
    let said = run(&binary("bragg-audit"), &words, folder);
    if said.code() != 0 {
        not_run(&format!("profiles of the C engine from outside: {}", said.stderr.trim()));
        return None;
    }
    assert!(said.stdout.starts_with("UNRELIABLE"), "{said}");
    Some(out)
}

fn read(out: &Path) -> HotLoops {
    serde_json::from_slice(&std::fs::read(out.join("hot_loops.UNRELIABLE.json")).unwrap()).unwrap()
}

fn row<'a>(hot: &'a HotLoops, id: &str) -> &'a HotLoop {
    hot.rows.iter().find(|r| r.loop_id == id).unwrap_or_else(|| panic!("no row {id}: {:#?}", hot.rows))
}

#[test]
fn callgrind_and_its_own_tool_agree_about_the_engine() {
    let folder = temporary_folder();
    let Some(out) = engine().and_then(|e| profiled(e, "callgrind", "32", folder.path())) else { return };
    let hot = read(&out);
    assert!(hot.problems.is_empty(), "{:?}", hot.problems);
    assert!(row(&hot, "sum.c::add_orientations#2").self_pct > 20.0, "{:#?}", hot.rows);
    let file = out.join("callgrind.out");
    let said =
        Command::new("callgrind_annotate").arg("--inclusive=yes").arg("--threshold=100").arg(file).output();
    let Ok(said) = said.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()) else {
        return not_run("profiles of the C engine from outside: there is no callgrind_annotate");
    };
    // functions that are one loop and a few lines around it: they cost what the loop costs
    for (function, id, least) in [
        ("image.c:render_rows", "image.c::render_rows#1", 0.99),
        ("image.c:render_row", "image.c::render_row#1", 0.99),
        ("sum.c:add_orientations", "sum.c::add_orientations#1", 0.95),
    ] {
        // the compiler marks copies with constants: `name.constprop.0`
        let named = |l: &str| {
            let name = l.split(" [").next().unwrap_or("");
            name.split(".constprop").next().is_some_and(|n| n.ends_with(function))
        };
        let line = said.lines().find(|l| named(l) && !l.contains("=>"));
        let number =
            line.and_then(|l| l.split_whitespace().next()).unwrap_or_else(|| panic!("{function}: {said}"));
        let theirs: f64 = number.replace(',', "").parse().unwrap();
        let ours = row(&hot, id).inclusive_events.unwrap() as f64;
        assert!(
            ours <= theirs && ours >= least * theirs,
            "{id}: {ours} of the {theirs} instructions of {function}"
        );
    }
}

#[test]
fn perf_finds_the_engines_loops() {
    let folder = temporary_folder();
    let Some(out) = engine().and_then(|e| profiled(e, "perf", "700", folder.path())) else { return };
    let hot = read(&out);
    assert!(hot.problems.is_empty(), "{:?}", hot.problems);
    let samples = hot.sources[0].samples.unwrap();
    assert!(samples > 50, "{samples} samples");
    let hottest = hot.rows.iter().max_by(|a, b| a.self_pct.total_cmp(&b.self_pct)).unwrap();
    assert_eq!(hottest.loop_id, "sum.c::add_orientations#2", "{:#?}", hot.rows);
    // the same nest by callgrind: a loop holds what it calls, whoever counts
    let nest = [
        "image.c::render_rows#1",
        "image.c::render_row#1",
        "sum.c::sum_terms#1",
        "sum.c::add_orientations#1",
    ];
    let shares = nest.map(|id| row(&hot, id).time_pct);
    assert!(shares.is_sorted_by(|a, b| a >= b) && shares[0] > 60.0, "{shares:?}");
    assert!(row(&hot, UNMATCHED).self_pct < 15.0, "{:#?}", hot.rows);
}
