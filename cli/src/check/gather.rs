//! Reads what was given: files, folders, standard input. What cannot be read is told in its place, and the rest goes on.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

/// Longest file that is read, in bytes: some thousand objects.
const LONGEST: u64 = 64 * 1024 * 1024;
/// Deepest folder below the one that was given.
const DEEPEST: usize = 32;

/// One file, or why it cannot be read.
pub(crate) struct Source {
    /// The file as it was given, or `-`.
    pub(crate) file: String,
    /// What stands in it.
    pub(crate) text: Result<String, String>,
}

/// Everything in these places, sorted within each folder.
pub(crate) fn all(paths: &[PathBuf]) -> impl Iterator<Item = Source> + '_ {
    paths.iter().flat_map(|path| {
        if path.as_os_str() == "-" {
            return vec![source("-".to_owned(), bounded(std::io::stdin()))];
        }
        let mut files = Vec::new();
        files_in(path, 0, &mut files);
        files
            .into_iter()
            .map(|(file, read)| source(file.display().to_string(), read.and_then(|()| open(&file))))
            .collect()
    })
}

/// Files that were named are read whatever they are called; of a folder those that end like manifests. Links inside of a
/// folder are not followed: they may lead in circles.
fn files_in(path: &Path, depth: usize, files: &mut Vec<(PathBuf, Result<(), String>)>) {
    if !path.is_dir() {
        files.push((path.to_owned(), Ok(())));
        return;
    }
    let entries = match std::fs::read_dir(path) {
        Ok(entries) if depth < DEEPEST => entries,
        Ok(_) => return files.push((path.to_owned(), Err(format!("more than {DEEPEST} folders deep")))),
        Err(error) => return files.push((path.to_owned(), Err(error.to_string()))),
    };
    let mut entries: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for entry in entries {
        let hidden = entry.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if hidden || entry.is_symlink() {
            continue;
        }
        if entry.is_dir() || is_manifest(&entry) {
            files_in(&entry, depth + 1, files);
        }
    }
}

fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    ["yaml", "yml", "json"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

fn open(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::File::open(path).map_err(|error| error.to_string()).and_then(bounded)
}

fn bounded(from: impl std::io::Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = from.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if u64::try_from(read).unwrap_or(u64::MAX) > LONGEST {
        return Err(format!("it has more than {LONGEST} bytes"));
    }
    Ok(bytes)
}

fn source(file: String, bytes: Result<Vec<u8>, String>) -> Source {
    let text =
        bytes.and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not text in UTF-8".to_owned()));
    Source { file, text }
}
