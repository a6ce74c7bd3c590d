//! A simulator's list of mistakes: its form, and what is wrong with it.

use anyhow::{Context, Result};
use serde::Deserialize;
use std::{collections::BTreeSet, fmt, path::Path};

/// One mistake that a simulator could have, and the tests that would tell.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mistake {
    /// Short, in `snake_case`; part of the trial's name.
    pub name: String,
    /// What a wrong program could get away with if nobody noticed.
    pub why: String,
    /// The file, from the simulator's folder.
    pub file: String,
    /// Text that stands in the file exactly once.
    pub replace: String,
    /// What stands there instead.
    pub with: String,
    /// The tests that must fail.
    pub fails: Vec<TestName>,
}

/// A test by its full name: the test binary (`lib`, or the name of a file or folder in `tests/`), then the path in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct TestName {
    /// `lib`, or an integration test.
    pub binary: String,
    /// As the test runner prints it.
    pub path: String,
}

impl TryFrom<String> for TestName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once("::") {
            Some((binary, path)) if !binary.is_empty() && !path.is_empty() => {
                Ok(Self { binary: binary.to_owned(), path: path.to_owned() })
            }
            Some(_) | None => {
                Err(format!("'{text}' names no test: write the binary, ::, and the test's path in it"))
            }
        }
    }
}

impl fmt::Display for TestName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.binary, self.path)
    }
}

/// Reads a list.
///
/// # Errors
/// The file is not there, or not a list of mistakes.
pub fn read(path: &Path) -> Result<Vec<Mistake>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_saphyr::from_str(&text).with_context(|| format!("{} is no list of mistakes", path.display()))
}

/// What is wrong with a list; `source` gives the text of a file.
pub fn complaints(
    mistakes: &[Mistake],
    fewest: usize,
    source: impl Fn(&str) -> Option<String>,
) -> Vec<String> {
    let mut found = Vec::new();
    if mistakes.len() < fewest {
        found.push(format!("{} mistakes are too few, {fewest} are wanted", mistakes.len()));
    }
    let mut names = BTreeSet::new();
    for mistake in mistakes {
        let mut say = |what: &str| found.push(format!("{}: {what}", mistake.name));
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if mistake.name.is_empty() || !mistake.name.chars().all(plain) {
            say("a name is of small letters, digits and underscores");
        }
        if !names.insert(mistake.name.as_str()) {
            say("the name is there twice");
        }
        if mistake.why.trim().is_empty() {
            say("it does not say why it matters");
        }
        if mistake.fails.is_empty() {
            say("it names no test that must fail");
        }
        match source(&mistake.file) {
            Some(text) => place(mistake, &text).into_iter().for_each(&mut say),
            None => say(&format!("there is no file {}", mistake.file)),
        }
    }
    found
}

/// What is wrong with the place where a mistake is planted.
fn place(mistake: &Mistake, text: &str) -> Option<&'static str> {
    if !mistake.file.starts_with("src/") {
        return Some("only the simulator itself can be wrong, not its tests: name a file of src/");
    }
    if mistake.replace == mistake.with {
        return Some("it changes nothing");
    }
    match text.matches(mistake.replace.as_str()).count() {
        0 => Some("the text to replace is not in the file"),
        1 => None,
        _ => Some("the text to replace is in the file more than once"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(change: impl FnOnce(&mut Mistake)) -> Mistake {
        let mut mistake = Mistake {
            name: "keys_live_on".to_owned(),
            why: "a client that never asks for a new key would pass".to_owned(),
            file: "src/accounts.rs".to_owned(),
            replace: "keys.clear();".to_owned(),
            with: String::new(),
            fails: vec![TestName { binary: "lib".to_owned(), path: "accounts::tests::keys_die".to_owned() }],
        };
        change(&mut mistake);
        mistake
    }

    fn complaints_of(mistakes: &[Mistake]) -> Vec<String> {
        complaints(mistakes, 1, |file| {
            (file == "src/accounts.rs").then(|| "keys.clear(); other(); other();".to_owned())
        })
    }

    #[test]
    fn a_good_list_is_taken_and_each_flaw_is_named() {
        assert_eq!(complaints_of(&[mistake(|_| {})]), Vec::<String>::new());
        type Flaw = fn(&mut Mistake);
        let flaws: [(Flaw, &str); 8] = [
            (|m| m.name = "Keys".to_owned(), "small letters"),
            (|m| m.why = " ".to_owned(), "why it matters"),
            (|m| m.fails.clear(), "no test"),
            (|m| m.file = "src/nothing.rs".to_owned(), "no file src/nothing.rs"),
            (|m| m.with.clone_from(&m.replace), "changes nothing"),
            (|m| m.replace = "absent".to_owned(), "not in the file"),
            (|m| m.replace = "other();".to_owned(), "more than once"),
            (|m| m.file = "tests/x.rs".to_owned(), "no file tests/x.rs"),
        ];
        for (flaw, expected) in flaws {
            let found = complaints_of(&[mistake(flaw)]);
            assert!(found.iter().any(|complaint| complaint.contains(expected)), "{expected}: {found:?}");
        }
        let twice = complaints_of(&[mistake(|_| {}), mistake(|_| {})]);
        assert_eq!(twice, ["keys_live_on: the name is there twice"]);
        assert_eq!(complaints_of(&[]), ["0 mistakes are too few, 1 are wanted"]);
        let in_tests = complaints(&[mistake(|m| m.file = "tests/x.rs".to_owned())], 1, |_| {
            Some("keys.clear();".to_owned())
        });
        assert!(in_tests[0].contains("not its tests"), "{in_tests:?}");
    }

    #[test]
    fn a_list_is_read_as_people_write_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mistakes.yaml");
        let entry =
            "- name: keys_live_on\n  why: w\n  file: src/a.rs\n  replace: |-\n    a\n      b\n  with: \"\"\n";
        std::fs::write(&path, format!("{entry}  fails: [\"lib::accounts::tests::keys_die\"]\n")).unwrap();
        let list = read(&path).unwrap();
        assert_eq!((list[0].replace.as_str(), list[0].with.as_str()), ("a\n  b", ""));
        assert_eq!(list[0].fails[0].to_string(), "lib::accounts::tests::keys_die");
        for bad in ["  fails: [nonsense]\n", "  fails: []\n  more: 1\n", "  fail: []\n"] {
            std::fs::write(&path, format!("{entry}{bad}")).unwrap();
            assert!(read(&path).is_err(), "{bad}");
        }
    }
}
