//! Trip-count hints: how often a loop's body runs per entry, as far as its header tells.

use std::fmt;

/// Longest expression that still helps a reader.
const EXPRESSION_LIMIT: usize = 48;

/// A count taken from source text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Trips {
    /// The header does not tell.
    #[default]
    Unknown,
    /// Every element is visited.
    Exactly(Amount),
    /// Fewer when the loop ends early.
    AtMost(Amount),
}

/// A number or an expression of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Amount {
    Number(u64),
    Expression(String),
}

impl Amount {
    /// A literal (suffix and underscores allowed) or any other text.
    pub(super) fn of(text: &str) -> Self {
        let text = unwrapped(text.trim());
        literal(text).map_or_else(|| Self::Expression(text.to_string()), Self::Number)
    }

    fn operand(&self) -> String {
        match self {
            Self::Number(n) => n.to_string(),
            Self::Expression(text) if simple(text) => text.clone(),
            Self::Expression(text) => format!("({text})"),
        }
    }

    /// As the left side of a `+` or `-`.
    fn sum(&self) -> String {
        match self {
            Self::Expression(text) if arithmetic(text) => text.clone(),
            _ => self.operand(),
        }
    }

    /// `self - other`, 0 when nothing is left.
    fn minus(&self, other: &Self) -> Self {
        if let (Self::Number(a), Self::Expression(b)) = (self, other)
            && let Some(below_zero) = b.strip_prefix('-').and_then(|b| literal(b.trim()))
        {
            return Self::Number(a.saturating_add(below_zero));
        }
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => Self::Number(a.saturating_sub(*b)),
            (_, Self::Number(0)) => self.clone(),
            _ => Self::Expression(format!("{} - {}", self.sum(), other.operand())),
        }
    }

    fn plus(&self, n: u64) -> Self {
        match self {
            Self::Number(a) => Self::Number(a.saturating_add(n)),
            Self::Expression(_) => Self::Expression(format!("{} + {n}", self.sum())),
        }
    }

    fn over(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) if *b > 0 => Self::Number(a.div_ceil(*b)),
            (_, Self::Number(1)) => self.clone(),
            _ => Self::Expression(format!("{} / {}", self.operand(), other.operand())),
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Number(n) => write!(f, "{n}"),
            Self::Expression(text) => f.write_str(text),
        }
    }
}

impl Trips {
    /// `from..to`, or `from..=to` with `closed`.
    pub(super) fn range(from: &str, to: &str, closed: bool) -> Self {
        let count = Amount::of(to).minus(&Amount::of(from));
        Self::Exactly(if closed { count.plus(1) } else { count })
    }

    /// The elements of a collection.
    pub(super) fn length_of(collection: &str) -> Self {
        if collection.is_empty() {
            return Self::Unknown;
        }
        let collection = collection.trim_start_matches(['&', '*']).trim_start_matches("mut ");
        let operand = Amount::Expression(collection.to_string()).operand();
        Self::Exactly(Amount::Expression(format!("{operand}.len()")))
    }

    pub(super) fn map(self, change: impl FnOnce(Amount) -> Amount) -> Self {
        match self {
            Self::Unknown => Self::Unknown,
            Self::Exactly(n) => Self::Exactly(change(n)),
            Self::AtMost(n) => Self::AtMost(change(n)),
        }
    }

    /// The loop may end before the count is reached.
    pub(super) fn at_most(self) -> Self {
        match self {
            Self::Exactly(n) => Self::AtMost(n),
            other => other,
        }
    }

    /// Groups or steps of `k`.
    pub(super) fn divided(self, k: &str) -> Self {
        self.map(|n| n.over(&Amount::of(k)))
    }

    /// Windows of `k`.
    pub(super) fn windows(self, k: &str) -> Self {
        self.map(|n| match Amount::of(k) {
            Amount::Number(k) if k > 0 => n.minus(&Amount::Number(k - 1)),
            k => n.minus(&k).plus(1),
        })
    }

    /// Without the first `k`.
    pub(super) fn skipping(self, k: &str) -> Self {
        self.map(|n| n.minus(&Amount::of(k)))
    }

    /// No more than `k`, whatever was known.
    pub(super) fn taking(self, k: &str) -> Self {
        match (self, Amount::of(k)) {
            (Self::Exactly(Amount::Number(n)), Amount::Number(k)) => Self::Exactly(Amount::Number(n.min(k))),
            (_, k) => Self::AtMost(k),
        }
    }

    /// As the inventory writes it.
    pub(super) fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Unknown => return None,
            Self::Exactly(n) => n.to_string(),
            Self::AtMost(n) => format!("≤ {n}"),
        };
        (text.chars().count() <= EXPRESSION_LIMIT).then_some(text)
    }
}

/// An integer literal of Rust or C.
fn literal(text: &str) -> Option<u64> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let digits = text.replace('_', "");
    let end = digits.find(['u', 'i', 'U', 'l', 'L']).unwrap_or(digits.len());
    let (digits, suffix) = digits.split_at(end);
    let known = ["", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize"];
    if !known.contains(&suffix) && !suffix.bytes().all(|b| b"uUlL".contains(&b)) {
        return None;
    }
    match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => digits.parse().ok(),
    }
}

/// Without one pair of parentheses around the whole.
fn unwrapped(text: &str) -> &str {
    let Some(inner) = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')) else { return text };
    let mut depth = 0i32;
    for c in inner.chars() {
        depth += i32::from(c == '(') - i32::from(c == ')');
        if depth < 0 {
            return text;
        }
    }
    inner.trim()
}

/// An expression that needs no parentheses beside an operator.
fn simple(text: &str) -> bool {
    outside_brackets(text, |c| c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '>'))
}

/// An expression of names, numbers and `+ - * / %`.
fn arithmetic(text: &str) -> bool {
    let known = |c: char| c.is_alphanumeric() || "_.:>+-*/% ".contains(c);
    outside_brackets(text, known) && !text.contains(" as ")
}

/// Whether all characters outside of brackets are of a kind.
fn outside_brackets(text: &str, kind: impl Fn(char) -> bool) -> bool {
    let mut depth = 0i32;
    text.chars().all(|c| {
        depth += i32::from(matches!(c, '(' | '[')) - i32::from(matches!(c, ')' | ']'));
        depth > 0 || matches!(c, ')' | ']') || kind(c)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(from: &str, to: &str, closed: bool) -> String {
        Trips::range(from, to, closed).hint().unwrap()
    }

    #[test]
    fn ranges_count_their_elements() {
        assert_eq!(range("0", "n", false), "n");
        assert_eq!(range("0", "n", true), "n + 1");
        assert_eq!(range("1", "n", false), "n - 1");
        assert_eq!(range("2", "10", false), "8");
        assert_eq!(range("0usize", "4_096", true), "4097");
        assert_eq!(range("0", "0x10", false), "16");
        assert_eq!(range("a + 1", "f(x, y)", false), "f(x, y) - (a + 1)");
        assert_eq!(range("roi[0]", "roi[1]", true), "roi[1] - roi[0] + 1");
        assert_eq!(range("0", "a as usize", true), "(a as usize) + 1");
        assert_eq!(range("a", "x << 1", false), "(x << 1) - a");
        assert_eq!(range("-5", "5", true), "11");
        assert_eq!(range("10", "2", false), "0");
        assert_eq!(range("0", "(n)", false), "n");
        assert_eq!(range("0", "10UL", false), "10");
    }

    #[test]
    fn adapters_change_the_count() {
        let rows = || Trips::length_of("&mut rows");
        assert_eq!(rows().hint().unwrap(), "rows.len()");
        assert_eq!(rows().divided("8").hint().unwrap(), "rows.len() / 8");
        assert_eq!(rows().windows("2").hint().unwrap(), "rows.len() - 1");
        assert_eq!(rows().taking("3").hint().unwrap(), "≤ 3");
        assert_eq!(Trips::range("0", "10", false).taking("3").hint().unwrap(), "3");
        assert_eq!(Trips::range("0", "10", false).divided("3").hint().unwrap(), "4");
        assert_eq!(Trips::range("0", "n", false).at_most().hint().unwrap(), "≤ n");
        assert_eq!(Trips::length_of(&"long_name".repeat(9)).hint(), None);
        assert_eq!(Trips::Unknown.divided("3").hint(), None);
    }
}
