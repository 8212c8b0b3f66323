//! Engines: programs that render a case.

pub mod process;
