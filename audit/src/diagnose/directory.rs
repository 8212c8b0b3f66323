//! The empty directory against the person's: does what lies there, above it, or in the environment change an image? Then
//! the smallest part of it that does, and whether the pair agrees without it.

use super::ddmin::{Test, ddmin};
use super::lab::{Lab, Outcome, Recipe, Role, differing};
use super::model::{Cause, Class, Diagnosis};
use super::opened;
use super::parameters::files_named;
use super::place::{self, Copy, Item};
use crate::engines::render::allowed_environment;
use crate::exit::Result;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Independent causes that are looked for, one after the other.
const MOST_CAUSES: usize = 3;

/// Staged directories, kept until the experiments are over: remembered runs refer to them.
struct Stage<'a> {
    dir: &'a Path,
    kept: Vec<Copy>,
}

impl Stage<'_> {
    /// A recipe that shows the engine these items and nothing else.
    fn with(&mut self, base: &Recipe, items: &[Item]) -> Result<Recipe> {
        let staged = place::stage(self.dir, items)?;
        let root = staged.root().to_owned();
        self.kept.push(staged);
        Ok(Recipe { place: Some(root), environment: Some(environment(items)), ..base.clone() })
    }
}

/// The allowed variables, with the chosen ones in front of them or in their place.
fn environment(items: &[Item]) -> Vec<(OsString, OsString)> {
    let mut list = allowed_environment();
    for item in items {
        if let Item::Variable(name, value) = item {
            list.retain(|(n, _)| n != name);
            list.push((name.clone(), value.clone()));
        }
    }
    list
}

/// Variables of this process that an isolated engine does not get.
fn variables() -> Vec<Item> {
    let allowed = allowed_environment();
    let mut list: Vec<Item> = std::env::vars_os()
        .filter(|(name, _)| !allowed.iter().any(|(n, _)| n == name))
        .filter(|(name, _)| !["OMP_NUM_THREADS", "RAYON_NUM_THREADS"].iter().any(|n| name == n))
        .map(|(name, value)| Item::Variable(name, value))
        .collect();
    list.sort_by_key(|i| i.text(None));
    list
}

/// Examines `dir`; causes go into `diagnosis`. Whether the pair disagrees there and agrees in an empty directory.
///
/// # Errors
/// When the directory cannot be copied, or a person interrupts.
pub fn examine(lab: &mut Lab<'_>, base: &Recipe, dir: &Path, diagnosis: &mut Diagnosis) -> Result<()> {
    let mut stage = Stage { dir, kept: Vec::new() };
    let mut all = place::entries(dir);
    all.extend(place::above(dir));
    all.extend(variables());
    let full = stage.with(base, &all)?;
    let there = lab.pair(&full)?;
    lab.note("the pair in a copy of the directory, with your environment", there.text());
    if there.disagrees() && !diagnosis.disagree {
        diagnosis.disagree = true;
        diagnosis.outcome =
            format!("in {}: {}; in an empty directory they agree", dir.display(), there.text());
    }
    for role in Role::BOTH {
        let mut left = all.clone();
        for _ in 0..MOST_CAUSES {
            let here = stage.with(base, &left)?;
            if !changes(lab, role, base, &here)? {
                break;
            }
            let Some(found) = smallest(lab, role, base, &mut stage, &left)? else { break };
            left.retain(|i| !found.contains(i));
            let cause = prove(lab, role, base, &mut stage, &all, &found, diagnosis.disagree)?;
            diagnosis.add(cause);
        }
        if left.len() == all.len() {
            diagnosis.excluded.push(format!(
                "hidden inputs of the {}: its image in a copy of {} with your whole environment is bit for bit that of an empty directory",
                role.word(),
                dir.display()
            ));
        }
    }
    Ok(())
}

/// Whether an engine's image differs between an empty directory and these conditions.
fn changes(lab: &mut Lab<'_>, role: Role, base: &Recipe, here: &Recipe) -> Result<bool> {
    Ok(match (lab.shot(role, base, 0)?, lab.shot(role, here, 0)?) {
        (Ok(a), Ok(b)) => differing(&a.image, &b.image) > 0,
        (a, b) => a.is_ok() != b.is_ok(),
    })
}

fn smallest(
    lab: &mut Lab<'_>,
    role: Role,
    base: &Recipe,
    stage: &mut Stage<'_>,
    items: &[Item],
) -> Result<Option<Vec<Item>>> {
    // what the engine opens or names in its log is tried first: often that is all
    let here = stage.with(base, items)?;
    let mut hinted: Vec<PathBuf> = Vec::new();
    if let Ok(shot) = lab.shot(role, &here, 0)? {
        hinted.extend(files_named(&shot.log).into_iter().map(PathBuf::from));
    }
    let seen = opened::opened(lab, role, &here)?;
    let names: Vec<String> =
        seen.iter().filter_map(|o| o.path.file_name()).map(|n| n.to_string_lossy().into_owned()).collect();
    let how = seen.first().map_or("none seen", |o| o.how.as_str());
    lab.note(&format!("files that the {} opens ({how})", role.word()), names.join(", "));
    hinted.extend(seen.into_iter().map(|o| o.path));
    let named = |item: &Item| match item {
        Item::Entry(name) | Item::Above(_, name) => {
            hinted.iter().any(|p| p.components().any(|c| c.as_os_str() == name))
        }
        Item::Variable(..) => false,
    };
    let first: Vec<Item> = items.iter().filter(|i| named(i)).cloned().collect();
    let mut pool = items.to_vec();
    if !first.is_empty() {
        let only = stage.with(base, &first)?;
        if changes(lab, role, base, &only)? {
            pool = first;
        }
    }
    let found = ddmin(&pool, |part| {
        if !lab.has_time() {
            return Ok::<_, crate::exit::AuditError>(None);
        }
        let here = stage.with(base, part)?;
        let (alone, there) = (lab.shot(role, base, 0)?, lab.shot(role, &here, 0)?);
        Ok(Some(match (alone, there) {
            (Ok(a), Ok(b)) if differing(&a.image, &b.image) > 0 => Test::Shows,
            (Ok(_), Ok(_)) => Test::Hides,
            (Ok(_), Err(_)) => Test::Unresolved,
            _ => Test::Hides,
        }))
    })?;
    lab.note(
        &format!("delta debugging over {} files and variables, {}", pool.len(), role.word()),
        found.iter().map(|i| i.text(Some(stage.dir))).collect::<Vec<_>>().join(", "),
    );
    Ok(Some(found))
}

/// The pair with nothing but the suspects, and with everything but them.
fn prove(
    lab: &mut Lab<'_>,
    role: Role,
    base: &Recipe,
    stage: &mut Stage<'_>,
    all: &[Item],
    found: &[Item],
    disagree: bool,
) -> Result<Cause> {
    let without: Vec<Item> = all.iter().filter(|i| !found.contains(i)).cloned().collect();
    let (only, rest) = (stage.with(base, found)?, stage.with(base, &without)?);
    let (on, off) = (lab.pair(&only)?, lab.pair(&rest)?);
    let unchanged = !changes(lab, role, base, &rest)?;
    let names: Vec<String> = found.iter().map(|i| i.text(Some(stage.dir))).collect();
    let list = names.join(" and ");
    let class = match found.first() {
        Some(Item::Variable(..)) => Class::EnvironmentVariable,
        Some(Item::Above(..)) => Class::ParentFile,
        _ => Class::HiddenFile,
    };
    let verb = if class == Class::EnvironmentVariable { "obeys the variable" } else { "reads the file" };
    let mut evidence = vec![format!(
        "found by delta debugging over {} files and variables: the image of the {} depends on {list} and, without it, is that of an empty directory{}",
        all.len(),
        role.word(),
        if unchanged { "" } else { " but for another input" }
    )];
    for item in found {
        if let Some(path) = item.path(Some(stage.dir))
            && let Ok(m) = path.metadata()
        {
            let sum = crate::hash::file(&path).unwrap_or_default();
            evidence.push(format!("{}: {} bytes, sha256 {sum}", path.display(), m.len()));
        }
    }
    if let Ok(shot) = lab.shot(role, &only, 0)? {
        for line in shot.log.lines() {
            if found.iter().any(
                |i| matches!(i, Item::Entry(n) | Item::Above(_, n) if line.contains(&*n.to_string_lossy())),
            ) {
                evidence.push(format!("its log says: `{}`", line.trim()));
                break;
            }
        }
    }
    for item in found {
        // a variable that names a folder: what is read there is the real input
        let Item::Variable(name, value) = item else { continue };
        let folder = Path::new(value);
        if folder.is_absolute() && folder.is_dir() {
            for file in opened::opened(lab, role, &only)?.iter().filter(|o| o.path.starts_with(folder)) {
                evidence.push(format!("below {} it opens {}", name.to_string_lossy(), file.path.display()));
            }
        }
    }
    let proven = on.disagrees() && off.agrees();
    lab.note(&format!("the pair with nothing but {list}"), on.text());
    lab.note(&format!("the pair with everything but {list}"), off.text());
    let switch = proven.then(|| {
        format!(
            "with nothing but {list} the engines {}; with everything but it they {}",
            on.text(),
            off.text()
        )
    });
    if !proven && disagree {
        evidence.push(format!(
            "with nothing but it the engines {}; with everything but it they {}",
            on.text(),
            off.text()
        ));
    }
    if let (Outcome::Agree(_), true) = (&on, !proven) {
        evidence.push("it changes the image within what the gates allow".into());
    }
    Ok(Cause {
        class,
        title: format!("the {} ({}) {verb} {list}, which nobody named", role.word(), lab.engine(role).name()),
        proven,
        switch,
        evidence,
        weight: if on.disagrees() { 0.9 } else { 0.3 },
    })
}
