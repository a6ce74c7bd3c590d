//! Links lead somewhere, fenced blocks say what they are, and paths that pages name exist.
#![cfg(test)]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Component, Path, PathBuf},
};

use tidy::{Source, pages, repository, sources};

/// Languages whose blocks hold commands, and so say who can run them.
const SHELLS: [&str; 4] = ["sh", "bash", "shell", "console"];
/// Who can: this repository alone; or a cluster, an AWS account, a device that no test has.
const MARKS: [&str; 4] = ["repository", "cluster", "aws", "device"];

/// A line of a page, counted from one.
type Line<'a> = (usize, &'a str);

/// A page's lines outside of fenced blocks, and the info strings of the blocks.
fn parts(text: &str) -> (Vec<Line<'_>>, Vec<Line<'_>>) {
    let (mut prose, mut fences) = (Vec::new(), Vec::new());
    let mut inside = false;
    for (n, line) in text.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), inside) {
            (Some(info), false) => {
                fences.push((n + 1, info.trim()));
                inside = true;
            }
            (Some(_), true) => inside = false,
            (None, true) => {}
            (None, false) => prose.push((n + 1, line)),
        }
    }
    (prose, fences)
}

/// The anchors of a page, as GitHub makes them of its headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let headings = parts(text).0.into_iter().filter(|(_, line)| line.starts_with('#'));
    headings
        .map(|(_, line)| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
            let again = seen.entry(anchor.clone()).or_insert(0);
            *again += 1;
            if *again == 1 { anchor } else { format!("{anchor}-{}", *again - 1) }
        })
        .collect()
}

/// Where a page's links go, with their lines. What stands in code is no link.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (n, line) in parts(text).0 {
        let outside: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`code`");
        for rest in outside.split("](").skip(1) {
            found.push((n, rest.split_once(')').map_or(rest, |(target, _)| target).trim().to_owned()));
        }
    }
    found
}

/// Takes `..` out of a path that need not exist.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut sum, part| {
        match part {
            Component::ParentDir => drop(sum.pop()),
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => sum.push(part),
        }
        sum
    })
}

/// What is wrong with the links of a page; `exists` tells what there is in the repository.
fn broken(
    page: &Source,
    all: &BTreeMap<String, BTreeSet<String>>,
    exists: &dyn Fn(&Path) -> bool,
) -> Vec<String> {
    let mut wrong = Vec::new();
    for (line, target) in links(&page.text) {
        if target.starts_with("https://") || target.starts_with("http://127.0.0.1") {
            continue;
        }
        let (path, anchor) =
            target.split_once('#').map_or((target.as_str(), None), |(path, anchor)| (path, Some(anchor)));
        let folder = Path::new(&page.path).parent().unwrap();
        let to = if path.is_empty() { PathBuf::from(&page.path) } else { plain(&folder.join(path)) };
        let name = to.display().to_string();
        let known = match anchor {
            None => exists(&to),
            Some(anchor) => all.get(&name).is_some_and(|anchors| anchors.contains(anchor)),
        };
        if !known {
            wrong.push(format!("{}:{line}: {target} leads nowhere", page.path));
        }
    }
    wrong
}

/// What is wrong with a page's fenced blocks.
fn unmarked(page: &Source, test_exists: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut wrong = Vec::new();
    for (line, info) in parts(&page.text).1 {
        let mut words = info.split_whitespace();
        let place = format!("{}:{line}", page.path);
        let (language, mark) = (words.next(), words.next());
        match (language, mark) {
            (None, _) => wrong.push(format!("{place}: a fence says what it holds: ```text, ```yaml, or ```sh with a mark")),
            (Some(language), mark) if SHELLS.contains(&language) => match mark {
                Some(mark) if MARKS.contains(&mark) => {}
                Some(mark) if mark.strip_prefix("tested=").is_some_and(test_exists) => {}
                _ => wrong.push(format!(
                    "{place}: commands say who runs them: ```{language} {} or tested=TEST, a test that exists",
                    MARKS.join(" | ")
                )),
            },
            (Some(_), _) => {}
        }
    }
    wrong
}

/// Files of the repository that a page names in code, and that do not exist.
fn lost(page: &Source, exists: &dyn Fn(&Path) -> bool) -> Vec<String> {
    let folder = Path::new(&page.path).parent().unwrap();
    let apart = |c: char| c.is_whitespace() || "`'\"(),;:<>|=".contains(c);
    let words = page.text.split(apart).map(|word| word.trim_end_matches('.'));
    let ours =
        words.filter(|word| ["manifests/", "docs/", "tests/"].iter().any(|folder| word.starts_with(folder)));
    // A pattern, a placeholder or a link's anchor is no path.
    let paths = ours.filter(|word| !word.contains(['*', '{', '#', '…', '[']) && !word.ends_with('-'));
    paths
        .filter(|path| !exists(Path::new(path)) && !exists(&folder.join(path)))
        .map(|path| format!("{}: {path} does not exist", page.path))
        .collect()
}

fn known_pages(pages: &[Source]) -> BTreeMap<String, BTreeSet<String>> {
    pages.iter().map(|page| (page.path.clone(), anchors(&page.text))).collect()
}

fn all_pages() -> Vec<Source> {
    let all = pages();
    assert!(all.len() > 25, "only {} pages", all.len());
    all
}

fn complain(rule: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{rule}:\n  {}", wrong.join("\n  "));
}

#[test]
fn links_lead_somewhere() {
    let all = all_pages();
    let (known, root) = (known_pages(&all), repository());
    let wrong: Vec<String> =
        all.iter().flat_map(|page| broken(page, &known, &|path| root.join(path).exists())).collect();
    complain("links lead to pages, headings and files that exist", &wrong);
}

#[test]
fn commands_say_who_runs_them() {
    let sources = sources(".");
    let exists = |name: &str| {
        let (system, unit) = (format!("\"{name}\""), format!("fn {name}("));
        sources.iter().any(|source| source.text.contains(&system) || source.text.contains(&unit))
    };
    let wrong: Vec<String> = all_pages().iter().flat_map(|page| unmarked(page, &exists)).collect();
    complain("fenced blocks say what they are (docs/CONTRIBUTING.md)", &wrong);
}

#[test]
fn paths_that_pages_name_exist() {
    let root = repository();
    // What was called so in a former version is history.
    let pages = all_pages().into_iter().filter(|page| page.path != "CHANGELOG.md");
    let wrong: Vec<String> = pages.flat_map(|page| lost(&page, &|path| root.join(path).exists())).collect();
    complain("pages name files that exist", &wrong);
}

#[test]
fn the_index_knows_every_page() {
    let index = pages().into_iter().find(|page| page.path == "docs/README.md").unwrap();
    let linked: BTreeSet<String> = links(&index.text).into_iter().map(|(_, target)| target).collect();
    let missing: Vec<String> = all_pages()
        .into_iter()
        .filter_map(|page| page.path.strip_prefix("docs/").map(ToOwned::to_owned))
        .filter(|name| name != "README.md" && !name.contains('/') && !linked.contains(name))
        .collect();
    complain("docs/README.md names every page", &missing);
}

#[test]
fn planted_mistakes_are_found() {
    let text = "# A page\n\n## What it's *for*\n\n## Twice\n\n## Twice\n\n[a](B.md) [b](B.md#there) [c](#what-its-for) [d](#twice-1) [e](../x/)\n\
        `[code](nowhere.md)`\n```text\n[fence](nowhere.md)\n```\n\
        [f](C.md) [g](B.md#gone) [h](#gone) [i](../y)\n\
        ```\nmake it\n```\n```sh\nmake it\n```\n```sh tested=nobody\n```\n```sh cluster\n```\n```sh tested=somebody\n```\n```yaml\n```\n`docs/C.md` `docs/B.md` `docs/*.md`\n";
    let page = Source { path: "docs/A.md".into(), text: text.into() };
    let other = Source { path: "docs/B.md".into(), text: "# There\n".into() };
    let exists = |path: &Path| ["docs/B.md", "x"].contains(&path.display().to_string().as_str());
    let known = known_pages(&[page, other]);
    let page = Source { path: "docs/A.md".into(), text: text.into() };
    let found = broken(&page, &known, &exists);
    let targets: Vec<&str> = found.iter().filter_map(|wrong| wrong.split(' ').nth(1)).collect();
    assert_eq!(targets, ["C.md", "B.md#gone", "#gone", "../y"], "{found:?}");
    assert_eq!(unmarked(&page, &|name| name == "somebody").len(), 3);
    assert_eq!(lost(&page, &exists), ["docs/A.md: docs/C.md does not exist"]);
}
