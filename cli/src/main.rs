//! The one binary `sallyport`; called as `kubectl-sallyport` it is kubectl's plugin.

use std::process::ExitCode;

fn main() -> ExitCode {
    sallyport_cli::run(std::env::args_os())
}
