//! What the pages say of the command line: the reference is what it is, and each command that a page shows would be understood.
#![cfg(test)]

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::error::ErrorKind;
use support::{out, sallyport};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The pages that people read, with their names.
fn pages() -> Vec<(String, String)> {
    let folder = fs::read_dir(repository().join("docs")).unwrap();
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    files.push(repository().join("README.md"));
    files.retain(|file| file.extension().is_some_and(|extension| extension == "md"));
    assert!(files.len() > 20, "{files:?}");
    files.iter().map(|file| (file.display().to_string(), fs::read_to_string(file).unwrap())).collect()
}

/// What the description of an App-ID begins with looks like a command.
const MARK: &str = "sallyport prod-eu-1";

/// The words of a line of shell up to a comment, a pipe or a redirection; quotes hold words together.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in line.chars() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None, '#' | '|' | '>' | '<' | ';' | '&' | ')') => break,
            (None, c) if c.is_whitespace() => words.push(std::mem::take(&mut word)),
            (_, c) => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// Each command of ours on a page: lines and parts of lines in fenced blocks, and what stands in code.
fn commands(page: &str) -> Vec<Vec<String>> {
    let (mut found, mut shell, mut inside) = (Vec::new(), false, false);
    for line in page.lines() {
        if let Some(info) = line.trim_start().strip_prefix("```") {
            inside = !inside;
            shell = inside && (info.starts_with("sh ") || info.starts_with("console "));
            continue;
        }
        let parts: Vec<&str> = match (inside, shell) {
            (true, true) => line.split("| ").collect(),
            (true, false) => continue,
            (false, _) => line.split('`').skip(1).step_by(2).collect(),
        };
        let ours = parts.iter().map(|part| part.trim_start_matches("$ ").trim_start());
        let ours = ours.filter(|part| part.starts_with("sallyport ") && !part.contains('…') && *part != MARK);
        found.extend(ours.map(words).filter(|words| words.len() > 1));
    }
    found
}

#[test]
fn commands_that_pages_show_are_understood() {
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for (page, text) in pages() {
        for command in commands(&text) {
            seen += 1;
            let read = sallyport_cli::command().try_get_matches_from(&command);
            let Err(told) = read else { continue };
            // A page may name a command without what it needs.
            let named =
                [ErrorKind::DisplayHelp, ErrorKind::DisplayVersion, ErrorKind::MissingRequiredArgument];
            let alone = told.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
            if !named.contains(&told.kind()) && !alone {
                wrong.push(format!(
                    "{page}: {}\n    {}",
                    command.join(" "),
                    told.to_string().lines().next().unwrap_or_default()
                ));
            }
        }
    }
    assert!(seen > 40, "only {seen} commands were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_planted_mistake_is_found() {
    let page = "`sallyport chekc x` and\n```sh cluster\nsallyport status --namespaces shop   # one screen\ncat x | sallyport check -\n```\n```text\nsallyport nonsense\n```\n";
    let found = commands(page);
    assert_eq!(found.len(), 3, "{found:?}");
    let fails = |command: &Vec<String>| sallyport_cli::command().try_get_matches_from(command).is_err();
    assert_eq!(found.iter().map(fails).collect::<Vec<_>>(), [true, true, false]);
}

#[tokio::test]
async fn the_reference_is_what_the_program_says() {
    for (page, file) in [("api", "docs/API.md"), ("cli", "docs/CLI.md")] {
        let said = out(&sallyport("reference", &[page]).output().await.unwrap());
        let stored = fs::read_to_string(repository().join(file)).unwrap();
        assert!(said == stored, "{file} is stale: run `make manifests`");
    }
}
