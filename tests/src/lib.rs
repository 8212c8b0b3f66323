//! What the black-box tests share: building and running the programs, reading images, golden figures, measures of agreement.
//!
//! Everything here is test code: a helper that cannot do its work stops the test with a message.
#![expect(clippy::panic, reason = "helpers of tests stop the test that called them")]

pub mod audits;
pub mod c_copies;
pub mod compare;
pub mod defects;
pub mod engines;
pub mod golden;
pub mod image;
pub mod processes;
pub mod programs;
pub mod stamps;
pub mod tree;
