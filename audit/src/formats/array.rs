//! An image in memory or in a mapped file, in the type it was stored in.

use super::{FormatError, Shape};
use memmap2::Mmap;
use std::path::{Path, PathBuf};

/// The type of one stored value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Element {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

impl Element {
    /// Bytes of one value.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// `u16`, `f32` …
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::U8 => "u8",
            Self::I8 => "i8",
            Self::U16 => "u16",
            Self::I16 => "i16",
            Self::U32 => "u32",
            Self::I32 => "i32",
            Self::U64 => "u64",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }
}

pub(super) enum Storage {
    Mapped(Mmap),
    Owned(Vec<u8>),
    Singles(Vec<f32>),
    Doubles(Vec<f64>),
}

/// An image: slow-major values (index = slow · width + fast), read as f64 piece by piece, or as they are where they
/// are native f32 or f64.
pub struct Array2 {
    storage: Storage,
    offset: usize,
    element: Element,
    big_endian: bool,
    shape: Shape,
    path: PathBuf,
}

impl Array2 {
    /// Takes the bytes of `storage` from `offset`.
    ///
    /// # Errors
    /// When they are fewer than the shape needs, or more (`exact`).
    pub(super) fn new(
        path: &Path,
        storage: Storage,
        offset: usize,
        (element, big_endian): (Element, bool),
        shape: Shape,
        exact: bool,
    ) -> Result<Self, FormatError> {
        let array = Self { storage, offset, element, big_endian, shape, path: path.to_owned() };
        let have = array.all_bytes().len().saturating_sub(offset);
        let pixels = shape.width as u128 * shape.height as u128;
        let want = pixels.saturating_mul(element.bytes() as u128);
        if want == 0 {
            return Err(FormatError::Empty(path.to_owned()));
        }
        if (have as u128) < want || (exact && have as u128 != want) {
            return Err(FormatError::Length {
                path: path.to_owned(),
                have,
                want,
                shape,
                element: element.name(),
            });
        }
        Ok(array)
    }

    /// An image of f32 values in memory.
    ///
    /// # Errors
    /// When there are not width × height values, or none.
    pub fn from_f32(values: &[f32], shape: Shape) -> Result<Self, FormatError> {
        Self::owning_f32(values.to_vec(), shape)
    }

    /// An image that takes these f32 values over.
    ///
    /// # Errors
    /// When there are not width × height values, or none.
    pub fn owning_f32(values: Vec<f32>, shape: Shape) -> Result<Self, FormatError> {
        Self::native(Storage::Singles(values), Element::F32, shape)
    }

    /// An image of f64 values in memory.
    ///
    /// # Errors
    /// When there are not width × height values, or none.
    pub fn from_f64(values: &[f64], shape: Shape) -> Result<Self, FormatError> {
        Self::owning_f64(values.to_vec(), shape)
    }

    /// An image that takes these f64 values over.
    ///
    /// # Errors
    /// When there are not width × height values, or none.
    pub fn owning_f64(values: Vec<f64>, shape: Shape) -> Result<Self, FormatError> {
        Self::native(Storage::Doubles(values), Element::F64, shape)
    }

    fn native(storage: Storage, element: Element, shape: Shape) -> Result<Self, FormatError> {
        let order = cfg!(target_endian = "big");
        Self::new(Path::new("(memory)"), storage, 0, (element, order), shape, true)
    }

    /// Pixels along fast.
    #[must_use]
    pub fn width(&self) -> usize {
        self.shape.width
    }

    /// Pixels along slow.
    #[must_use]
    pub fn height(&self) -> usize {
        self.shape.height
    }

    /// Width and height.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Pixels in all; never 0.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape.values()
    }

    /// Always `false`: an empty file is an error and no image.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The type the values are stored in.
    #[must_use]
    pub fn element(&self) -> Element {
        self.element
    }

    /// The file it was read from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The stored bytes of the pixels.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        let want = self.shape.values() * self.element.bytes(); // checked when the array was made
        &self.all_bytes()[self.offset..][..want]
    }

    fn all_bytes(&self) -> &[u8] {
        match &self.storage {
            Storage::Mapped(map) => map,
            Storage::Owned(bytes) => bytes,
            Storage::Singles(values) => bytemuck::cast_slice(values),
            Storage::Doubles(values) => bytemuck::cast_slice(values),
        }
    }

    fn native_order(&self) -> bool {
        self.big_endian == cfg!(target_endian = "big")
    }

    /// The values as they are, where they are f32 of this machine's byte order and alignment.
    #[must_use]
    pub fn as_f32(&self) -> Option<&[f32]> {
        (self.element == Element::F32 && self.native_order())
            .then(|| bytemuck::try_cast_slice(self.bytes()).ok())?
    }

    /// The values as they are, where they are f64 of this machine's byte order and alignment.
    #[must_use]
    pub fn as_f64(&self) -> Option<&[f64]> {
        (self.element == Element::F64 && self.native_order())
            .then(|| bytemuck::try_cast_slice(self.bytes()).ok())?
    }

    /// Writes the values from index `start` on into `out`. Exact for every type but 64-bit integers beyond 2^53.
    ///
    /// # Panics
    /// When `start + out.len()` exceeds [`len`](Self::len), as a slice would.
    pub fn read_into(&self, start: usize, out: &mut [f64]) {
        let size = self.element.bytes();
        let bytes = &self.bytes()[start * size..][..out.len() * size];
        macro_rules! convert {
            ($type:ty, $to:expr) => {
                if self.big_endian {
                    for (out, bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
                        *out = $to(<$type>::from_be_bytes(*bytes));
                    }
                } else {
                    for (out, bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
                        *out = $to(<$type>::from_le_bytes(*bytes));
                    }
                }
            };
        }
        match self.element {
            Element::U8 => convert!(u8, f64::from),
            Element::I8 => convert!(i8, f64::from),
            Element::U16 => convert!(u16, f64::from),
            Element::I16 => convert!(i16, f64::from),
            Element::U32 => convert!(u32, f64::from),
            Element::I32 => convert!(i32, f64::from),
            Element::U64 => convert!(u64, |v| v as f64),
            Element::I64 => convert!(i64, |v| v as f64),
            Element::F32 => convert!(f32, f64::from),
            Element::F64 => convert!(f64, |v| v),
        }
    }

    /// The value at an index.
    ///
    /// # Panics
    /// When the index is not in the image, as a slice would.
    #[must_use]
    pub fn get(&self, index: usize) -> f64 {
        let mut value = [0.0];
        self.read_into(index, &mut value);
        value[0]
    }

    /// All values as f64: a copy, for small images.
    #[must_use]
    pub fn to_f64(&self) -> Vec<f64> {
        let mut out = vec![0.0; self.len()];
        self.read_into(0, &mut out);
        out
    }
}
