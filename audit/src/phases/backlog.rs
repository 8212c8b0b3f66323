//! Phase B3 as a command: what to work on, by how much it can give.

use super::hot_loops::{FILE as HOT_LOOPS, Obstacle, marked, measured, need, refusal};
use super::{Context, Done, PhaseVerdict, VERDICT_SCHEMA, checklist, inventory};
use crate::backlog::{self, Backlog};
use crate::capture::model::Capture;
use crate::cli::BacklogArgs;
use crate::exit::Result;
use crate::gates::Verdict;
use crate::hot_loops::HotLoops;
use crate::inventory::Inventory;
use crate::report::summary::{Summary, summary};
use crate::stamp;
use crate::tests_list::TestList;
use std::path::Path;

/// Ranks the hot loops.
///
/// # Errors
/// [`crate::exit::Exit::Blocked`] when the hot loops are missing, unreliable, or not from the newest capture.
pub fn backlog(ctx: &Context, args: &BacklogArgs, outdir: Option<&Path>) -> Result<(Done, Backlog)> {
    let flags = super::capture::reports_flag(ctx);
    let b2 = need(
        args.hot_loops.as_deref(),
        &ctx.phase_dir("b2"),
        "hot loops (phase B2)",
        &format!("bragg-audit hot-loops{flags}"),
    )?;
    let before: PhaseVerdict = stamp::read_json(&b2, "verdict.json")?;
    let mut obstacles = Vec::new();
    let mut obstacle = |what: String, at: &Path, clear: &str| {
        obstacles.push(Obstacle { what, stamp: at.to_owned(), clear: format!("bragg-audit {clear}{flags}") })
    };
    if !before.reliable {
        obstacle("the hot loops are UNRELIABLE: a gate before them was overridden".into(), &b2, "hot-loops");
    }
    if before.parents.is_empty() {
        return not_gated(ctx, args, &before, &b2, &flags, outdir);
    }
    let (b1, a) = (before.parent("b1", &b2)?, before.parent("a", &b2)?);
    for p in [&b1, &a] {
        match stamp::parent(&p.phase, &p.path) {
            Ok(now) if now.checksums_sha256 == p.checksums_sha256 => {}
            Ok(_) => obstacle(
                format!("stamp {} is not what the hot loops were made from", p.stamp),
                &p.path,
                "hot-loops",
            ),
            Err(e) => obstacle(e.message, &p.path, "hot-loops"),
        }
    }
    // a newer capture that is blocked takes the ground from under older hot loops
    if args.hot_loops.is_none()
        && let Some(newest) = stamp::latest(&ctx.phase_dir("b1"))
        && stamp::name_of(&newest) != b1.stamp
        && b1.path.parent() == newest.parent()
    {
        let verdict: PhaseVerdict = stamp::read_json(&newest, "verdict.json")?;
        if verdict.verdict == Verdict::Pass {
            obstacle(
                format!("there is a newer capture than the one these hot loops come from ({})", b1.stamp),
                &newest,
                "hot-loops",
            );
        } else {
            obstacle(
                format!(
                    "parity: the newest capture is {}: {}",
                    verdict.verdict.text(),
                    verdict.reasons.join("; ")
                ),
                &newest,
                "capture",
            );
        }
    }
    let reliable = obstacles.is_empty();
    if !reliable && !args.allow_blocked {
        return Err(refusal("backlog", &obstacles));
    }
    let hot: HotLoops = stamp::read_json(&b2, &marked(HOT_LOOPS, before.reliable))?;
    let listed: Inventory = stamp::read_json(&a.path, inventory::FILE)?;
    let record: Capture = stamp::read_json(&b1.path, "capture.json")?;
    let context = backlog::Context {
        dtype: if record.candidate.name == "rust-f32" { "f32".into() } else { "f64".into() },
        case_args: record.args.clone(),
        sizes: record.sizes.iter().filter(|z| z.sized).map(|z| z.numbers.size).collect(),
        compare_with: Some(crate::case::paste(&[b1.path.clone().into_os_string()])),
        ..common(ctx, &flags, reliable)
    };
    let parents = vec![stamp::parent("b2", &b2)?];
    let all_parents = [parents.clone(), before.parents.clone()].concat();
    let ground = Ground { hot: &hot, listed: &listed, capture: Some(&record), parents, all_parents };
    write(ctx, outdir, &ground, &context)
}

/// Ranks the loops of a profile that passed no gate: only when a person insists, and marked.
fn not_gated(
    ctx: &Context,
    args: &BacklogArgs,
    before: &PhaseVerdict,
    b2: &Path,
    flags: &str,
    outdir: Option<&Path>,
) -> Result<(Done, Backlog)> {
    if !args.allow_blocked {
        let what = "these hot loops come from a profile of others, which passed no gate: nothing says that the program computes what it should".into();
        let clear = format!("bragg-audit run{flags}");
        return Err(refusal("backlog", &[Obstacle { what, stamp: b2.to_owned(), clear }]));
    }
    let hot: HotLoops = stamp::read_json(b2, &marked(HOT_LOOPS, before.reliable))?;
    let listed: Inventory = stamp::read_json(b2, inventory::FILE)?;
    let parents = vec![stamp::parent("b2", b2)?];
    let ground = Ground { hot: &hot, listed: &listed, capture: None, all_parents: parents.clone(), parents };
    write(ctx, outdir, &ground, &common(ctx, flags, false))
}

/// What every backlog is told of the machine and the project.
fn common(ctx: &Context, flags: &str, reliable: bool) -> backlog::Context {
    let tests = Path::new("scripts/test");
    backlog::Context {
        cpu_features: ctx.environment.cpu_features.clone(),
        reports_flags: flags.to_owned(),
        test_command: ctx.root.join(tests).is_file().then(|| tests.display().to_string()),
        reliable,
        ..backlog::Context::default()
    }
}

/// What a backlog is made from.
struct Ground<'a> {
    hot: &'a HotLoops,
    listed: &'a Inventory,
    capture: Option<&'a Capture>,
    parents: Vec<stamp::Parent>,
    all_parents: Vec<stamp::Parent>,
}

fn write(
    ctx: &Context,
    outdir: Option<&Path>,
    ground: &Ground<'_>,
    context: &backlog::Context,
) -> Result<(Done, Backlog)> {
    let reliable = context.reliable;
    let flags = &context.reports_flags;
    let backlog = backlog::build(ground.hot, ground.listed, &TestList::of(&ctx.root), context);
    let writer = ctx.begin("b3", outdir)?;
    let mut markdown = backlog.markdown();
    if !markdown.ends_with('\n') {
        markdown.push('\n');
    }
    writer.write(&marked("backlog.md", reliable), markdown)?;
    writer.write_json(&marked("backlog.json", reliable), &backlog)?;
    let line = backlog.headline();
    let verdict = PhaseVerdict {
        loosened: ground.capture.map(|capture| crate::gates::loosened(&capture.gates)).unwrap_or_default(),
        schema: VERDICT_SCHEMA.into(),
        phase: "b3".into(),
        stamp: writer.name.clone(),
        verdict: Verdict::Pass,
        exit: 0,
        reliable,
        profile_whole: None,
        reasons: Vec::new(),
        parents: ground.parents.clone(),
        gates: Vec::new(),
    };
    ctx.write_common(&writer, &verdict, &[])?;
    let text = summary(&Summary {
        title: "Parity, hot loops and backlog (phases A to B3)",
        stamp: &writer.name,
        reliable,
        verdict: (Verdict::Pass, line.clone()),
        command: &ctx.command,
        environment: &ctx.environment,
        capture: ground.capture,
        own: "## Backlog\n\nSee `backlog.md` in this folder: candidates with gain, evidence, risks and acceptance commands.\n".into(),
        loops: measured(ground.hot),
        parents: &ground.all_parents,
        previous: None,
        blockers: Vec::new(),
        artifacts: checklist(&writer, &[]),
        next: vec![
            (format!("less {}", b3_file(&writer.name, ctx, outdir)), "Choose a loop".into()),
            (format!("bragg-audit capture{flags}"), "After the change, parity must hold again".into()),
        ],
    });
    writer.write(&marked("summary.md", reliable), text)?;
    let done = Done { phase: "b3".into(), stamp: writer.finish()?, verdict: Verdict::Pass, line };
    ctx.record(&done, None)?;
    Ok((done, backlog))
}

fn b3_file(name: &str, ctx: &Context, outdir: Option<&Path>) -> String {
    let dir = outdir.map_or_else(|| ctx.phase_dir("b3").join(name), Path::to_owned);
    let path = dir.join("backlog.md");
    crate::case::paste(&[path.strip_prefix(&ctx.root).unwrap_or(&path).as_os_str().to_owned()])
}
