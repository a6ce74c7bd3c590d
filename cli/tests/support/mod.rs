//! The program as a person runs it, and an API server that holds a few objects.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "only tests use this")]

pub(crate) mod api;

use std::process::Output;

/// What the program printed.
pub(crate) fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What it complained about.
pub(crate) fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A command of `sallyport firewall`.
pub(crate) fn firewall(arguments: &[&str]) -> tokio::process::Command {
    sallyport("firewall", arguments)
}

/// A command of `sallyport`.
pub(crate) fn sallyport(topic: &str, arguments: &[&str]) -> tokio::process::Command {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_sallyport"));
    command.arg(topic).args(arguments).env("KUBECONFIG", "/nonexistent");
    command
}
