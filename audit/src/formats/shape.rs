//! Width and height of an image, and where to learn them.

use std::fmt;
use std::str::FromStr;

/// Pixels along fast (width) and slow (height).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Shape {
    /// Pixels along fast.
    pub width: usize,
    /// Pixels along slow.
    pub height: usize,
}

impl Shape {
    /// A shape.
    #[must_use]
    pub fn new(width: usize, height: usize) -> Self {
        Self { width, height }
    }

    /// Pixels in all; saturates, and then fits no file.
    #[must_use]
    pub fn values(self) -> usize {
        self.width.saturating_mul(self.height)
    }

    /// The shape that an engine's log tells: the first `W x H pixels` (nanoBragg: `(1024x1024 pixels)`).
    #[must_use]
    pub fn from_log(log: &str) -> Option<Self> {
        log.lines().find_map(|line| {
            line.match_indices("pixels").find_map(|(end, _)| {
                let (rest, height) = last_number(line[..end].trim_end())?;
                let rest = rest.trim_end().strip_suffix(['x', 'X', '×'])?.trim_end();
                let (_, width) = last_number(rest)?;
                (width > 0 && height > 0).then_some(Self { width, height })
            })
        })
    }
}

/// Splits the whole number off the end of `text`; digits after a point or a sign are none.
fn last_number(text: &str) -> Option<(&str, usize)> {
    let rest = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = text[rest.len()..].parse().ok()?;
    (!rest.ends_with(['.', '-', '+'])).then_some((rest, number))
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl FromStr for Shape {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(['x', 'X', '×']).map(|n| n.trim().parse::<usize>());
        match (parts.next(), parts.next(), parts.next()) {
            (Some(Ok(width)), Some(Ok(height)), None) if width > 0 && height > 0 => {
                Ok(Self { width, height })
            }
            _ => Err(format!("`{text}`: WIDTHxHEIGHT is wanted, such as 1024x768")),
        }
    }
}
