//! Arguments in, rows and exit codes out.
