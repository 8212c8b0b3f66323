//! The command line: reads the words, runs the command, tells how it ended.

use crate::cli::{Cli, Command};
use crate::engines::guardian;
use crate::evidence::wrapper;
use crate::exit::Exit;
use crate::{child, commands, interrupt};
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use std::process::ExitCode;

/// Does what the words of this process ask for.
#[must_use]
pub fn main() -> ExitCode {
    if wrapper::requested() {
        return ExitCode::from(wrapper::run());
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // help or version: asked for, or the answer to no words at all
        Err(error)
            if error.exit_code() == 0
                || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand =>
        {
            error.exit()
        }
        Err(error) => {
            let asked = std::env::args_os().nth(1).unwrap_or_default();
            let command = Cli::command().find_subcommand(asked).map(|c| c.get_name().to_owned());
            eprintln!("bragg-audit: {}", one_line(&error, command.as_deref()));
            return ExitCode::from(Exit::Usage.code());
        }
    };
    let result = match &cli.command {
        Command::Engine(args) => child::run(args),
        Command::Guardian => {
            guardian::run();
            Ok(Exit::Pass.code())
        }
        _ => {
            interrupt::install();
            guardian::enable();
            commands::execute(&cli).map(Exit::code)
        }
    };
    let code = result.unwrap_or_else(|error| {
        eprintln!("bragg-audit: {error}");
        error.exit.code()
    });
    interrupt::end_by_signal();
    ExitCode::from(code)
}

/// What is wrong with the command line in one line: the finding, the hints, where to read on.
fn one_line(error: &clap::Error, command: Option<&str>) -> String {
    let text = error.to_string();
    let said = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let parts: Vec<&str> = said
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .map(|line| line.trim_start_matches("error: ").trim_start_matches("tip: "))
        .collect();
    let command = command.map_or(String::new(), |name| format!(" {name}"));
    // what is missing follows a colon
    let text = parts.join("; ").replace(":; ", ": ");
    format!("{text} (see `bragg-audit{command} --help`)")
}
