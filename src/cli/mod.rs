//! Arguments in, rows and exit codes out.

pub mod rows;
