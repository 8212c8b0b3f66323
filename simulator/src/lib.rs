//! nanobragg
