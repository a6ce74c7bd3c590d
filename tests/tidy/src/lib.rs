//! The laws of layout, held by tests that read the source tree.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The root of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// One source file.
#[derive(Debug)]
pub struct Source {
    /// Its path from the root of the repository.
    pub path: String,
    /// Its text.
    pub text: String,
}

impl Source {
    /// The text without its tests, which come last in a file.
    #[must_use]
    pub fn running(&self) -> &str {
        self.text.split("#[cfg(test)]\nmod ").next().unwrap_or(&self.text)
    }
}

/// Every Rust file below a folder of the repository, sorted by path.
#[must_use]
pub fn sources(folder: &str) -> Vec<Source> {
    files(folder, "rs")
}

/// Every Markdown page of the repository, sorted by path.
#[must_use]
pub fn pages() -> Vec<Source> {
    files("", "md")
}

fn files(folder: &str, kind: &str) -> Vec<Source> {
    let root = repository();
    let mut files = Vec::new();
    collect(&root.join(folder), kind, &mut files);
    files.sort();
    files
        .into_iter()
        .filter_map(|file| {
            let path = file.strip_prefix(&root).ok()?.display().to_string();
            Some(Source { path, text: fs::read_to_string(&file).ok()? })
        })
        .collect()
}

fn collect(folder: &Path, kind: &str, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                collect(&path, kind, files);
            }
        } else if path.extension().is_some_and(|extension| extension == kind) {
            files.push(path);
        }
    }
}
