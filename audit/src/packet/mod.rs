//! Phase C: what someone needs to change one loop: `design.md`, and a bench that runs its stage alone.

mod bench;
mod design;
mod roofline;
mod source;

pub use bench::{Recorded, Stage, files as bench_files};
pub use design::{Packet, design};
pub use roofline::{Machine, Roofline};
pub use source::{calls, excerpt, plain_name};
