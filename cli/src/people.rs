//! Commands for people: run to an end, print an answer, and end with 2 when there is none.

use std::{io::Write as _, process::ExitCode};

use sallyport_process::report::chain;

/// The exit code of what could not be found out or done.
const FAILED: u8 = 2;

/// Runs one command; what keeps it from an answer is told and ends with 2.
pub(crate) fn run(answer: impl Future<Output = Result<ExitCode, String>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(answer),
        Err(error) => Err(chain(&error)),
    };
    ended.unwrap_or_else(|error| {
        // Who closed standard error does not want to hear it.
        drop(writeln!(std::io::stderr(), "sallyport: {error}"));
        ExitCode::from(FAILED)
    })
}

/// Prints an answer.
pub(crate) fn print(text: &str) -> Result<(), String> {
    write!(std::io::stdout(), "{text}").map_err(|error| format!("cannot print: {error}"))
}
