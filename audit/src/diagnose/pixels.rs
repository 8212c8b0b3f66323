//! Which pixels to trace: the worst, a good neighbour of it, one of each kind of difference, and places that show the geometry.

/// The chosen pixels (fast, slow), each with the reason. Shape is pixels along fast and slow.
#[must_use]
pub fn choose(a: &[f32], b: &[f32], (width, height): (usize, usize)) -> Vec<((usize, usize), String)> {
    let mut chosen: Vec<((usize, usize), String)> = Vec::new();
    let mut add = |index: Option<usize>, why: &str| {
        if let Some(i) = index {
            let pixel = (i % width, i / width);
            if !chosen.iter().any(|(p, _)| *p == pixel) {
                chosen.push((pixel, why.to_owned()));
            }
        }
    };
    let apart = |i: usize| (f64::from(a[i]) - f64::from(b[i])).abs();
    let all = || 0..a.len().min(b.len());
    let most = |score: &dyn Fn(usize) -> f64, wanted: &dyn Fn(usize) -> bool| {
        all().filter(|i| wanted(*i)).max_by(|x, y| score(*x).total_cmp(&score(*y)))
    };
    let worst = most(&apart, &|i| apart(i) > 0.0);
    add(worst, "the largest difference");
    add(most(&|i| f64::from(a[i]), &|_| true), "the reference's brightest peak");
    add(
        most(&|i| f64::from(a[i]), &|i| a[i] != 0.0 && b[i] == 0.0),
        "brightest where only the candidate is 0",
    );
    add(
        most(&|i| f64::from(b[i]), &|i| b[i] != 0.0 && a[i] == 0.0),
        "brightest where only the reference is 0",
    );
    if let Some(w) = worst {
        let (wf, ws) = ((w % width) as f64, (w / width) as f64);
        let far = |i: usize| ((i % width) as f64 - wf).powi(2) + ((i / width) as f64 - ws).powi(2);
        let good = |i: usize| a[i] != 0.0 && apart(i) <= 1e-5 * f64::from(a[i]).abs();
        add(most(&|i| -far(i), &good), "the nearest pixel that agrees");
        // one of another cluster: the largest difference far from the worst
        let away = ((width * width + height * height) as f64) / 16.0;
        add(most(&apart, &|i| apart(i) > 0.0 && far(i) > away), "the largest difference elsewhere");
    }
    add(Some(height / 2 * width + width / 2), "the centre");
    add(Some(height / 2 * width + width - 1), "the far edge");
    add(Some(width / 4), "near a corner");
    chosen
}

/// The places that a blocked capture traces: the centre, a peak, the far edge (on the benchmark's 4096² frame 2048,2048, 1791,2048
/// and 4095,2048), and the largest relative difference.
#[must_use]
pub fn standard((width, height): (usize, usize), worst: Option<usize>) -> Vec<((usize, usize), String)> {
    let row = height / 2;
    let mut list = vec![
        ((width / 2, row), "the centre".to_owned()),
        (
            (width * 1791 / 4096, row),
            "a sixteenth of the frame left of the centre, where the benchmark has a peak".to_owned(),
        ),
        ((width - 1, row), "the far edge".to_owned()),
    ];
    if let Some(i) = worst {
        list.insert(0, ((i % width, i / width), "the largest relative difference".to_owned()));
    }
    list.dedup_by_key(|(p, _)| *p);
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_places_of_the_benchmark() {
        let places: Vec<(usize, usize)> = standard((4096, 4096), None).into_iter().map(|(p, _)| p).collect();
        assert_eq!(places, [(2048, 2048), (1791, 2048), (4095, 2048)]);
    }

    #[test]
    fn the_named_places() {
        let mut a = vec![1.0f32; 16 * 8];
        a[5] = 9.0;
        let mut b = a.clone();
        b[100] = 4.0;
        b[3] = 0.0;
        let chosen = choose(&a, &b, (16, 8));
        let why = |w: &str| chosen.iter().find(|(_, t)| t.contains(w)).map(|(p, _)| *p);
        assert_eq!(why("largest difference"), Some((4, 6)));
        assert_eq!(why("brightest peak"), Some((5, 0)));
        assert_eq!(why("only the candidate is 0"), Some((3, 0)));
        assert_eq!((why("centre"), why("far edge")), (Some((8, 4)), Some((15, 4))));
        let near = why("agrees").unwrap();
        assert_eq!(near.0.abs_diff(4) + near.1.abs_diff(6), 1);
    }
}
