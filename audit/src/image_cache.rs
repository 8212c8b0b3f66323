//! Reference images that need not be rendered again. The key is everything that an image may depend on; an entry is
//! used only when its checksum holds and every file that the engine was seen to open is as it was. Only images are
//! kept, never times.

use crate::capture::self_check::differing;
use crate::case::Case;
use crate::engines::render::{ALLOWED_ENVIRONMENT, Conditions, Inherited, Rendered};
use crate::engines::{Engine, Kind};
use crate::formats::{self, Array2, Format, Shape};
use crate::hash;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

const ENTRY: &str = "entry.json";
const IMAGE: &str = "image";

/// A folder of images with a limit on its size.
#[derive(Clone, Debug)]
pub struct Cache {
    dir: PathBuf,
    max_bytes: u64,
    machine: String,
}

/// What is kept beside an image.
#[derive(Serialize, Deserialize)]
struct Entry {
    schema: String,
    sha256: String,
    bytes: u64,
    format: Option<Format>,
    shape: Option<Shape>,
    engine: String,
    /// Files that the engine opened without being told, with their sha256.
    #[serde(with = "crate::paths")]
    depends: Vec<(PathBuf, String)>,
}

impl Cache {
    /// A cache in `dir` for this machine: another processor may round otherwise.
    #[must_use]
    pub fn new(dir: PathBuf, max_mb: u64, machine: String) -> Self {
        Self { dir, max_bytes: max_mb.saturating_mul(1_000_000), machine }
    }

    /// The key of a render; `None` when this engine's images, or runs in a person's directory, are not kept.
    #[must_use]
    pub fn key(
        &self,
        engine: &Engine,
        case: &Case,
        more: &[OsString],
        conditions: &Conditions,
    ) -> Option<String> {
        let own = conditions.in_place.is_none() && matches!(conditions.inherited, Inherited::Allowed);
        if !engine.definition.cache || !own || self.max_bytes == 0 {
            return None;
        }
        let id = &engine.identity;
        let program = match engine.kind {
            // part of this executable, which changes with every build of the audit
            Kind::C | Kind::Rust => format!("{:?} {:?}", id.source_hash.as_ref()?, id.build),
            _ => id.sha256.clone(),
        };
        let variables: Vec<_> = ALLOWED_ENVIRONMENT.iter().copied().map(String::from).collect();
        let passed = variables.iter().chain(&engine.definition.pass_environment);
        let environment: Vec<_> = passed.map(|name| (name, std::env::var_os(name))).collect();
        let threads = engine.definition.threads_matter.then_some(conditions.threads);
        let inputs: Vec<_> = case.inputs.iter().map(|i| (i.path.file_name(), &i.sha256)).collect();
        // Debug forms quote and escape, so that no two lists look alike
        let text = format!(
            "{program}\n{:?}\n{:?}\n{:?}\n{more:?}\n{inputs:?}\n{environment:?}\n{:?}\n{:?}\n{threads:?}\n{}",
            engine.definition,
            case.without_folders(),
            case.size,
            case.environment,
            conditions.environment,
            self.machine
        );
        Some(hash::bytes(text.as_bytes()))
    }

    fn folder(&self, key: &str) -> PathBuf {
        self.dir.join(key.get(..2).unwrap_or("xx")).join(key)
    }

    /// The image of a key. An entry that is damaged or out of date is removed.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Array2> {
        let folder = self.folder(key);
        let path = folder.join(ENTRY);
        let entry: Entry = serde_json::from_slice(&std::fs::read(&path).ok()?).ok()?;
        let image = folder.join(IMAGE);
        let fresh = entry.depends.iter().all(|(file, sum)| hash::file(file).is_ok_and(|now| now == *sum));
        if !fresh || !hash::file(&image).is_ok_and(|sum| sum == entry.sha256) {
            std::fs::remove_dir_all(&folder).ok();
            return None;
        }
        if let Ok(file) = std::fs::File::options().append(true).open(&path) {
            file.set_modified(SystemTime::now()).ok(); // the least recently used goes first
        }
        formats::read(&image, entry.format, entry.shape).ok()
    }

    /// Keeps an image that was rendered twice and was the same both times. A failure to keep it is none of the audit's.
    pub fn put(&self, key: &str, run: &Rendered, again: &Rendered, shape: Option<Shape>) {
        if matches!(differing(run, again), Ok((0, n)) if n > 0) {
            self.store(key, run, shape).ok();
        }
    }

    fn store(&self, key: &str, run: &Rendered, shape: Option<Shape>) -> std::io::Result<()> {
        let image = run.image();
        let bytes = image.metadata()?.len();
        if bytes > self.max_bytes {
            return Ok(());
        }
        std::fs::create_dir_all(&self.dir)?;
        let depends = run.opened.iter().filter_map(|o| Some((o.path.clone(), hash::file(&o.path).ok()?)));
        let partial = tempfile::Builder::new().prefix(".partial-").tempdir_in(&self.dir)?;
        std::fs::copy(&image, partial.path().join(IMAGE))?;
        let entry = Entry {
            schema: "bragg-audit/cached-image/1".into(),
            sha256: hash::file(&partial.path().join(IMAGE))?,
            bytes,
            format: run.format(),
            shape: run.shape.or(shape),
            engine: run.command.clone(),
            depends: depends.collect(),
        };
        std::fs::write(partial.path().join(ENTRY), serde_json::to_vec_pretty(&entry)?)?;
        let folder = self.folder(key);
        if let Some(parent) = folder.parent() {
            std::fs::create_dir_all(parent)?;
        }
        // somebody else may have been first: then theirs stays
        if std::fs::rename(partial.path(), &folder).is_ok() {
            drop(partial.keep());
        }
        self.shrink();
        Ok(())
    }

    /// Removes the least recently used entries until the rest fits.
    fn shrink(&self) {
        let mut entries: Vec<(SystemTime, u64, PathBuf)> = folders(&self.dir)
            .flat_map(|d| folders(&d))
            .filter_map(|folder| {
                let used = folder.join(ENTRY).metadata().and_then(|m| m.modified()).ok()?;
                Some((used, folder.join(IMAGE).metadata().map_or(0, |m| m.len()), folder))
            })
            .collect();
        entries.sort();
        let mut total: u64 = entries.iter().map(|(_, size, _)| size).sum();
        for (_, size, folder) in entries {
            if total <= self.max_bytes {
                break;
            }
            std::fs::remove_dir_all(&folder).ok();
            total -= size;
        }
    }
}

fn folders(dir: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter(|e| e.file_type().is_ok_and(|t| t.is_dir())).map(|e| e.path())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::definition::Definition;
    use crate::engines::render::{Extras, render};
    use std::collections::BTreeMap;

    /// An engine that writes its argument eight times over, and reads a file that nobody told the audit of.
    fn engine(root: &Path) -> Engine {
        std::fs::write(root.join("hidden.txt"), "x").unwrap();
        std::fs::write(
            root.join("e.sh"),
            format!(
                "cat '{}' > /dev/null; printf '%s%s%s%s' \"$1\" \"$1\" \"$1\" \"$1\" > \"$2\"",
                root.join("hidden.txt").display()
            ),
        )
        .unwrap();
        let mut definition = Definition::of(&["sh", "e.sh", "{args}", "{out}"]);
        definition.format = Some(Format::F32);
        definition.shape = toml::from_str::<Definition>("command=['x','{out}']\nshape=[2,1]").unwrap().shape;
        Engine::find("e", &BTreeMap::from([("e".to_owned(), definition)]), root).unwrap()
    }

    fn conditions() -> Conditions {
        Conditions {
            limits: Default::default(),
            threads: 1,
            in_place: None,
            environment: Vec::new(),
            inherited: Inherited::Allowed,
        }
    }

    fn fill(cache: &Cache, engine: &Engine, word: &str) -> String {
        let case = Case::new("x", vec![word.into()]).unwrap();
        let run = |watch_files| {
            render(engine, &case, &[], &Extras { watch_files, ..Extras::default() }, &conditions()).unwrap()
        };
        let key = cache.key(engine, &case, &[], &conditions()).unwrap();
        cache.put(&key, &run(true), &run(false), None);
        key
    }

    #[test]
    fn entries_are_checked_and_the_least_used_go_first() {
        let root = tempfile::tempdir().unwrap();
        let engine = engine(root.path());
        let cache = Cache { dir: root.path().join("cache"), max_bytes: 16, machine: "m".into() };
        let a = fill(&cache, &engine, "ab");
        assert_eq!(cache.get(&a).unwrap().bytes(), b"abababab");
        // damage is noticed, and costs a render
        std::fs::write(cache.folder(&a).join(IMAGE), b"abababac").unwrap();
        assert!(cache.get(&a).is_none() && !cache.folder(&a).exists());
        let a = fill(&cache, &engine, "ab");
        let b = fill(&cache, &engine, "cd");
        assert_ne!(a, b);
        assert!(cache.get(&a).is_some(), "used after b");
        let c = fill(&cache, &engine, "ef");
        assert!(cache.get(&b).is_none() && cache.get(&a).is_some() && cache.get(&c).is_some());
        if crate::engines::observed::available() {
            std::fs::write(root.path().join("hidden.txt"), "y").unwrap();
            assert!(cache.get(&a).is_none(), "a file that the engine read has changed");
        }
    }

    #[test]
    fn keys_see_what_an_image_depends_on() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::new(root.path().join("cache"), 1, "m".into());
        let one = engine(root.path());
        let case = Case::new("x", vec!["ab".into()]).unwrap();
        let key = |e: &Engine, c: &Case, more: &[OsString], k: &Conditions| cache.key(e, c, more, k);
        let base = key(&one, &case, &[], &conditions());
        let renamed = Case::new("other", vec!["ab".into()]).unwrap();
        assert_eq!(base, key(&one, &renamed, &[], &conditions()), "a name changes no image");
        let threads = Conditions { threads: 2, ..conditions() };
        let variable = Conditions { environment: vec![("A".into(), "1".into())], ..conditions() };
        let in_place = Conditions { in_place: Some(root.path().into()), ..conditions() };
        let others = [
            key(&one, &case.sized(Some(3)), &[], &conditions()),
            key(&one, &case, &["ab".into()], &conditions()),
            key(&one, &case, &[], &threads),
            key(&one, &case, &[], &variable),
            key(&one, &Case::new("x", vec!["ab".into(), "ab".into()]).unwrap(), &[], &conditions()),
        ];
        assert!(others.iter().all(|k| k.is_some() && *k != base), "{others:?}");
        assert_eq!(key(&one, &case, &[], &in_place), None);
        std::fs::write(root.path().join("e.sh"), "true").unwrap();
        let again = Engine::find(
            "e",
            &BTreeMap::from([("e".to_owned(), Definition::of(&["sh", "e.sh", "{args}", "{out}"]))]),
            root.path(),
        );
        assert_ne!(key(&again.unwrap(), &case, &[], &conditions()), base);
    }
}
