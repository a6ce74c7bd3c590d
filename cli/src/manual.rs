//! Completion for shells and manual pages, both from the definition of the command line itself.

use std::path::PathBuf;

use clap::Command;
use clap_complete::Shell;

use crate::people;

const NAME: &str = "sallyport";

/// Print the completion of a shell: `source <(sallyport completion bash)`.
#[derive(clap::Args)]
pub(crate) struct Completion {
    /// The shell.
    shell: Shell,
}

/// Print the manual page, or write all of them: `man ./man/sallyport-check.1`.
#[derive(clap::Args)]
pub(crate) struct Man {
    /// A folder for the pages, one for each command; without it, the first one goes to standard output.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// Prints a shell's completion.
pub(crate) fn complete(args: &Completion, mut command: Command) -> Result<(), String> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, NAME, &mut script);
    people::print(&String::from_utf8_lossy(&script))
}

/// Prints or writes the pages.
pub(crate) fn pages(args: &Man, command: Command) -> Result<(), String> {
    if let Some(folder) = &args.out {
        let failed = |error| format!("cannot write the pages to {}: {error}", folder.display());
        std::fs::create_dir_all(folder).map_err(failed)?;
        return clap_mangen::generate_to(command, folder).map_err(failed);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).map_err(|error| format!("cannot make it: {error}"))?;
    people::print(&String::from_utf8_lossy(&page))
}
