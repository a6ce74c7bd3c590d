//! `sallyport version`: what this program is.

use serde_json::json;

use crate::people;

/// The commit that a release is built from; a development build has none.
const COMMIT: Option<&str> = option_env!("SALLYPORT_COMMIT");
/// The API that it speaks.
const API: &str = "sallyport.dev/v1alpha1";

/// Print the version, the commit it was built from, and the API that it speaks.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Prints it.
pub(crate) fn run(args: &Args) -> Result<(), String> {
    let version = env!("CARGO_PKG_VERSION");
    let commit = COMMIT.filter(|commit| !commit.is_empty());
    let platform = format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH);
    if args.json {
        let told = json!({"version": version, "commit": commit, "api": API, "platform": platform, "license": "Apache-2.0"});
        return people::print(&format!("{told}\n"));
    }
    let commit = commit.unwrap_or("none: a development build");
    people::print(&format!(
        "sallyport {version}\ncommit    {commit}\nAPI       {API}\nplatform  {platform}\nlicence   Apache-2.0\n"
    ))
}
