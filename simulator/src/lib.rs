//! nanobragg

pub mod build_info;
pub mod c_engine;
