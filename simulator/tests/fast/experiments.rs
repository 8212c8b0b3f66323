//! Random experiments over everything that an experiment can be, each made from a seed, and small enough for thousands.

use crate::draw::Draw;
use nanobragg::Experiment;
use nanobragg::experiment::{Beam, Cell, Crystal, Misset, Sampling, Shape, SourceLine, Steps};
use nanobragg::oddities::{Oddities, Oddity};
use nanobragg::physics::Model;
use nanobragg::physics::intensity::{self, Inherited};
use nanobragg::physics::structure_factor::HklGrid;
use nanobragg::physics::tap::{Scattering, Tap};
use nanobragg::physics::vector::Vec3;
use std::sync::Arc;

/// Terms of the sum over a whole image that an experiment may have.
const MOST_TERMS: u32 = 40_000;

/// The experiment of a seed.
pub(crate) fn experiment(seed: u64) -> Experiment {
    let mut draw = Draw::new(seed);
    loop {
        let experiment = if draw.chance(0.08) { at_bragg(&mut draw) } else { any(&mut draw) };
        if Model::new(&experiment, None).is_ok() {
            return experiment;
        }
    }
}

fn any(draw: &mut Draw) -> Experiment {
    let oddities = oddities(draw);
    let mut sampling = sampling(draw);
    let wavelength = draw.scale(0.2e-10, 10e-10);
    let mut beam = beam(draw, wavelength);
    let mut crystal = crystal(draw);
    let per_pixel = terms(&sampling, &beam, &crystal);
    let mut detector = crate::detectors::any(draw, MOST_TERMS / per_pixel.clamp(1, MOST_TERMS));
    if draw.chance(0.3) {
        detector.thickness = Some(draw.scale(1e-5, 1e-3));
        detector.layers = Some(draw.whole(1, 4));
        detector.absorption_depth =
            [None, Some(draw.scale(1e-5, 1e-2)), Some(f64::INFINITY)][draw.whole(0, 2) as usize];
    }
    if draw.chance(0.2) {
        beam.sources = Some(sources(draw, wavelength));
    }
    let [fast, slow] = detector.pixels.map(|count| count.unwrap_or(1));
    if draw.chance(0.2) {
        sampling.mask = Some((0..fast * slow).map(|_| draw.chance(0.7)).collect());
    }
    if draw.chance(0.25) {
        let (f, s) = (draw.whole(0, fast - 1), draw.whole(0, slow - 1));
        sampling.roi = Some([f, draw.whole(f, fast + 2), s, draw.whole(s, slow + 2)]);
    }
    crystal.water = if draw.chance(0.2) { draw.scale(1e-7, 1e-3) } else { 0.0 };
    let mut experiment = Experiment { crystal, beam, detector, sampling, oddities };
    let Some(probe) = Probe::new(&experiment, None, draw) else { return experiment };
    if draw.chance(0.2) {
        experiment.beam.dmin = draw.between(0.9, 1.1) / probe.q.norm();
    }
    if draw.chance(0.55) {
        experiment.crystal.structure_factors = Some(Arc::new(grid(draw, &probe)));
        experiment.crystal.interpolate = draw.of(&[None, Some(true), Some(true), Some(false), Some(false)]);
        if draw.chance(0.5) {
            experiment.crystal.default_f = 0.0;
        }
    }
    experiment
}

/// The experiment of a seed whose image is smooth: one structure factor, few cells, many terms, many small pixels.
pub(crate) fn smooth(seed: u64) -> Experiment {
    let mut draw = Draw::new(seed);
    let edges: [f64; 3] = std::array::from_fn(|_| draw.between(40.0, 120.0));
    let cells: [u32; 3] = std::array::from_fn(|_| draw.whole(1, 9));
    let wavelength = draw.scale(1.0, 6.0);
    let pixels = [draw.whole(100, 180), draw.whole(70, 150)];
    // Cycles of the finest fringe from pixel to pixel.
    let finest =
        edges.iter().zip(cells).map(|(edge, n)| edge * f64::from(n)).fold(0.0, f64::max) / wavelength;
    let distance = draw.between(0.05, 0.3);
    let pixel = distance * draw.scale(0.01, 0.06) / finest;
    let size = pixels.map(|count| f64::from(count) * pixel);
    let mut experiment = Experiment {
        crystal: Crystal {
            cell: Some(Cell { edges, angles: draw.triple(15.0).map(|x| 90.0 + x) }),
            cells: cells.map(Some),
            default_f: 50.0,
            misset: Misset::Angles(draw.triple(3.0)),
            mosaic_spread: Some(draw.scale(1e-4, 0.02)),
            mosaic_domains: Some(draw.whole(5, 30)),
            ..Crystal::default()
        },
        beam: Beam {
            wavelength: wavelength * 1e-10,
            polarization: Some(draw.between(0.0, 1.0)),
            ..Beam::default()
        },
        oddities: draw.of(&[Oddities::nanobragg(), Oddities::none(), Oddities::oracle()]),
        ..Experiment::default()
    };
    experiment.detector.pixels = pixels.map(Some);
    experiment.detector.pixel = pixel;
    experiment.detector.distance = distance;
    experiment.detector.beam_centre = size.map(|size| Some(size * draw.between(-0.2, 1.2)));
    experiment.detector.rotation = draw.triple(0.3);
    if draw.chance(0.5) {
        experiment.beam.dispersion = Steps { range: Some(0.02), step: None, count: Some(draw.whole(2, 3)) };
    }
    if draw.chance(0.4) {
        experiment.sampling.oscillation = Steps { range: Some(0.01), step: None, count: Some(2) };
        experiment.sampling.phi = draw.of(&[0.0, 0.2]);
    }
    if draw.chance(0.3) {
        experiment.detector.thickness = Some(1e-4);
        experiment.detector.layers = Some(2);
    }
    if draw.chance(0.4) {
        experiment.sampling.roi =
            Some([draw.whole(0, 40), draw.whole(60, 99), draw.whole(0, 30), draw.whole(45, 200)]);
    }
    experiment.sampling.oversample = Some(draw.of(&[1, 1, 2]));
    experiment
}

/// Terms of one pixel, the layers of the sensor left out.
fn terms(sampling: &Sampling, beam: &Beam, crystal: &Crystal) -> u32 {
    let count = |steps: &Steps| steps.count.unwrap_or(1);
    sampling.oversample.map_or(1, |n| n * n)
        * count(&sampling.oscillation)
        * count(&beam.dispersion)
        * count(&beam.horizontal_divergence)
        * count(&beam.vertical_divergence)
        * crystal.mosaic_domains.unwrap_or(1)
}

fn oddities(draw: &mut Draw) -> Oddities {
    match draw.whole(0, 5) {
        0 | 1 => Oddities::nanobragg(),
        2 => Oddities::none(),
        3 => Oddities::oracle(),
        _ => Oddity::ALL
            .iter()
            .filter(|_| draw.chance(0.5))
            .fold(Oddities::none(), |set, &oddity| set.with(oddity)),
    }
}

fn sampling(draw: &mut Draw) -> Sampling {
    let step = draw.scale(1e-5, 0.1);
    let mut count = 1;
    let mut phi = 0.0;
    if draw.chance(0.5) {
        count = draw.whole(1, 4);
        // Also from 0, and through it.
        phi = draw.of(&[0.0, 0.0, -step, 0.7]);
    }
    let [thick, polar, omega] = std::array::from_fn(|_| draw.chance(0.25));
    Sampling {
        phi,
        oscillation: Steps { range: Some(step * f64::from(count)), step: Some(step), count: Some(count) },
        oversample: Some(draw.of(&[1, 1, 2, 3])),
        oversample_thick: thick,
        oversample_polar: polar,
        oversample_omega: omega,
        ..Sampling::default()
    }
}

fn beam(draw: &mut Draw, wavelength: f64) -> Beam {
    let mut steps = |share: f64, low: f64, high: f64, most: u32| {
        if !draw.chance(share) {
            return Steps::default();
        }
        Steps { range: Some(draw.scale(low, high)), step: None, count: Some(draw.whole(2, most)) }
    };
    let dispersion = steps(0.35, 1e-4, 0.2, 4);
    let horizontal_divergence = steps(0.3, 1e-5, 0.1, 3);
    let vertical_divergence = steps(0.3, 1e-5, 0.1, 3);
    Beam {
        wavelength,
        fluence: draw.scale(1e22, 1e29),
        polarization: [Some(0.0), Some(draw.between(-1.0, 1.0)), Some(1.0), None][draw.whole(0, 3) as usize],
        dispersion,
        horizontal_divergence,
        vertical_divergence,
        round_divergence: draw.chance(0.7),
        ..Beam::default()
    }
}

/// Sources about the direction of the beam, whatever it is: what is left out has its default.
fn sources(draw: &mut Draw, wavelength: f64) -> Arc<[SourceLine]> {
    let count = draw.whole(0, 3);
    let line = |_| SourceLine {
        position: [
            None,
            draw.chance(0.5).then(|| draw.between(-0.3, 0.3)),
            draw.chance(0.5).then(|| draw.between(-0.3, 0.3)),
        ],
        weight: draw.chance(0.7).then(|| draw.between(0.0, 3.0)),
        wavelength: draw.chance(0.5).then(|| wavelength * draw.between(0.95, 1.05)),
    };
    // A weight that is above 0, so that there is a mean.
    let last = SourceLine { weight: Some(0.5), ..SourceLine::default() };
    let mut lines: Vec<SourceLine> = (0..count).map(line).collect();
    lines.push(last);
    lines.into()
}

fn crystal(draw: &mut Draw) -> Crystal {
    let longest = draw.of(&[60.0, 200.0, 200.0, 500.0, 20_000.0]);
    let edges = std::array::from_fn(|_| draw.scale(longest / 20.0, longest));
    let angles = if draw.chance(0.4) { [90.0; 3] } else { draw.triple(20.0).map(|x| 90.0 + x) };
    let cells = if draw.chance(0.3) { [cells(draw); 3] } else { std::array::from_fn(|_| cells(draw)) };
    let mut crystal = Crystal {
        cell: Some(Cell { edges, angles }),
        cells: cells.map(Some),
        shape: draw.of(&[
            Shape::Square,
            Shape::Square,
            Shape::Square,
            Shape::Round,
            Shape::Gauss,
            Shape::Tophat,
        ]),
        fudge: draw.of(&[1.0, 1.0, 0.5, 0.02]),
        default_f: draw.scale(0.1, 1000.0),
        ..Crystal::default()
    };
    if matches!(crystal.shape, Shape::Gauss | Shape::Tophat) && draw.chance(0.8) {
        // These spots become so small with the number of cells that no pixel would meet one.
        let volume: f64 = cells.iter().map(|&n| f64::from(n)).product();
        let spacing = edges.iter().product::<f64>().cbrt().recip();
        crystal.fudge = (0.63 / (volume * spacing * draw.scale(0.1, 0.8))).powi(2);
    }
    if draw.chance(0.6) {
        crystal.misset = Misset::Angles(draw.triple(3.0));
    }
    if draw.chance(0.5) {
        crystal.mosaic_spread = Some(draw.scale(1e-6, 0.05));
        crystal.mosaic_domains = Some(draw.whole(1, 6));
        crystal.mosaic_seed = i64::from(draw.whole(1, 1_000_000));
    }
    crystal
}

/// Unit cells along one axis, 1 to 1000, with those among them that a fast kernel may treat apart.
fn cells(draw: &mut Draw) -> u32 {
    match draw.whole(0, 5) {
        0 => draw.of(&[1, 2, 3, 4, 5, 8, 16, 64, 256, 512, 1000, 999]),
        1 => draw.whole(100, 1000),
        2 => draw.whole(10, 100),
        _ => draw.whole(1, 12),
    }
}

/// A box of structure factors about the samples of an experiment, some of which may be outside.
fn grid(draw: &mut Draw, probe: &Probe) -> HklGrid {
    let widest = draw.of(&[10.0, 30.0]);
    // About all samples where that is not too much; else about the first, or any.
    let all = probe.low.iter().zip(probe.high).all(|(low, high)| high - low < widest);
    let about = if draw.chance(0.5) { probe.first } else { probe.hkl };
    let mut side = |axis: usize| {
        let [low, high] = if all { [probe.low[axis], probe.high[axis]] } else { [about[axis]; 2] };
        let (below, above) = match draw.whole(0, 3) {
            0 => (draw.whole(0, 3), draw.whole(0, 3)),
            _ => (draw.whole(3, 12), draw.whole(3, 12)),
        };
        (low.floor() as i32 - below as i32, high.ceil() as i32 + above as i32)
    };
    let [h, k, l] = [side(0), side(1), side(2)];
    let count = |(low, high): (i32, i32)| (high - low + 1) as usize;
    let values = (0..count(h) * count(k) * count(l))
        .map(|_| if draw.chance(0.1) { 0.0 } else { draw.between(0.0, 300.0) })
        .collect();
    HklGrid { min: [h.0, k.0, l.0], max: [h.1, k.1, l.1], values }
}

/// Where pixels lie in reciprocal space.
struct Probe {
    /// Of a random pixel.
    q: Vec3,
    hkl: [f64; 3],
    /// Of the first.
    first: [f64; 3],
    /// Of all corners and the random one.
    low: [f64; 3],
    high: [f64; 3],
}

impl Probe {
    /// At a pixel, or any.
    fn new(experiment: &Experiment, pixel: Option<[usize; 2]>, draw: &mut Draw) -> Option<Probe> {
        let model = Model::new(experiment, None).ok()?;
        let [fast, slow] = model.geometry.pixels;
        let orientations = &model.orientations.usual;
        let orientation =
            if draw.chance(0.5) { orientations.first()?.first()? } else { orientations.last()?.last()? };
        let at = |f: usize, s: usize| {
            let q = scattering_vectors(&model, [f, s]).pop()?;
            let hkl = orientation.direct.map(|v| v.dot(q));
            hkl.iter().all(|h| h.abs() < 1e8).then_some((q, hkl))
        };
        let mut any = |count: usize| draw.whole(0, count as u32 - 1) as usize;
        let [f, s] = pixel.unwrap_or_else(|| [any(fast), any(slow)]);
        let (q, hkl) = at(f, s)?;
        let first = at(0, 0)?.1;
        let (mut low, mut high) = (hkl, hkl);
        for (f, s) in [(0, 0), (fast - 1, 0), (0, slow - 1), (fast - 1, slow - 1)] {
            let (_, corner) = at(f, s)?;
            low = std::array::from_fn(|i| low[i].min(corner[i]));
            high = std::array::from_fn(|i| high[i].max(corner[i]));
        }
        Some(Probe { q, hkl, first, low, high })
    }
}

/// The scattering vectors of a pixel.
fn scattering_vectors(model: &Model, [fpixel, spixel]: [usize; 2]) -> Vec<Vec3> {
    struct All(Vec<Vec3>);
    impl Tap for All {
        fn scattering(&mut self, scattering: &Scattering) {
            self.0.push(scattering.q);
        }
    }
    let mut all = All(Vec::new());
    intensity::pixel(model, fpixel, spixel, Inherited::default(), &mut all);
    all.0
}

/// Miller indices of all samples of a pixel; none if it is not computed.
pub(crate) fn indices_at(model: &Model, pixel: [usize; 2]) -> Vec<[f64; 3]> {
    if !model.computes(pixel[0], pixel[1]) {
        return Vec::new();
    }
    let orientations = || model.orientations.usual.iter().flatten();
    let of = |q: Vec3| orientations().map(move |o| o.direct.map(|v| v.dot(q)));
    scattering_vectors(model, pixel).into_iter().flat_map(of).collect()
}

/// Whether a sample is at a lattice point.
pub(crate) fn is_exact(hkl: &[f64; 3]) -> bool {
    hkl.iter().all(|h| (h - h.round()).abs() < 1e-9)
}

/// A pixel whose centre is at the exact Bragg position of a reflection m 0 −n, or the direct beam at n = 0.
fn at_bragg(draw: &mut Draw) -> Experiment {
    loop {
        let mut experiment = any(draw);
        let edges = [draw.between(10.0, 100.0), draw.between(10.0, 100.0), draw.between(10.0, 100.0)];
        let [m, n] = [f64::from(draw.whole(1, 20)), f64::from(draw.whole(0, 20))];
        let (a, c) = (edges[0] / m, edges[2] / n);
        // d = s + λ·(m·a* − n·c*) has length 1 at this wavelength.
        let wavelength = if n == 0.0 { 1.5 } else { 2.0 / c / (1.0 / (a * a) + 1.0 / (c * c)) };
        let offset = if n == 0.0 { 0.0 } else { wavelength / a / (1.0 - wavelength / c) };
        if wavelength >= 0.8 * c {
            continue;
        }
        experiment.crystal.cell = Some(Cell { edges, angles: [90.0; 3] });
        experiment.crystal.misset = Misset::None;
        experiment.beam.wavelength = wavelength * 1e-10;
        experiment.beam.dmin = 0.0;
        experiment.sampling.oversample = Some(draw.of(&[1, 1, 3]));
        crate::detectors::aim(&mut experiment.detector, offset);
        if !meets_a_reflection(&experiment) {
            // One of the sources or spindle steps was to be at the position, and none is; or nobody looks there.
            experiment.beam.sources = None;
            experiment.beam.dispersion = Steps::default();
            experiment.beam.horizontal_divergence = Steps::default();
            experiment.beam.vertical_divergence = Steps::default();
            experiment.sampling.oscillation = Steps::default();
            experiment.sampling.phi = 0.0;
            experiment.sampling.mask = None;
            experiment.sampling.roi = None;
        }
        let middle = experiment.detector.pixels.map(|count| count.unwrap_or(1) as usize / 2);
        let Some(probe) = Probe::new(&experiment, Some(middle), draw) else { continue };
        if experiment.crystal.structure_factors.is_some() {
            let probe = Probe { first: probe.hkl, ..probe };
            experiment.crystal.structure_factors = Some(Arc::new(grid(draw, &probe)));
        }
        if meets_a_reflection(&experiment) {
            return experiment;
        }
    }
}

/// Whether a sample of the pixel in the middle is at a lattice point.
fn meets_a_reflection(experiment: &Experiment) -> bool {
    Model::new(experiment, None).is_ok_and(|model| {
        indices_at(&model, model.geometry.pixels.map(|count| count / 2)).iter().any(is_exact)
    })
}
