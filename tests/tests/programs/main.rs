//! Tests that run side by side in one program: built once, and none waits for the others of its kind to end. What measures where
//! time goes is a program of its own beside this folder, and runs alone. One file of these: `cargo test --release --test programs bisect`

mod audit;
mod audit_gates;
mod bad_input;
mod bisect;
mod blocked_sample;
mod blocked_stamp;
mod contraction;
mod defects;
mod engines;
mod evidence;
mod faults;
mod golden;
mod helpers;
mod hidden_inputs;
mod history;
mod inlined;
mod interrupt;
mod known_counts;
mod laws;
mod levels;
mod loosened;
mod numpy_metrics;
mod parity;
mod random_words;
mod streaming;
mod suites;
mod threads;
mod tidy;
mod trace;
mod traces;
mod your_own_port;
