//! The command `bragg-audit`.

use std::process::ExitCode;

fn main() -> ExitCode {
    bragg_audit::edge::main()
}
