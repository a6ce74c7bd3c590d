//! Where things are: the repository, and the folder that cargo builds into.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;

/// The root of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap_or(root)
}

/// The folder that cargo builds into.
///
/// # Errors
/// The running program was not built by cargo.
pub fn target() -> Result<PathBuf> {
    let folder = profile()?;
    Ok(folder.parent().context("the build folder has no parent")?.to_owned())
}

/// `target/debug` or `target/release`, whichever the running program was built into.
fn profile() -> Result<PathBuf> {
    let own = std::env::current_exe().context("this program does not know where it is")?;
    let folder = own.parent().context("this program is nowhere")?;
    let folder = if folder.ends_with("deps") { folder.parent().context("no build folder")? } else { folder };
    Ok(folder.to_owned())
}

/// A program of this workspace, built beside the running one.
pub fn built(name: &str) -> Result<PathBuf> {
    let path = profile()?.join(name);
    ensure!(path.exists(), "{} is not built: run `make build` first", path.display());
    Ok(path)
}

/// A program of others that tests use, like `helm`; built if this is the first time.
///
/// # Errors
/// It cannot be built; the message holds what the build said.
pub async fn tool(name: &str) -> Result<PathBuf> {
    let built = Command::new(repository().join("tests/tools/build.sh")).arg(name).output().await?;
    ensure!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let told = String::from_utf8(built.stdout)?;
    Ok(told.lines().last().with_context(|| format!("no {name}"))?.into())
}
