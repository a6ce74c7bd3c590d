//! `sallyport crds`: the custom resource definitions, generated from the types.

use std::path::PathBuf;

use sallyport_contract::object;

use crate::people;

/// Where the definitions go.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A folder for one file each; standard output if absent.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Prints or writes every definition.
pub(crate) fn run(args: &Args) -> Result<(), String> {
    for definition in object::definitions() {
        let name = definition.metadata.name.clone().unwrap_or_default();
        let yaml =
            serde_saphyr::to_string(&definition).map_err(|error| format!("cannot write {name}: {error}"))?;
        let text = format!("# Generated from the types by `make manifests`. Do not edit.\n{yaml}");
        match &args.out {
            None => people::print(&format!("---\n{text}"))?,
            Some(folder) => {
                let file = folder.join(format!("{name}.yaml"));
                std::fs::write(&file, text)
                    .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
            }
        }
    }
    Ok(())
}
