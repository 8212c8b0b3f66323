//! Test build only: the command with a known delay in one known loop of the simulator (feature `planted-delay`). An example,
//! so that it lies beside the command and shares its dependencies.

use std::process::ExitCode;

fn main() -> ExitCode {
    bragg_audit::edge::main()
}
