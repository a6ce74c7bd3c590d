//! Where a program listens, for whoever started it on port 0: a file that appears whole or not at all.

use std::{io, path::Path};

/// Writes the file beside its place, and then moves it there.
///
/// # Errors
/// It cannot be written or moved.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    std::fs::write(&beside, text)?;
    std::fs::rename(beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_there_whole_and_nothing_beside_it() {
        let folder = std::env::temp_dir().join(format!("sallyport-ready-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("ready.json");
        for text in ["{}", "{\"health\": 1}"] {
            write(&file, text).unwrap();
            assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
        }
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        assert!(write(&folder.join("nowhere/ready.json"), "{}").is_err());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
