//! The commands of `docs/AWS.md`, in their order, by AWS's own command line against moto: what a reader types works as far as a
//! stand-in can tell.
#![cfg(test)]

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use pca_sim::moto;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The blocks of code with this word behind their fence.
fn blocks(text: &str, kind: &str) -> String {
    let mut found = String::new();
    let mut inside = false;
    for line in text.lines() {
        match line.strip_prefix("```") {
            Some(word) => inside = word == kind,
            None if inside => {
                found.push_str(line);
                found.push('\n');
            }
            None => {}
        }
    }
    found
}

/// Runs a script in a folder that has the repository's manifests; what it wrote.
fn run(script: &str, endpoint: &str, folder: &Path) -> String {
    let programs = moto::default_venv_dir().join("python/bin").canonicalize().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .args(["-euxo", "pipefail", "-c", script])
        .current_dir(folder)
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder)
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[tokio::test]
async fn from_an_account_to_a_certificate_as_the_page_says() {
    let moto = moto::start(&moto::default_venv_dir()).await.unwrap();
    let text = std::fs::read_to_string(repository().join("docs/AWS.md")).unwrap();
    let script = blocks(&text, "sh tested=from_an_account_to_a_certificate_as_the_page_says");
    for step in ["create-certificate-authority", "create-role", "put-role-policy", "issue-certificate"] {
        assert!(script.contains(step), "{step}");
    }
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(repository().join("manifests"), folder.path().join("manifests")).unwrap();
    let said = run(&script, &moto.endpoint, folder.path());
    assert!(said.contains("ACTIVE"), "{said}");
    assert!(said.contains("try.pem: OK"), "{said}");
    for file in ["issue.json", "trust.json", "certificate-authority.yaml"] {
        let filled = std::fs::read_to_string(folder.path().join(file)).unwrap();
        let left: BTreeSet<&str> = placeholders(&filled);
        assert!(left.is_empty(), "{file}: {left:?}");
    }
}

/// Words in capitals with a hyphen, which the reader is to fill in.
fn placeholders(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_uppercase() && c != '-');
    words.filter(|word| word.contains('-') && word.len() > 4 && !word.starts_with('-')).collect()
}
