//! Formats that are not read, known by the bytes they begin with: what they are, and one line that converts them.

use super::{FormatError, Shape};
use std::path::Path;

/// What it is, the bytes it begins with, and the words of Python that read it as an array.
const KNOWN: &[(&str, &[u8], &str)] = &[
    ("a PNG image", b"\x89PNG\r\n\x1a\n", IMAGEIO),
    ("a JPEG image", b"\xff\xd8\xff", IMAGEIO),
    ("a GIF image", b"GIF8", IMAGEIO),
    ("a TIFF image", b"II*\0", IMAGEIO),
    ("a TIFF image", b"MM\0*", IMAGEIO),
    ("a BigTIFF image", b"II+\0", IMAGEIO),
    ("a BigTIFF image", b"MM\0+", IMAGEIO),
    ("a CBF image", b"###CBF", FABIO),
    ("an EDF image", b"{\nEDF_", FABIO),
    ("an EDF image", b"{\nHeaderID", FABIO),
    ("an EDF image", b"{\r\nHeaderID", FABIO),
    (
        "an HDF5 file",
        b"\x89HDF\r\n\x1a\n",
        "import h5py, numpy; numpy.save(OUT, h5py.File(IN)['entry/data/data'][0])",
    ),
    ("a NetCDF file", b"CDF\x01", SCIPY),
    ("a NetCDF file", b"CDF\x02", SCIPY),
    (
        "a FITS file",
        b"SIMPLE  =",
        "import numpy; from astropy.io import fits; numpy.save(OUT, fits.getdata(IN).astype('f8'))",
    ),
    (
        "an archive of NumPy arrays (or another ZIP file)",
        b"PK\x03\x04",
        "import numpy; a = numpy.load(IN); numpy.save(OUT, a[a.files[0]])",
    ),
    ("a grey map of floats (PFM)", b"Pf\n", IMAGEIO),
    ("a colour image (PPM)", b"P6\n", IMAGEIO),
    ("a colour image (PPM)", b"P3\n", IMAGEIO),
];
const IMAGEIO: &str = "import imageio.v3, numpy; numpy.save(OUT, imageio.v3.imread(IN))";
const FABIO: &str = "import fabio, numpy; numpy.save(OUT, fabio.open(IN).data)";
const SCIPY: &str = "import numpy; from scipy.io import netcdf_file; f = netcdf_file(IN); numpy.save(OUT, f.variables['NAME'][:])";

/// Compressed files: what they are, their first bytes, what unpacks them.
const PACKED: &[(&str, &[u8], &str)] = &[
    ("compressed by gzip", b"\x1f\x8b\x08", "gunzip"),
    ("compressed by bzip2", b"BZh", "bunzip2"),
    ("compressed by xz", b"\xfd7zXZ\0", "unxz"),
    ("compressed by zstd", b"\x28\xb5\x2f\xfd", "unzstd"),
];

/// The error for a file of another format. Pixels may begin with any bytes: a file that is as long as raw pixels of the
/// shape that was given is taken for such.
pub(super) fn recognised(path: &Path, bytes: &[u8], shape: Option<Shape>) -> Option<FormatError> {
    let fits = |width: usize| shape.is_some_and(|s| s.values().checked_mul(width) == Some(bytes.len()));
    if fits(4) || fits(8) {
        return None;
    }
    let error = |kind, advice| Some(FormatError::Foreign { path: path.to_owned(), kind, advice });
    if let Some((kind, _, program)) = PACKED.iter().find(|(_, mark, _)| bytes.starts_with(mark)) {
        return error(kind, format!("Unpack it first: {program}"));
    }
    let (kind, _, code) = KNOWN.iter().find(|(_, mark, _)| bytes.starts_with(mark))?;
    error(kind, format!("Convert it: {}", line(path, code)))
}

/// The command with the file's name in it, where that needs no quoting.
fn line(path: &Path, code: &str) -> String {
    let plain = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/".contains(&b));
    match path.to_str().filter(|name| plain(name)) {
        Some(name) => {
            let out = path.with_extension("npy");
            let code = code.replace("(OUT", &format!("('{}'", out.display()));
            format!("python3 -c \"{}\"", code.replace("(IN", &format!("('{name}'")))
        }
        None => format!("python3 -c \"{code}\" (IN: its name; OUT: a name that ends in .npy)"),
    }
}
