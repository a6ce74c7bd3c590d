//! `sallyport ca …`: what a person does with certificate authorities that the running agent must not be able to do.

mod intermediate;
mod words;

use std::process::ExitCode;

use crate::people;

/// What to do with certificate authorities.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// An intermediate of our own below a CA of AWS Private CA: made and renewed with your own AWS credentials, which need a
    /// role of their own (`manifests/aws/iam-intermediate-issuer.json`).
    #[command(subcommand)]
    Intermediate(intermediate::Command),
}

/// Runs one command; what keeps it from an answer is told and ends with 2.
pub(crate) fn run(command: Command) -> ExitCode {
    match command {
        Command::Intermediate(command) => people::run(intermediate::answer(command)),
    }
}
