//! Random command lines: an engine may refuse them or render, but it never crashes, hangs or refuses in silence.
//!
//! The seed is printed when a test fails; `BRAGG_TESTS_SEED=N` repeats it.

use std::time::{SystemTime, UNIX_EPOCH};

use bragg_tests::programs::{ENGINES, binary, run, temporary_folder};

/// Steele, Lea and Flood's SplitMix64: small, and good enough to choose words.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn choose<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

const CASE: &str = "-default_F 100 -cell 100 100 100 90 90 90 -lambda 6.2 -N 5 -distance 100 -detpixels 6 -oversample 1 \
    -noprogress -nonoise -nopgm -floatfile out.bin --threads 1";

const FLAGS: &str = "-hkl -default_F -dump -mat -matrix -cell -misset -misset_seed -N -Na -Nb -Nc -samplesize -xtal_x \
    -square_xtal -round_xtal -gauss_xtal -tophat_spots -fudge -lambda -wave -energy -fluence -flux -exposure -beamsize \
    -dispersion -dispsteps -hdivrange -vdivstep -divergence -divsteps -round_div -sourcefile -polar -nopolar -mosaic \
    -mosaic_domains -mosaic_seed -phi -osc -phistep -phisteps -dmin -distance -close_distance -detsize -detsize_f \
    -detpixels -detpixels_y -pixel -Xbeam -Ybeam -Xclose -ORGX -detector_rotx -twotheta -pivot -mosflm -denzo -adxv -xds \
    -dials -fdet_vector -odet_vector -beam_vector -polar_vector -pix0_vector -curved_det -point_pixel -detector_abs \
    -detector_thick -thicksteps -oversample -oversample_polar -roi -mask -img -interpolate -nointerpolate -water -floatfile \
    -intfile -pgmfile -noisefile -scale -adc -seed -printout_pixel -progress --threads --dtype --simd --oddities --engine \
    --quiet --json --version --help -nonsense --nonsense - --";

const VALUES: &[&str] = &[
    "",
    " ",
    "0",
    "-0",
    "1",
    "2",
    "5",
    "-5",
    "0.5",
    "90",
    "180",
    "360",
    "nan",
    "inf",
    "-inf",
    "1e400",
    "-1e400",
    "1e-320",
    "1e300",
    "99999999999999999999",
    "-9223372036854775808",
    "2147483648",
    "4294967296",
    "0x10",
    "1e5",
    "1,2",
    "1;2",
    "%s%n",
    "é",
    "\u{202e}",
    "\u{feff}5",
    "sample",
    "beam",
    "random",
    "no-such-file",
    "../",
    "/dev/null",
    "out.bin",
    "-",
    "--",
    "-N",
    "f64",
    "none",
    "nanobragg",
];

fn words(random: &mut Random) -> Vec<String> {
    let flags: Vec<&str> = FLAGS.split_whitespace().collect();
    let mut words: Vec<String> = CASE.split_whitespace().map(str::to_owned).collect();
    for _ in 0..=random.below(3) {
        words.push(random.choose(&flags).to_owned());
        for _ in 0..random.below(5) {
            words.push(random.choose(VALUES).to_owned());
        }
    }
    if random.below(20) == 0 {
        words.push("x".repeat(100_000));
    }
    words
}

#[test]
fn no_command_line_crashes_an_engine() {
    let given = std::env::var("BRAGG_TESTS_SEED").ok().and_then(|seed| seed.parse().ok());
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64);
    let seed: u64 = given.unwrap_or(clock);
    let mut random = Random(seed);
    for round in 0..150 {
        let words = words(&mut random);
        for engine in ENGINES {
            let dir = temporary_folder();
            let ran = run(&binary(engine), &words, dir.path());
            let say =
                |what: &str| format!("BRAGG_TESTS_SEED={seed}, round {round}: {what}\n{words:?}\n{ran}");
            let code = ran.status.code();
            assert!(matches!(code, Some(0..=2)), "{}", say("how it ended"));
            assert!(!ran.stderr.contains("panicked"), "{}", say("it panicked"));
            if code != Some(0) {
                assert_eq!(ran.stderr.trim_end().lines().count(), 1, "{}", say("a refusal is one line"));
                assert!(!dir.path().join("out.bin").exists(), "{}", say("a refusal leaves no image"));
            }
        }
    }
}
