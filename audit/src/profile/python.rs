//! The names that Python profilers give to functions in Chrome traces.

/// Where a function stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// As the profiler shortened it.
    pub file: &'a str,
    /// The function's first line, or the line that was running when recording began.
    pub line: u32,
    /// Without its class.
    pub function: &'a str,
}

/// Reads `file(line): function` (`torch.profiler`) or `function (file:line)` (viztracer); `None` for built-in functions
/// and for everything else.
#[must_use]
pub fn place(name: &str) -> Option<Place<'_>> {
    torch(name).or_else(|| viztracer(name))
}

fn torch(name: &str) -> Option<Place<'_>> {
    let (before, function) = name.split_once("): ")?;
    let (file, line) = before.rsplit_once('(')?;
    Some(Place { file, line: line.parse().ok()?, function })
}

fn viztracer(name: &str) -> Option<Place<'_>> {
    let (function, rest) = name.split_once(" (")?;
    let (file, line) = rest.strip_suffix(')')?.rsplit_once(':')?;
    Some(Place { file, line: line.parse().ok()?, function })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let run = Place { file: "nanobrag_torch/simulator.py", line: 701, function: "run" };
        assert_eq!(place("nanobrag_torch/simulator.py(701): run"), Some(run));
        assert_eq!(place("run (nanobrag_torch/simulator.py:701)"), Some(run));
        let module = place("a(b)/c.py(3): <module>");
        assert_eq!(module, Some(Place { file: "a(b)/c.py", line: 3, function: "<module>" }));
        for other in ["<built-in method mul of type object at 0x7f>", "aten::mul", "", "x (y)", "f(x): g"] {
            assert_eq!(place(other), None, "{other}");
        }
    }
}
