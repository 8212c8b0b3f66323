//! Suite files: TOML, JSON Lines, JSON, and YAML in the form `cases: [{id, base_args, thresholds, runs}]`.

use super::generate::{self, Values};
use super::{Expected, Suite, SuiteCase, expectation};
use crate::case;
use crate::exit::{AuditError, Result};
use crate::gates::{self, CORRELATION, Change, Direction, Gate, SUM_RATIO_ERROR};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Arguments: one text, quoted as for a shell (none is run), or a list of words.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a text of arguments, or a list of words")]
enum Words {
    Text(String),
    List(Vec<String>),
}

impl Words {
    fn split(&self, whose: &str) -> std::result::Result<Vec<OsString>, String> {
        match self {
            Self::List(words) => Ok(words.iter().map(OsString::from).collect()),
            Self::Text(text) => case::split_words(whose, text).map_err(|e| e.message),
        }
    }
}

impl Default for Words {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseEntry {
    #[serde(alias = "id")]
    name: String,
    #[serde(default)]
    group: String,
    #[serde(default)]
    args: Words,
    size: Option<u32>,
    #[serde(default)]
    inputs: Vec<PathBuf>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    gates: Vec<Change>,
    #[serde(default)]
    expected: Expected,
    reason: Option<String>,
    expires: Option<String>,
    cost: Option<f64>,
    memory_mb: Option<u64>,
    time_limit_s: Option<u64>,
    /// Of a generator: options and their values.
    values: Option<Values>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TomlSuite {
    name: Option<String>,
    reference: Option<String>,
    candidate: Option<String>,
    referee: Option<String>,
    threads: Option<usize>,
    #[serde(default)]
    input_dirs: Vec<PathBuf>,
    #[serde(default)]
    gates: Vec<Change>,
    #[serde(default, rename = "case")]
    cases: Vec<CaseEntry>,
    #[serde(default, rename = "sweep")]
    sweeps: Vec<CaseEntry>,
    #[serde(default, rename = "pairwise")]
    pairwise: Vec<CaseEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct YamlSuite {
    name: Option<String>,
    #[serde(default, rename = "description")]
    _description: Option<String>,
    cases: Vec<YamlCase>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct YamlCase {
    id: String,
    #[serde(default, rename = "description")]
    _description: Option<String>,
    #[serde(default)]
    base_args: Words,
    #[serde(default)]
    thresholds: Thresholds,
    #[serde(default)]
    runs: Vec<YamlRun>,
    #[serde(default)]
    expected: Expected,
    reason: Option<String>,
    expires: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Thresholds {
    corr_min: Option<f64>,
    sum_ratio_min: Option<f64>,
    sum_ratio_max: Option<f64>,
    max_abs_max: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct YamlRun {
    name: String,
    #[serde(default)]
    extra_args: Words,
}

/// Reads a suite; `gates` are in force where the file says nothing.
///
/// # Errors
/// A file that cannot be read or does not make sense; the message has its line where the format tells one.
pub fn read(file: &Path, gates: &[Gate]) -> Result<Suite> {
    let wrong = |why: String| AuditError::usage(format!("{}: {}", file.display(), why.trim_end()));
    let text = std::fs::read_to_string(file).map_err(|e| wrong(e.to_string()))?;
    let root = std::path::absolute(file).map_err(|e| wrong(e.to_string()))?;
    let root = root.parent().unwrap_or(Path::new("/")).to_owned();
    let ending = file.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    let mut suite = match ending.as_str() {
        "toml" => from_toml(&text, gates),
        "jsonl" | "ndjson" => from_json_lines(&text, gates),
        "json" => from_json(&text, gates),
        "yaml" | "yml" => from_yaml(&text, gates),
        _ => Err("a name ending in .toml, .jsonl, .json, .yaml or .yml is wanted".into()),
    }
    .map_err(wrong)?;
    check(&suite.cases).map_err(wrong)?;
    if suite.name.is_empty() {
        suite.name = file.file_stem().map_or_else(|| "suite".into(), |s| s.to_string_lossy().into_owned());
    }
    suite.file = file.to_owned();
    for dir in &mut suite.input_dirs {
        *dir = root.join(&*dir);
    }
    suite.input_dirs.insert(0, root);
    Ok(suite)
}

type Parsed<T> = std::result::Result<T, String>;

fn suite(name: Option<String>, cases: Vec<SuiteCase>) -> Suite {
    Suite {
        name: name.unwrap_or_default(),
        file: PathBuf::new(),
        reference: None,
        candidate: None,
        referee: None,
        threads: None,
        input_dirs: Vec::new(),
        cases,
    }
}

fn from_toml(text: &str, gates: &[Gate]) -> Parsed<Suite> {
    let file: TomlSuite = toml::from_str(text).map_err(|e| e.to_string())?;
    let gates = &gates::changed(gates.to_vec(), &file.gates, "the suite's file")?;
    let mut cases = Vec::new();
    for entry in &file.cases {
        cases.push(one(entry, gates)?);
    }
    for (generators, expand) in [
        (&file.sweeps, generate::product as fn(&Values) -> Parsed<Vec<generate::Row>>),
        (&file.pairwise, generate::pairwise),
    ] {
        for generator in generators {
            let base = one_of(generator, gates)?;
            let values = generator.values.as_ref();
            let values = values.ok_or_else(|| format!("`{}`: a generator needs values", base.name))?;
            for row in expand(values).map_err(|e| format!("`{}`: {e}", base.name))? {
                let mut case = base.clone();
                case.name = format!("{}/{}", base.name, row.label);
                if case.group.is_empty() {
                    case.group.clone_from(&base.name);
                }
                case.args.extend(row.words);
                cases.push(case);
            }
        }
    }
    let TomlSuite { name, reference, candidate, referee, threads, input_dirs, .. } = file;
    Ok(Suite { reference, candidate, referee, threads, input_dirs, ..suite(name, cases) })
}

fn from_json_lines(text: &str, gates: &[Gate]) -> Parsed<Suite> {
    let mut cases = Vec::new();
    for (i, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
        let read = serde_json::from_str(line).map_err(|e| e.to_string()).and_then(|entry| one(&entry, gates));
        cases.push(read.map_err(|e| format!("line {}: {e}", i + 1))?);
    }
    Ok(suite(None, cases))
}

fn from_json(text: &str, gates: &[Gate]) -> Parsed<Suite> {
    let entries: Vec<CaseEntry> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    Ok(suite(None, entries.iter().map(|e| one(e, gates)).collect::<Parsed<_>>()?))
}

fn from_yaml(text: &str, gates: &[Gate]) -> Parsed<Suite> {
    let file: YamlSuite = serde_saphyr::from_str(text).map_err(|e| e.to_string())?;
    let mut cases = Vec::new();
    for yaml in &file.cases {
        let own = yaml.thresholds.changes(gates);
        let base = CaseEntry {
            name: yaml.id.clone(),
            group: yaml.id.clone(),
            args: yaml.base_args.clone(),
            gates: own,
            expected: yaml.expected,
            reason: yaml.reason.clone(),
            expires: yaml.expires.clone(),
            ..CaseEntry::named("")
        };
        let base = one(&base, gates)?;
        if yaml.runs.is_empty() {
            cases.push(base);
            continue;
        }
        for run in &yaml.runs {
            let name = format!("{}/{}", base.name, run.name);
            let mut case = SuiteCase { name: name.clone(), ..base.clone() };
            case.args.extend(run.extra_args.split(&format!("case `{name}` extra_args"))?);
            cases.push(case);
        }
    }
    Ok(suite(file.name, cases))
}

impl CaseEntry {
    fn named(name: &str) -> Self {
        Self {
            name: name.into(),
            group: String::new(),
            args: Words::default(),
            size: None,
            inputs: Vec::new(),
            environment: BTreeMap::new(),
            gates: Vec::new(),
            expected: Expected::Pass,
            reason: None,
            expires: None,
            cost: None,
            memory_mb: None,
            time_limit_s: None,
            values: None,
        }
    }
}

impl Thresholds {
    /// The same as changes of the gates in force; limits of the sum ratio take the place of the symmetric one.
    fn changes(&self, gates: &[Gate]) -> Vec<Change> {
        let limits = [
            (self.corr_min, CORRELATION, Direction::AtLeast, "corr_min"),
            (self.sum_ratio_min, "sum_ratio", Direction::AtLeast, "sum_ratio_min"),
            (self.sum_ratio_max, "sum_ratio", Direction::AtMost, "sum_ratio_max"),
            (self.max_abs_max, "max_abs_difference", Direction::AtMost, "max_abs_max"),
        ];
        let change = |metric: &str, limit, direction, key: &str| Change {
            metric: metric.into(),
            limit,
            direction,
            reason: format!("thresholds.{key} of the suite's file"),
            off: limit.is_none(),
        };
        let given = limits.into_iter().filter(|(limit, ..)| limit.is_some());
        let mut changes: Vec<Change> = given
            .map(|(limit, metric, direction, key)| change(metric, limit, Some(direction), key))
            .collect();
        let symmetric = gates.iter().any(|g| g.metric == SUM_RATIO_ERROR);
        if symmetric && changes.iter().any(|c| c.metric == "sum_ratio") {
            changes.push(change(SUM_RATIO_ERROR, None, None, "sum_ratio_min and sum_ratio_max"));
        }
        changes
    }
}

fn one(entry: &CaseEntry, gates: &[Gate]) -> Parsed<SuiteCase> {
    match entry.values {
        None => one_of(entry, gates),
        Some(_) => Err(format!("case `{}`: values belong to [[sweep]] and [[pairwise]]", entry.name)),
    }
}

fn one_of(entry: &CaseEntry, gates: &[Gate]) -> Parsed<SuiteCase> {
    let name = &entry.name;
    let gates = gates::changed(gates.to_vec(), &entry.gates, "the suite's file");
    let gates = gates.map_err(|e| format!("case `{name}`: {e}"))?;
    Ok(SuiteCase {
        name: name.clone(),
        group: entry.group.clone(),
        args: entry.args.split(&format!("case `{name}` args"))?,
        size: entry.size,
        inputs: entry.inputs.clone(),
        environment: entry.environment.clone().into_iter().collect(),
        gates,
        expected: entry.expected,
        reason: entry.reason.clone(),
        expires: entry.expires.clone(),
        cost: entry.cost,
        memory_mb: entry.memory_mb,
        time_limit_s: entry.time_limit_s,
    })
}

fn check(cases: &[SuiteCase]) -> Parsed<()> {
    if cases.is_empty() {
        return Err("no cases: a suite without one would pass on nothing".into());
    }
    let mut names = BTreeSet::new();
    for case in cases {
        let name = &case.name;
        if name.is_empty() || !names.insert(name) {
            return Err(format!("case `{name}`: names are there, and each only once"));
        }
        if case.args.iter().any(|w| w.to_string_lossy().contains('\0')) {
            return Err(format!("case `{name}`: an argument holds a zero byte"));
        }
        if case.size == Some(0) || case.time_limit_s == Some(0) || !case.cost.is_none_or(|c| c >= 0.0) {
            return Err(format!("case `{name}`: size and time_limit_s are at least 1, cost is not negative"));
        }
        let bad = |n: &str| n.is_empty() || n.contains(['=', '\0']);
        if case.environment.iter().any(|(n, v)| bad(n) || v.contains('\0')) {
            return Err(format!("case `{name}`: no environment variable has such a name or value"));
        }
        expectation::check(case.expected, case.reason.as_deref(), case.expires.as_deref())
            .map_err(|why| format!("case `{name}`: {why}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_as(ending: &str, text: &str) -> std::result::Result<Suite, String> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(format!("s.{ending}"));
        std::fs::write(&file, text).unwrap();
        read(&file, &gates::contract()).map_err(|e| e.message)
    }

    #[test]
    fn the_four_forms_mean_the_same() {
        let toml = "[[case]]\nname = 'a/b'\nargs = '-N 5 -title \"two words\"'\n";
        let jsonl = "{\"id\": \"a/b\", \"args\": [\"-N\", \"5\", \"-title\", \"two words\"]}\n\n";
        let json = format!("[{}]", jsonl.trim());
        let yaml = "cases:\n  - id: a\n    base_args: '-N 5'\n    runs:\n      - name: b\n        extra_args: [-title, two words]\n";
        let wanted = ["-N", "5", "-title", "two words"].map(OsString::from);
        for (ending, text) in [("toml", toml), ("jsonl", jsonl), ("json", json.as_str()), ("yaml", yaml)] {
            let suite = read_as(ending, text).unwrap();
            assert_eq!((suite.cases.len(), suite.cases[0].name.as_str()), (1, "a/b"), "{ending}");
            assert_eq!(suite.cases[0].args, wanted, "{ending}");
            assert_eq!(suite.cases[0].gates, gates::contract(), "{ending}");
        }
    }

    #[test]
    fn thresholds_become_gates() {
        let text = "cases:\n- id: x\n  thresholds: {corr_min: 0.99, sum_ratio_min: 0.98, sum_ratio_max: 1.02, max_abs_max: 300}\n";
        let gates = read_as("yml", text).unwrap().cases[0].gates.clone();
        let seen: Vec<_> =
            gates.iter().filter(|g| !g.off).map(|g| (g.metric.as_str(), g.direction, g.limit)).collect();
        assert_eq!(
            seen,
            [
                ("correlation", Direction::AtLeast, 0.99),
                ("sum_ratio", Direction::AtLeast, 0.98),
                ("sum_ratio", Direction::AtMost, 1.02),
                ("max_abs_difference", Direction::AtMost, 300.0)
            ]
        );
        let loose: Vec<String> = gates::loosened(&gates).into_iter().map(|l| l.metric).collect();
        assert_eq!(loose, ["correlation", "|sum_ratio - 1|"], "0.98 to 1.02 is looser than the contract");
    }

    #[test]
    fn mistakes_are_named() {
        for (ending, text, says) in [
            ("toml", "", "no cases"),
            ("toml", "[[case]]\nname = 'a'\n[[case]]\nname = 'a'\n", "only once"),
            ("toml", "[[case]]\nnam = 'a'\n", "nam"),
            ("toml", "[[case]]\nname = 'a'\nargs = \"'open\"\n", "do not match"),
            ("toml", "[[case]]\nname = 'a'\nexpected = 'blocked'\n", "reason"),
            ("toml", "[[case]]\nname = 'a'\nexpected = 'blocked'\nreason = 'x'\n", "expires"),
            ("toml", "[[case]]\nname = 'a'\nexpected = 'blocked'\nreason = 'x'\nexpires = 'soon'\n", "soon"),
            (
                "toml",
                "[[gates]]\nmetric = 'beauty'\nlimit = 1\nreason = 'x'\n[[case]]\nname = 'a'\n",
                "no such metric",
            ),
            ("toml", "[[sweep]]\nname = 'a'\n[sweep.values]\n", "values"),
            ("jsonl", "{\"name\": \"a\"}\n{\"name\": 5}\n", "line 2"),
            ("yaml", "cases:\n- id: x\n  thresholds: {corr: 1}\n", "corr"),
            ("yaml", "cases: [\n", "line"),
            ("yaml", "cases:\n- id: x\n  thresholds: {corr_min: .nan}\n", "not a number"),
            ("txt", "", ".toml"),
        ] {
            let error = read_as(ending, text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
