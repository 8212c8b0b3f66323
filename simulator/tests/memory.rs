//! A run needs its float image and little else: no file may be made of a second whole image.

#![cfg(target_os = "linux")]

use std::process::Command;

/// Pixels along each axis: large against the program itself.
const SIDE: u64 = 4096;

#[test]
fn no_file_takes_a_whole_image_in_memory() {
    let directory = tempfile::tempdir().unwrap();
    for stream in ["nanobragg", "parallel"] {
        // Every file, of an image whose pixels are nearly all outside the region that is computed.
        let line = format!(
            "-default_F 100 -cell 100 100 100 90 90 90 -lambda 6.2 -N 1 -detpixels {SIDE} -roi 9 20 0 4000 -seed 1 \
             -npyfile a.npy -pngfile a.png --noise-stream {stream} --threads 2 --quiet --timings t.json"
        );
        let run = Command::new(env!("CARGO_BIN_EXE_nanobragg"))
            .current_dir(directory.path())
            .args(line.split_whitespace())
            .output()
            .unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        let timings = std::fs::read(directory.path().join("t.json")).unwrap();
        let timings: serde_json::Value = serde_json::from_slice(&timings).unwrap();
        let peak = timings["renders"][0]["peak_bytes"].as_u64().unwrap();
        let float = 4 * SIDE * SIDE;
        // The smallest copy that there could be has one byte for every pixel.
        let limit = float + SIDE * SIDE;
        eprintln!("{stream}: {:.1} MB beside the float image", (peak as f64 - float as f64) / 1e6);
        assert!(peak < limit, "{stream}: {peak} bytes; the float image has {float}");
    }
}
