//! Compiles the C engine (`c_engine/`) into a static library, and exports what the stamps of the audit record:
//! hashes of the sources, compilers, exact flags.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

#[path = "src/source_hash.rs"]
#[expect(unreachable_pub, reason = "public in the library, which has the same file")]
mod source_hash;

const NO_COMPILER: &str = "no working C compiler: the C engine needs one. Install gcc or clang (Debian, Ubuntu: apt install gcc; \
     Fedora: dnf install gcc; macOS: xcode-select --install), or name one in the environment variable CC";

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=c_engine");
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            println!("cargo::error={message}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), String> {
    let sources = source_hash::sorted_files(Path::new(""), Path::new("c_engine"))
        .map_err(|e| format!("cannot list c_engine: {e}"))?;
    let c_files: Vec<&PathBuf> = sources.iter().filter(|f| f.extension().is_some_and(|e| e == "c")).collect();

    let mut build = cc::Build::new();
    // -O3 whatever cargo's profile: the C engine is the reference whose speed is compared with. No frame pointer,
    // no contraction to fused multiply-adds: the program as its language defines it.
    build
        .std("c99")
        .opt_level(3)
        .debug(true)
        .force_frame_pointer(false)
        .flag_if_supported("-ffp-contract=off")
        .define("_XOPEN_SOURCE", "700")
        .warnings(true)
        .extra_warnings(true)
        .files(&c_files);

    let tool = build.try_get_compiler().map_err(|_| NO_COMPILER.to_owned())?;
    let compiler = version_line(&mut tool.to_command()).ok_or(NO_COMPILER)?;
    let openmp = openmp_runtime(&tool);
    if openmp.is_some() {
        build.flag("-fopenmp");
    } else {
        build.flag_if_supported("-Wno-unknown-pragmas");
        println!("cargo::warning=the C compiler ({compiler}) has no OpenMP: the C engine runs on one thread");
    }
    let tool = build.try_get_compiler().map_err(|_| NO_COMPILER.to_owned())?;
    let flags: Vec<_> = tool.args().iter().map(|f| f.to_string_lossy()).collect();
    let flags = flags.join(" ");

    build
        .define("NB_VERSION", c_string(&variable("CARGO_PKG_VERSION")?).as_str())
        .define("NB_COMPILER", c_string(&compiler).as_str())
        .define("NB_FLAGS", c_string(&flags).as_str());
    build.try_compile("nanobragg_c").map_err(|e| format!("the C engine does not compile: {e}"))?;
    if let Some(runtime) = openmp {
        println!("cargo::rustc-link-lib={runtime}");
    }
    println!("cargo::rustc-link-lib=m");

    let rustc =
        version_line(&mut Command::new(variable("RUSTC")?)).ok_or("rustc does not tell its version")?;
    let unread = |e| format!("cannot read the sources: {e}");
    let all = source_hash::of_package(Path::new("")).map_err(unread)?;
    let c_hash = source_hash::of_files(Path::new(""), &sources).map_err(unread)?;
    for (name, value) in [
        ("SOURCE_HASH", all),
        ("C_SOURCE_HASH", c_hash),
        ("C_COMPILER", compiler),
        ("C_FLAGS", flags),
        ("C_OPENMP", openmp.is_some().to_string()),
        ("RUSTC", rustc),
        ("PROFILE", variable("PROFILE")?),
        ("TARGET", variable("TARGET")?),
    ] {
        println!("cargo::rustc-env=NANOBRAGG_{name}={value}");
    }
    Ok(())
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|e| format!("cargo did not set {name}: {e}"))
}

/// The first line that `command --version` prints.
fn version_line(command: &mut Command) -> Option<String> {
    let output = command.arg("--version").output().ok().filter(|o| o.status.success())?;
    String::from_utf8_lossy(&output.stdout).lines().next().map(|line| line.trim().to_owned())
}

/// The library to link where a tiny OpenMP program compiles and links; none where it does not.
fn openmp_runtime(tool: &cc::Tool) -> Option<&'static str> {
    let out = PathBuf::from(env::var_os("OUT_DIR")?);
    let (source, program) = (out.join("openmp.c"), out.join("openmp"));
    fs::write(&source, "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n").ok()?;
    let linked = tool.to_command().arg("-fopenmp").arg(&source).arg("-o").arg(&program).output().ok()?;
    linked.status.success().then_some(if tool.is_like_clang() { "omp" } else { "gomp" })
}

/// A C string literal.
fn c_string(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
