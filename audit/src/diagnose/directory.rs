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
use std::ffi::{OsStr, OsString};
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
        let copy = place::stage(self.dir, items)?;
        let place = Some(copy.staged());
        self.kept.push(copy);
        Ok(Recipe { place, environment: Some(environment(items)), ..base.clone() })
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
    if !there.agrees() && !diagnosis.disagree {
        diagnosis.disagree = true;
        diagnosis.outcome =
            format!("in {}: {}; in an empty directory they agree", dir.display(), there.text());
    }
    let nothing = stage.with(base, &[])?;
    for role in Role::BOTH {
        let by_path = changes(lab, role, base, &nothing)?;
        if by_path {
            let cause = path_matters(lab, role, base, &nothing, dir)?;
            diagnosis.add(cause);
        }
        let mut left = all.clone();
        for _ in 0..MOST_CAUSES {
            let here = stage.with(base, &left)?;
            if !changes(lab, role, &nothing, &here)? {
                break;
            }
            let found = smallest(lab, role, &nothing, &mut stage, &left)?;
            left.retain(|i| !found.items.contains(i));
            let cause = if found.whole || found.items.len() == 1 {
                let settings = Suspects { all: &all, found: &found.items, disagree: diagnosis.disagree };
                prove(lab, role, &nothing, &mut stage, &settings)?
            } else {
                undecided(lab, role, dir, &found.items)
            };
            if cause.proven {
                let named = found.items.iter().filter_map(|i| match i {
                    Item::Variable(name, value) => {
                        Some((name.to_str()?.to_owned(), value.to_str()?.to_owned()))
                    }
                    _ => None,
                });
                diagnosis.variables.extend(named);
            }
            diagnosis.add(cause);
            if !found.whole {
                break;
            }
        }
        if left.len() == all.len() && !by_path {
            diagnosis.excluded.push(format!(
                "hidden inputs of the {}: its image in a copy of {} with your whole environment is bit for bit that of an empty directory",
                role.word(),
                dir.display()
            ));
        }
    }
    diagnosis.not_tried.push(place::not_shown(dir));
    Ok(())
}

/// Whether an engine's image differs between two conditions, or it fails under one of them alone.
fn changes(lab: &mut Lab<'_>, role: Role, base: &Recipe, here: &Recipe) -> Result<bool> {
    Ok(match (lab.shot(role, base, 0)?, lab.shot(role, here, 0)?) {
        (Ok(a), Ok(b)) => differing(&a.image, &b.image) > 0,
        (a, b) => a.is_ok() != b.is_ok(),
    })
}

/// An engine that computes something else in an empty directory of the person's path.
fn path_matters(lab: &mut Lab<'_>, role: Role, base: &Recipe, nothing: &Recipe, dir: &Path) -> Result<Cause> {
    let (off, on) = (lab.pair(base)?, lab.pair(nothing)?);
    lab.note("the pair in an empty directory below directories of the same names", on.text());
    let proven = off.agrees() && !on.agrees();
    let text = format!(
        "in an empty directory whose path ends in {} the engines {}; in an empty directory of another name they {}",
        dir.display(),
        on.text(),
        off.text()
    );
    Ok(Cause {
        class: Class::WorkingDirectory,
        title: format!(
            "the image of the {} ({}) depends on the path of the working directory",
            role.word(),
            lab.engine(role).name()
        ),
        proven,
        switch: proven.then(|| text.clone()),
        evidence: if proven { Vec::new() } else { vec![text] },
        weight: if on.agrees() { 0.3 } else { 0.9 },
    })
}

/// What delta debugging came to.
struct Found {
    items: Vec<Item>,
    /// Whether it came to its end: nothing can be left out.
    whole: bool,
}

/// The smallest part of `items` with which an engine computes something else than with nothing.
fn smallest(
    lab: &mut Lab<'_>,
    role: Role,
    nothing: &Recipe,
    stage: &mut Stage<'_>,
    items: &[Item],
) -> Result<Found> {
    // what the engine opens or names in its log is tried first, then each kind alone: often that is all
    let here = stage.with(nothing, items)?;
    let pools = [hinted(lab, role, stage, &here, items)?]
        .into_iter()
        .chain(KINDS.map(|kind| items.iter().filter(|i| kind(i)).cloned().collect()));
    let mut pool = items.to_vec();
    for part in pools.filter(|p: &Vec<Item>| !p.is_empty() && p.len() < items.len()) {
        let only = stage.with(nothing, &part)?;
        if lab.has_time() && effect(lab, role, nothing, &here, &only)? == Test::Shows {
            pool = part;
            break;
        }
    }
    let mut whole = true;
    let found = ddmin(&pool, |part| {
        if !lab.has_time() {
            whole = false;
            return Ok::<_, crate::exit::AuditError>(None);
        }
        let only = stage.with(nothing, part)?;
        Ok(Some(effect(lab, role, nothing, &here, &only)?))
    })?;
    lab.note(
        &format!("delta debugging over {} files and variables, {}", pool.len(), role.word()),
        if whole {
            list(&found, stage.dir)
        } else {
            format!("the budget was spent with {} left", found.len())
        },
    );
    Ok(Found { items: found, whole })
}

/// The kinds of items.
const KINDS: [fn(&Item) -> bool; 3] =
    [|i| matches!(i, Item::Entry(_)), |i| matches!(i, Item::Variable(..)), |i| matches!(i, Item::Above(..))];

/// Whether the engine shows under some conditions what it shows under all: another image, or that it fails.
fn effect(lab: &mut Lab<'_>, role: Role, nothing: &Recipe, here: &Recipe, only: &Recipe) -> Result<Test> {
    let fails = lab.shot(role, here, 0)?.is_err();
    Ok(match (lab.shot(role, nothing, 0)?, lab.shot(role, only, 0)?) {
        (Ok(_), Ok(_)) if fails => Test::Hides,
        (Ok(a), Ok(b)) if differing(&a.image, &b.image) > 0 => Test::Shows,
        (Ok(_), Err(_)) if fails => Test::Shows,
        // it fails for want of something else
        (Ok(_), Err(_)) => Test::Unresolved,
        _ => Test::Hides,
    })
}

/// Items that the engine opens, or names in its log; a variable, when its value is a folder from which a file is opened.
fn hinted(
    lab: &mut Lab<'_>,
    role: Role,
    stage: &Stage<'_>,
    here: &Recipe,
    items: &[Item],
) -> Result<Vec<Item>> {
    let mut paths: Vec<PathBuf> = Vec::new();
    if let Ok(shot) = lab.shot(role, here, 0)? {
        paths.extend(files_named(&shot.log).into_iter().map(PathBuf::from));
    }
    let seen = opened::opened(lab, role, here)?;
    let names: Vec<String> =
        seen.iter().filter_map(|o| o.path.file_name()).map(|n| n.to_string_lossy().into_owned()).collect();
    let how = seen.first().map_or("none seen", |o| o.how.as_str());
    lab.note(&format!("files that the {} opens ({how})", role.word()), names.join(", "));
    paths.extend(seen.into_iter().map(|o| o.path));
    let own: Vec<&OsStr> = stage.dir.components().map(|c| c.as_os_str()).collect();
    let named = |item: &Item| match item {
        Item::Entry(name) | Item::Above(_, name) => {
            !own.contains(&name.as_os_str())
                && paths.iter().any(|p| p.components().any(|c| c.as_os_str() == name))
        }
        Item::Variable(_, value) => {
            let folder = Path::new(value);
            folder.is_absolute() && folder.parent().is_some() && paths.iter().any(|p| p.starts_with(folder))
        }
    };
    Ok(items.iter().filter(|i| named(i)).cloned().collect())
}

fn list(items: &[Item], dir: &Path) -> String {
    items.iter().map(|i| i.text(Some(dir))).collect::<Vec<_>>().join(" and ")
}

/// Too many suspects are left for a name.
fn undecided(lab: &Lab<'_>, role: Role, dir: &Path, found: &[Item]) -> Cause {
    const SHOWN: usize = 12;
    let class = class(found);
    let more = found.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Cause {
        class,
        title: format!(
            "the {} ({}) obeys one or more of {} files and variables; the budget was spent before they were told apart (--budget)",
            role.word(),
            lab.engine(role).name(),
            found.len()
        ),
        proven: false,
        switch: None,
        evidence: vec![format!("they are {}{more}", list(&found[..found.len().min(SHOWN)], dir))],
        weight: 0.5,
    }
}

fn class(found: &[Item]) -> Class {
    match found.first() {
        Some(Item::Variable(..)) => Class::EnvironmentVariable,
        Some(Item::Above(..)) => Class::ParentFile,
        _ => Class::HiddenFile,
    }
}

/// What is suspected, and of what.
struct Suspects<'a> {
    all: &'a [Item],
    found: &'a [Item],
    /// Whether the pair disagrees with all of it.
    disagree: bool,
}

/// The pair with nothing but the suspects, with everything but them, and with nothing at all.
fn prove(
    lab: &mut Lab<'_>,
    role: Role,
    base: &Recipe,
    stage: &mut Stage<'_>,
    suspects: &Suspects<'_>,
) -> Result<Cause> {
    let Suspects { all, found, disagree } = *suspects;
    let without: Vec<Item> = all.iter().filter(|i| !found.contains(i)).cloned().collect();
    let (only, rest) = (stage.with(base, found)?, stage.with(base, &without)?);
    let (on, off) = (lab.pair(&only)?, lab.pair(&rest)?);
    let bare = lab.pair(base)?;
    let unchanged = !changes(lab, role, base, &rest)?;
    let list = list(found, stage.dir);
    let class = class(found);
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
    // beside another cause it is not enough to take this one away: then it is put into an empty directory, alone
    let alone = !off.agrees() && bare.agrees();
    let proven = !on.agrees() && (off.agrees() || alone);
    lab.note(&format!("the pair with nothing but {list}"), on.text());
    lab.note(&format!("the pair with everything but {list}"), off.text());
    let switch = proven.then(|| {
        let without = if alone {
            format!(
                "without it, in an empty directory, they {}; something else here matters, too",
                bare.text()
            )
        } else {
            format!("with everything but it they {}", off.text())
        };
        format!("with nothing but {list} the engines {}; {without}", on.text())
    });
    if !proven && disagree {
        evidence.push(format!(
            "with nothing but it the engines {}; with everything but it they {}",
            on.text(),
            off.text()
        ));
    }
    if let (Outcome::Agree(_), false) = (&on, proven) {
        evidence.push("it changes the image within what the gates allow".into());
    }
    Ok(Cause {
        class,
        title: format!("the {} ({}) {verb} {list}, which nobody named", role.word(), lab.engine(role).name()),
        proven,
        switch,
        evidence,
        weight: if on.agrees() { 0.3 } else { 0.9 },
    })
}
