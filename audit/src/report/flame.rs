//! Flame graphs as SVG: what was on the stack for how long, the outermost on top, each as wide as its share.
//!
//! Plain rectangles with titles: any browser shows them, and the name and share of what the pointer is on.

use std::collections::BTreeMap;
use std::fmt::Write;

/// Width of the picture, pixels.
const WIDTH: f64 = 1200.0;
/// Height of a row, pixels.
const ROW: f64 = 18.0;
/// Room above the rows, pixels.
const HEAD: f64 = 44.0;
/// Width of a letter of the font, pixels, with a little to spare: fonts differ.
const LETTER: f64 = 6.8;
/// What is narrower is not drawn, pixels.
const NARROWEST: f64 = 0.25;
/// Deeper rows are not drawn.
const DEEPEST: usize = 100;

#[derive(Default)]
struct Node {
    amount: f64,
    inner: BTreeMap<String, Node>,
}

/// The picture of `stacks`, each outermost first with its amount (samples, or time); `unit` is its name.
#[must_use]
pub fn flame_graph<'a>(
    title: &str,
    unit: &str,
    stacks: impl IntoIterator<Item = (Vec<&'a str>, f64)>,
) -> String {
    let mut root = Node::default();
    for (stack, amount) in stacks {
        root.amount += amount;
        let mut at = &mut root;
        for name in stack.into_iter().take(DEEPEST) {
            at = at.inner.entry(name.to_owned()).or_default();
            at.amount += amount;
        }
    }
    let mut boxes = String::new();
    let total = root.amount;
    let depth = if total > 0.0 { rows(&root, total, unit, 0.0, 0, &mut boxes) } else { 0 };
    let height = HEAD + ROW * depth as f64 + 8.0;
    let mut svg = opening(WIDTH, height, title);
    let _ = writeln!(svg, r#"<text x="8" y="34">{:.0} {} in all</text>"#, total, escaped(unit));
    svg.push_str(&boxes);
    svg.push_str("</svg>\n");
    svg
}

/// Draws what is inside `node`; how many rows that takes.
fn rows(node: &Node, total: f64, unit: &str, mut x: f64, depth: usize, out: &mut String) -> usize {
    let mut deepest = depth;
    let mut inner: Vec<(&String, &Node)> = node.inner.iter().collect();
    inner.sort_by(|a, b| b.1.amount.total_cmp(&a.1.amount).then(a.0.cmp(b.0)));
    for (name, one) in inner {
        let width = WIDTH * one.amount / total;
        if width >= NARROWEST {
            let words = format!("{name}: {:.2} % ({:.0} {unit})", 100.0 * one.amount / total, one.amount);
            rectangle(out, x, HEAD + ROW * depth as f64, width, name, &words);
            deepest = deepest.max(rows(one, total, unit, x, depth + 1, out));
        }
        x += width;
    }
    deepest.max(depth + usize::from(!node.inner.is_empty()))
}

/// The start of a picture, with its title.
pub(super) fn opening(width: f64, height: f64, title: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" \
         font-family=\"monospace\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"8\" y=\"18\" font-size=\"14\">{}</text>\n",
        escaped(title)
    )
}

/// A box with as much of its name as fits, and a title.
pub(super) fn rectangle(out: &mut String, x: f64, y: f64, width: f64, name: &str, title: &str) {
    let _ = write!(
        out,
        "<g><title>{}</title><rect x=\"{x:.2}\" y=\"{y:.1}\" width=\"{width:.2}\" height=\"{:.1}\" fill=\"{}\" stroke=\"#ffffff\" stroke-width=\"0.4\"/>",
        escaped(title),
        ROW - 1.0,
        colour(name)
    );
    let letters = ((width - 6.0) / LETTER).max(0.0) as usize;
    let name = &plain(name);
    if letters >= 3 {
        // the end of a long name says more than its start
        let length = name.chars().count();
        let shown: String = if length <= letters {
            name.to_owned()
        } else {
            std::iter::once('…').chain(name.chars().skip(length + 1 - letters)).collect()
        };
        let _ = write!(out, "<text x=\"{:.2}\" y=\"{:.1}\">{}</text>", x + 3.0, y + 12.5, escaped(&shown));
    }
    out.push_str("</g>\n");
}

/// A function's name without its type arguments, which would fill the box: `fold<…>` is `fold`. The title has them.
fn plain(name: &str) -> String {
    let (mut kept, mut depth) = (String::with_capacity(name.len()), 0u32);
    let mut before = ' ';
    for letter in name.chars() {
        // the bracket of `<T as Trait>::f` belongs to the name
        let opens = letter == '<' && (depth > 0 || before.is_alphanumeric() || "_:}".contains(before));
        match letter {
            _ if opens => depth += 1,
            // an arrow ends nothing
            '>' if depth > 0 && before != '-' => depth -= 1,
            _ if depth > 0 => {}
            _ => kept.push(letter),
        }
        before = letter;
    }
    if depth > 0 { name.to_owned() } else { kept }
}

/// A warm colour that depends on the name alone.
fn colour(name: &str) -> String {
    let hash =
        name.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    // red to yellow, light enough for black letters; in numbers that every renderer of SVG knows (not all know `hsl`)
    let (green, blue) = (130 + hash % 95, 70 + (hash >> 8) % 70);
    format!("#{:02x}{green:02x}{blue:02x}", 240 + (hash >> 16) % 16)
}

pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            // no XML may hold these
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

/// The stacks of a folded file (`outermost;…;innermost count` on each line); other lines are left out.
#[must_use]
pub fn folded(text: &str) -> Vec<(Vec<&str>, f64)> {
    let line = |line: &'_ str| -> Option<(usize, f64)> {
        let (stack, count) = line.rsplit_once(' ')?;
        Some((stack.len(), count.parse().ok().filter(|n: &f64| n.is_finite() && *n > 0.0)?))
    };
    text.lines().filter_map(|l| line(l).map(|(end, n)| (l[..end].split(';').collect(), n))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, x, y and width of every box.
    fn boxes(svg: &str) -> Vec<(String, f64, f64, f64)> {
        let attribute = |line: &str, name: &str| -> f64 {
            let (_, rest) = line.split_once(&format!("{name}=\"")).unwrap();
            rest.split_once('"').unwrap().0.parse().unwrap()
        };
        let of_line = |line: &str| {
            let (_, title) = line.split_once("<title>").unwrap();
            let name = title.split_once(": ").unwrap().0.to_owned();
            (name, attribute(line, "<rect x"), attribute(line, " y"), attribute(line, "width"))
        };
        svg.lines().filter(|l| l.starts_with("<g>")).map(of_line).collect()
    }

    #[test]
    fn boxes_are_as_wide_as_their_shares() {
        let svg =
            flame_graph("t", "samples", folded("main;a;b 30\nmain;a 30\nmain;c<T> 60\nnonsense\nmain;d x\n"));
        assert_eq!(
            boxes(&svg),
            [
                ("main".into(), 0.0, 44.0, 1200.0),
                ("a".into(), 0.0, 62.0, 600.0),
                ("b".into(), 0.0, 80.0, 300.0),
                ("c&lt;T&gt;".into(), 600.0, 62.0, 600.0),
            ]
        );
        assert!(svg.contains("120 samples in all") && svg.ends_with("</svg>\n"), "{svg}");
    }

    #[test]
    fn any_name_makes_well_formed_xml() {
        let names: Vec<String> =
            (0..0x1_0000u32).step_by(97).filter_map(char::from_u32).map(String::from).collect();
        let odd = ["<&>\"'", "]]>", "<!--", "a\0b", "\u{fffe}\u{ffff}", "é\u{1f600}", "&amp;", ""];
        let stacks =
            odd.iter().copied().chain(names.iter().map(String::as_str)).map(|n| (vec!["main", n], 300.0));
        let svg = flame_graph("<title> & \"quotes\"", "<unit>", stacks);
        let read = roxmltree::Document::parse(&svg).unwrap();
        let titles = read.descendants().filter(|n| n.has_tag_name("title")).count();
        assert!(read.root_element().has_tag_name(("http://www.w3.org/2000/svg", "svg")));
        assert_eq!(titles, svg.matches("<title>").count());
        assert!(titles > odd.len());
    }

    #[test]
    fn letters_stay_in_their_boxes_and_type_arguments_in_the_title() {
        assert_eq!(plain("fold<Iter<u8>, fn(A) -> B>::{closure#0}<T>"), "fold::{closure#0}");
        assert_eq!(plain("<A as Trait<B>>::f"), "<A as Trait>::f");
        assert_eq!((plain("a<b"), plain("operator->")), ("a<b".into(), "operator->".into()));
        let svg = flame_graph("t", "samples", [(vec!["main", "fold<core::iter::Iter<u8>>"], 9.0)]);
        assert!(svg.contains(">fold</text>") && svg.contains("<title>fold&lt;core::iter"), "{svg}");
        assert!(svg.contains("fill=\"#f") && !svg.contains("hsl"), "{svg}");
    }

    #[test]
    fn nothing_makes_an_empty_picture() {
        assert!(boxes(&flame_graph("t", "samples", folded(""))).is_empty());
    }
}
