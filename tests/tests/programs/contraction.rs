//! The C engine compiled with and without contracted multiply-adds: two right programs whose last digits differ. The gates
//! that ship must let them pass on every golden case.

use bragg_audit::formats::{Array2, Shape};
use bragg_audit::gates::{self, Verdict};
use bragg_audit::metrics;
use bragg_tests::c_copies::with_flags;
use bragg_tests::golden;
use bragg_tests::image::Image;
use bragg_tests::programs::{not_run, temporary_folder};

#[cfg(target_arch = "x86_64")]
fn contracting() -> Option<&'static [&'static str]> {
    std::arch::is_x86_feature_detected!("fma").then_some(&["-mfma", "-ffp-contract=fast"])
}

#[cfg(not(target_arch = "x86_64"))]
fn contracting() -> Option<&'static [&'static str]> {
    cfg!(target_arch = "aarch64").then_some(&["-ffp-contract=fast"])
}

fn array(image: &Image) -> Array2 {
    Array2::from_f32(&image.pixels, Shape::new(image.width, image.height)).expect("an image")
}

#[test]
fn contracted_multiply_adds_block_nothing() {
    let Some(flags) = contracting() else {
        not_run("the C engine with contracted multiply-adds: this processor has none");
        return;
    };
    let dir = temporary_folder();
    let build = |name: &str, flags: &[&str]| {
        let folder = dir.path().join(name);
        std::fs::create_dir(&folder).expect("a folder");
        with_flags(&folder, flags)
    };
    let (plain, contracted) = match (build("off", &["-ffp-contract=off"]), build("fast", flags)) {
        (Ok(plain), Ok(contracted)) => (plain, contracted),
        (Err(why), _) | (_, Err(why)) => {
            not_run(&format!("the C engine with contracted multiply-adds: {why}"));
            return;
        }
    };
    let figures = golden::figures();
    let (mut blocked, mut differ, mut judged) = (Vec::new(), 0, 0);
    for case in golden::cases() {
        if golden::whole_images().is_none() && golden::needs_inputs(&case) {
            continue;
        }
        let render = |engine| golden::render_with(engine, &case, &figures[&case.id], &[]);
        let (a, b) = (render(&plain), render(&contracted));
        let (comparison, _) = metrics::measure(&array(&a), &array(&b), None).expect("one shape");
        let (verdict, outcomes) = gates::judge(&gates::defaults(), &comparison);
        judged += 1;
        differ += usize::from(comparison.differing > 0);
        if verdict != Verdict::Pass {
            let by = outcomes.iter().filter(|o| !o.passed);
            let by: Vec<String> = by.map(|o| format!("{} {:?}", o.gate.metric, o.actual)).collect();
            blocked.push(format!("{}: {}", case.id, by.join(", ")));
        }
    }
    assert!(blocked.is_empty(), "{} of {judged}:\n{}", blocked.len(), blocked.join("\n"));
    assert!(
        judged > 50 && differ > 0,
        "{judged} judged, {differ} differ in a bit: were they compiled alike?"
    );
}
