//! The C engine as a command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(nanobragg::c_engine::main_with(std::env::args_os().skip(1).collect()))
}
