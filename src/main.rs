//! The `jeton` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    jeton::cli::run(std::env::args_os()).into()
}
