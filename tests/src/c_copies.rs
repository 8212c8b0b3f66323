//! Copies of the C engine with something changed in them, compiled into a temporary folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::programs::workspace_root;

/// Flags of the copies: optimised a little, for they are compiled more than they run; contraction off as in the real one.
const FLAGS: [&str; 9] = [
    "-std=c99",
    "-O1",
    "-ffp-contract=off",
    "-w",
    "-D_XOPEN_SOURCE=700",
    "-DNB_VERSION=\"copy\"",
    "-DNB_COMPILER=\"copy\"",
    "-DNB_FLAGS=\"copy\"",
    "-Wno-unknown-pragmas",
];

/// The main function of a plain copy.
pub const MAIN: &str =
    "int nanobragg_c_main(int, char **);\nint main(int c, char **v) { return nanobragg_c_main(c, v); }\n";

fn sources() -> PathBuf {
    workspace_root().join("simulator/c_engine")
}

fn compile(source: &Path, object: &Path) {
    let out = Command::new(compiler())
        .args(FLAGS)
        .arg("-c")
        .arg(source)
        .arg("-o")
        .arg(object)
        .stdin(Stdio::null())
        .output();
    let out = out.unwrap_or_else(|e| panic!("the C compiler: {e}"));
    assert!(out.status.success(), "{}:\n{}", source.display(), String::from_utf8_lossy(&out.stderr));
}

fn compiler() -> std::ffi::OsString {
    std::env::var_os("CC").filter(|c| !c.is_empty()).unwrap_or_else(|| "cc".into())
}

/// The C files, and the objects of the unchanged engine, compiled once per test process.
fn plain() -> &'static (tempfile::TempDir, Vec<String>) {
    static BUILT: OnceLock<(tempfile::TempDir, Vec<String>)> = OnceLock::new();
    BUILT.get_or_init(|| {
        let dir = crate::programs::temporary_folder();
        let mut files: Vec<String> = std::fs::read_dir(sources())
            .unwrap_or_else(|e| panic!("the C engine: {e}"))
            .flatten()
            .map(|e| e.file_name().to_string_lossy().into_owned())
            .filter(|n| n.ends_with(".c"))
            .collect();
        files.sort();
        for file in &files {
            compile(&sources().join(file), &dir.path().join(file).with_extension("o"));
        }
        (dir, files)
    })
}

/// The unchanged engine, compiled into `dir/engine` with optimisation and these flags.
///
/// # Errors
/// What the compiler said, or that there is none.
pub fn with_flags(dir: &Path, flags: &[&str]) -> Result<PathBuf, String> {
    let own = FLAGS.iter().filter(|f| !f.starts_with("-O") && !f.starts_with("-ffp-contract"));
    let (program, engine) = (dir.join("program.c"), dir.join("engine"));
    std::fs::write(&program, MAIN).map_err(|e| e.to_string())?;
    let entries = std::fs::read_dir(sources()).map_err(|e| e.to_string())?;
    let files = entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "c"));
    let mut command = Command::new(compiler());
    command.args(own).arg("-O2").args(flags).args(files).arg(&program).args(["-lm", "-o"]).arg(&engine);
    let out = command.stdin(Stdio::null()).output().map_err(|e| format!("the C compiler: {e}"))?;
    if out.status.success() { Ok(engine) } else { Err(String::from_utf8_lossy(&out.stderr).into_owned()) }
}

/// Compiles a copy into `dir/engine`: in `file` the text `from`, which stands there once, is replaced by `to`. `main` is the
/// program around it.
///
/// # Panics
/// When the text does not stand there exactly once, or the copy does not compile.
#[must_use]
pub fn engine(dir: &Path, change: Option<(&str, &str, &str)>, main: &str) -> PathBuf {
    let (objects, files) = plain();
    let src = dir.join("src");
    std::fs::create_dir_all(&src).unwrap_or_else(|e| panic!("{}: {e}", src.display()));
    let mut anew: Vec<&String> = Vec::new();
    if let Some((file, from, to)) = change {
        for entry in std::fs::read_dir(sources()).into_iter().flatten().flatten() {
            std::fs::copy(entry.path(), src.join(entry.file_name()))
                .unwrap_or_else(|e| panic!("{:?}: {e}", entry.path()));
        }
        let text = std::fs::read_to_string(src.join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {file}");
        std::fs::write(src.join(file), text.replace(from, to)).unwrap_or_else(|e| panic!("{file}: {e}"));
        // a header reaches whoever includes it, directly or not
        let header = Path::new(file).extension().is_some_and(|e| e == "h");
        anew = files.iter().filter(|f| header || *f == file).collect();
    }
    std::fs::write(src.join("program.c"), main).unwrap_or_else(|e| panic!("program.c: {e}"));
    let program = dir.join("program.o");
    compile(&src.join("program.c"), &program);
    let mut link = Command::new(compiler());
    link.arg(&program);
    for file in files {
        let changed = anew.contains(&file);
        let object = if changed { dir } else { objects.path() }.join(file).with_extension("o");
        if changed {
            compile(&src.join(file), &object);
        }
        link.arg(object);
    }
    let engine = dir.join("engine");
    let out = link
        .args(["-lm", "-o"])
        .arg(&engine)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|e| panic!("linking: {e}"));
    assert!(out.status.success(), "linking:\n{}", String::from_utf8_lossy(&out.stderr));
    engine
}
