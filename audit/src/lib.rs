//! bragg-audit
