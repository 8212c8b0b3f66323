//! Tests of `pictures`.

use super::*;
use crate::formats::Shape;
use crate::metrics;

fn decode(path: &Path) -> (usize, usize, Vec<u8>) {
    let decoder = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(path).unwrap()));
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    (info.width as usize, info.height as usize, pixels)
}

#[test]
fn every_shape_is_drawn_and_both_images_share_their_scale() {
    for (width, height) in [(1, 1), (3, 5), (100, 70), (1500, 40), (2100, 2100)] {
        let shape = Shape::new(width, height);
        let values: Vec<f32> = (0..shape.values()).map(|i| (i % 97) as f32 + 0.5).collect();
        let a = Array2::from_f32(&values, shape).unwrap();
        let mut values = values;
        values[0] *= 1.5;
        let b = Array2::from_f32(&values, shape).unwrap();
        let (comparison, maps) = metrics::measure(&a, &b, None).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let files = write(&dir.path().join("new"), &a, &b, None, &comparison, &maps).unwrap();
        assert_eq!(files.len(), 9);
        assert_eq!(
            std::fs::read_dir(dir.path().join("new")).unwrap().count(),
            9,
            "nothing half-written stays"
        );
        for file in &files {
            let (w, h, _) = decode(file);
            assert!((64..1200).contains(&w) && (40..1200).contains(&h), "{}: {w} × {h}", file.display());
        }
        // all but one pixel are equal: so are the pictures, but for titles and that pixel
        if width == 100 {
            let ((_, _, p), (_, _, q)) = (decode(&files[0]), decode(&files[1]));
            let different = p.chunks(3).zip(q.chunks(3)).filter(|(p, q)| p != q).count();
            assert!(different < 1000 && different > 0, "{different}");
        }
    }
}

#[test]
fn what_cannot_be_drawn_is_left_out() {
    let shape = Shape::new(2, 1);
    let bad = Array2::from_f32(&[1.0, f32::NAN], shape).unwrap();
    let (comparison, maps) = metrics::measure(&bad, &bad, None).unwrap();
    let dir = tempfile::tempdir().unwrap();
    assert!(write(dir.path(), &bad, &bad, None, &comparison, &maps).unwrap().is_empty());
    let dark = Array2::from_f32(&[0.0; 2], shape).unwrap();
    let (comparison, maps) = metrics::measure(&dark, &dark, None).unwrap();
    assert_eq!(write(dir.path(), &dark, &dark, None, &comparison, &maps).unwrap().len(), 9);
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(write(&file, &dark, &dark, None, &comparison, &maps).is_err());
}
