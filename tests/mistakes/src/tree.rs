//! The copy of the sources in which mistakes are planted.

use anyhow::{Context, Result, bail};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// A small workspace below the target folder that holds the simulators as the repository has them.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
}

impl Tree {
    /// Makes the copy, or brings an older one up to date: a file that is equal stays untouched, so that what was
    /// compiled from it stays good, and a mistake left by a run that was broken off goes.
    ///
    /// # Errors
    /// The repository cannot be read, the copy cannot be written.
    pub fn sync(repository: &Path, root: PathBuf, folders: &[String]) -> Result<Self> {
        let tree = Self { root };
        let read = |name: &str| {
            fs::read_to_string(repository.join(name)).with_context(|| format!("cannot read {name}"))
        };
        tree.write("Cargo.toml", &manifest(&read("Cargo.toml")?, folders)?)?;
        tree.write("Cargo.lock", &read("Cargo.lock")?)?;
        for folder in folders {
            let (mut here, mut there) = (BTreeSet::new(), BTreeSet::new());
            files(repository, Path::new(folder), &mut here)?;
            files(&tree.root, Path::new(folder), &mut there)?;
            for file in there.difference(&here) {
                fs::remove_file(tree.root.join(file))?;
            }
            for file in &here {
                tree.copy(repository, file)?;
            }
        }
        Ok(tree)
    }

    /// Where the copy stands.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The text of a file of the copy.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, file: &str) -> Result<String> {
        fs::read_to_string(self.root.join(file)).with_context(|| format!("cannot read {file} of the copy"))
    }

    /// Writes a file of the copy, unless it says that already.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, file: &str, text: &str) -> Result<()> {
        self.put(Path::new(file), text.as_bytes())
    }

    fn copy(&self, repository: &Path, file: &Path) -> Result<()> {
        let bytes =
            fs::read(repository.join(file)).with_context(|| format!("cannot read {}", file.display()))?;
        self.put(file, &bytes)
    }

    fn put(&self, file: &Path, bytes: &[u8]) -> Result<()> {
        let path = self.root.join(file);
        if fs::read(&path).is_ok_and(|old| old == bytes) {
            return Ok(());
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
    }
}

/// The workspace's manifest with these members alone. Another version makes them other packages, so that cargo keeps
/// what it compiles here apart from what it compiles of the repository, although both lie in one build folder.
fn manifest(text: &str, folders: &[String]) -> Result<String> {
    let members = folders.iter().map(|folder| format!("\"{folder}\"")).collect::<Vec<_>>().join(", ");
    let text = replace_value(text, "members", ']', &format!("[{members}]"))?;
    let text = replace_value(&text, "default-members", ']', &format!("[{members}]"))?;
    replace_value(&text, "version", '\n', "\"0.0.0-planted\"\n")
}

/// Replaces the value of the first line that begins with `key =`; the value ends with the given character.
fn replace_value(text: &str, key: &str, last: char, value: &str) -> Result<String> {
    let start = format!("\n{key} = ");
    let Some((before, rest)) = text.split_once(&start) else { bail!("Cargo.toml has no {key}") };
    let Some((_, after)) = rest.split_once(last) else { bail!("{key} in Cargo.toml does not end") };
    Ok(format!("{before}{start}{value}{after}"))
}

/// Every file below a folder, by its path from the root. A folder that is not there has none.
fn files(root: &Path, folder: &Path, into: &mut BTreeSet<PathBuf>) -> Result<()> {
    let path = root.join(folder);
    if !path.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(&path).with_context(|| format!("cannot read {}", path.display()))? {
        let entry = entry?;
        let below = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            files(root, &below, into)?;
        } else {
            into.insert(below);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "[workspace]\nresolver = \"3\"\nmembers = [\n    \"a\",\n    \"b\",\n]\n\
                            default-members = [\"a\"]\n\n[workspace.package]\nversion = \"0.1.0\"\nedition = \"2024\"\n";

    fn text(root: &Path, file: &str) -> String {
        fs::read_to_string(root.join(file)).unwrap()
    }

    #[test]
    fn the_copy_is_a_workspace_of_its_own_and_mends_itself() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir_all(from.path().join("tests/b/src")).unwrap();
        for (file, text) in
            [("Cargo.toml", MANIFEST), ("Cargo.lock", "lock"), ("tests/b/src/lib.rs", "right"), ("c.rs", "c")]
        {
            fs::write(from.path().join(file), text).unwrap();
        }
        let folders = ["tests/b".to_owned()];
        let tree = Tree::sync(from.path(), to.path().to_owned(), &folders).unwrap();
        assert_eq!(
            text(to.path(), "Cargo.toml"),
            "[workspace]\nresolver = \"3\"\nmembers = [\"tests/b\"]\ndefault-members = [\"tests/b\"]\n\n\
             [workspace.package]\nversion = \"0.0.0-planted\"\nedition = \"2024\"\n"
        );
        assert!(!to.path().join("c.rs").exists(), "only what is needed");
        tree.write("tests/b/src/lib.rs", "wrong").unwrap();
        tree.write("tests/b/src/left.rs", "over").unwrap();
        let made = fs::metadata(to.path().join("Cargo.toml")).unwrap().modified().unwrap();
        Tree::sync(from.path(), to.path().to_owned(), &folders).unwrap();
        assert_eq!(text(to.path(), "tests/b/src/lib.rs"), "right");
        assert!(!to.path().join("tests/b/src/left.rs").exists());
        let after = fs::metadata(to.path().join("Cargo.toml")).unwrap().modified().unwrap();
        assert_eq!(made, after, "what is equal is not written again");
        assert_eq!(text(from.path(), "tests/b/src/lib.rs"), "right", "the repository is not touched");
    }
}
