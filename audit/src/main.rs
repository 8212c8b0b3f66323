//! The command `bragg-audit`.

use bragg_audit::cli::{Cli, Command};
use bragg_audit::exit::Exit;
use bragg_audit::{child, commands, interrupt};
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = if let Command::Engine(args) = &cli.command {
        child::run(args)
    } else {
        interrupt::install();
        commands::execute(&cli).map(Exit::code)
    };
    let code = result.unwrap_or_else(|error| {
        eprintln!("bragg-audit: {error}");
        error.exit.code()
    });
    interrupt::end_by_signal();
    ExitCode::from(code)
}
