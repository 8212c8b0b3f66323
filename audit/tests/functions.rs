//! `pprof` sees the functions of a program, the C library's included, with their callers.
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

use std::hint::black_box;

use bragg_audit::profile::functions::{FREQUENCY_HZ, profile};

#[expect(unsafe_code, reason = "the libc crate's binding of clock_gettime")]
fn cpu_ms() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one `timespec`.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) }, 0);
    time.tv_sec as u64 * 1000 + time.tv_nsec as u64 / 1_000_000
}

#[inline(never)]
fn sines_of_the_render(until_ms: u64) -> f64 {
    let mut sum = 0.0;
    while cpu_ms() < until_ms {
        for i in 0..10_000 {
            sum += black_box(f64::from(i) * 0.37).sin();
        }
    }
    sum
}

#[inline(never)]
fn something_else(until_ms: u64) -> u64 {
    let mut x = 1u64;
    while cpu_ms() < until_ms {
        for _ in 0..10_000 {
            x = black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
    }
    x
}

#[test]
fn stacks_lead_from_the_c_library_to_our_functions() {
    let start = cpu_ms();
    let work = || {
        black_box(sines_of_the_render(start + 900));
        black_box(something_else(start + 1400));
        7
    };
    let (seven, functions) = profile(FREQUENCY_HZ, Some("sines_of_the_render"), work).unwrap();
    assert_eq!(seven, 7);
    let mut folded = Vec::new();
    functions.write_folded(&mut folded).unwrap();
    let folded = String::from_utf8(folded).unwrap();
    println!("{folded}\n{:#?} outside {}", functions.top(5), functions.outside);
    assert!(functions.samples > 20 && functions.outside > 10, "{} {}", functions.samples, functions.outside);
    let inside = |line: &&str| {
        let mut names = line.rsplit_once(' ').unwrap().0.split(';');
        names.any(|name| name.ends_with("sines_of_the_render"))
            && names.next().is_some_and(|name| name.contains("sin"))
    };
    let count = |line: &str| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap();
    let in_sin: u64 = folded.lines().filter(inside).map(count).sum();
    assert!(in_sin * 2 > functions.samples, "{in_sin} of {} in the C library's sine", functions.samples);
}
