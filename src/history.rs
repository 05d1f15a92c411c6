//! `Origin_history`.
