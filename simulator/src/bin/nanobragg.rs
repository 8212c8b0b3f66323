//! The command `nanobragg`: the Rust engine.

fn main() -> std::process::ExitCode {
    nanobragg::cli::main_with(std::env::args_os().skip(1).collect()).into()
}
