//! The command line itself: as kubectl's plugin, with completion and manual pages, and bounded whatever it is given to read.
#![cfg(test)]

mod support;

use std::{fs, os::unix::fs::symlink, process::Stdio};

use support::{err, out, sallyport};
use tokio::{io::AsyncWriteExt as _, process::Command};

#[tokio::test]
async fn as_a_plugin_of_kubectl_it_is_called_so() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = folder.path().join("kubectl-sallyport");
    symlink(env!("CARGO_BIN_EXE_sallyport"), &plugin).unwrap();
    let told = Command::new(&plugin).args(["check", "--help"]).output().await.unwrap();
    assert!(out(&told).contains("Usage: kubectl sallyport check "), "{}", out(&told));
    let wrong = Command::new(&plugin).arg("chekc").output().await.unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        err(&wrong).contains("Usage: kubectl sallyport ") && err(&wrong).contains("'check'"),
        "{}",
        err(&wrong)
    );
    let plain = sallyport("check", &["--help"]).output().await.unwrap();
    assert!(out(&plain).contains("Usage: sallyport check "), "{}", out(&plain));
}

#[tokio::test]
async fn shells_complete_it() {
    for (shell, mark) in
        [("bash", "complete -F _sallyport"), ("zsh", "#compdef sallyport"), ("fish", "complete -c sallyport")]
    {
        let script = out(&sallyport("completion", &[shell]).output().await.unwrap());
        assert!(script.contains(mark), "{shell}");
        for word in ["check", "plan", "status", "explain", "from-cluster"] {
            assert!(script.contains(word), "{shell} does not complete {word}");
        }
    }
    let bash = out(&sallyport("completion", &["bash"]).output().await.unwrap());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("completion.bash");
    fs::write(&file, bash).unwrap();
    let line = format!(
        "source {}; COMP_WORDS=(sallyport check --out); COMP_CWORD=2; _sallyport sallyport --out check; echo ${{COMPREPLY[*]}}",
        file.display()
    );
    let done = Command::new("bash").args(["-c", &line]).output().await.unwrap();
    assert_eq!(out(&done).trim(), "--output", "{}", err(&done));
}

#[tokio::test]
async fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().display().to_string();
    let done = sallyport("man", &["--out", &to]).output().await.unwrap();
    assert!(done.status.success(), "{}", err(&done));
    for page in
        ["sallyport", "sallyport-check", "sallyport-plan", "sallyport-status", "sallyport-firewall-diff"]
    {
        let text = fs::read_to_string(folder.path().join(format!("{page}.1"))).unwrap();
        assert!(text.contains(".SH NAME") && text.contains(".SH SYNOPSIS"), "{page}");
    }
    let first = out(&sallyport("man", &[]).output().await.unwrap());
    assert!(first.contains(".TH sallyport 1") && first.contains("check"), "{first}");
}

/// A program that may not take more memory than this, in KiB; half of it are the stacks of its threads.
const MEMORY: u32 = 1_048_576;

async fn check_within(memory: u32, text: &str) -> (Option<i32>, String) {
    let line =
        format!("ulimit -v {memory}; exec {} check --enabled default -", env!("CARGO_BIN_EXE_sallyport"));
    let mut child = Command::new("bash")
        .args(["-c", &line])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(text.as_bytes()).await.unwrap();
    drop(pipe);
    let done = child.wait_with_output().await.unwrap();
    (done.status.code(), format!("{}{}", out(&done), err(&done)))
}

/// Ten aliases of ten aliases of ten …: a few lines that would be `10^depth` texts.
fn laughs(depth: usize) -> String {
    let mut text = "l0: &l0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..depth {
        let aliases = vec![format!("*l{}", level - 1); 10].join(", ");
        text.push_str(&format!("l{level}: &l{level} [{aliases}]\n"));
    }
    text
}

#[tokio::test]
async fn law_13_no_manifest_takes_more_memory_than_there_is() {
    let deep = format!("x: {}{}\n", "[".repeat(100_000), "]".repeat(100_000));
    let nested: String = (0..5000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    let anchors: String = (0..60_000).map(|n| format!("a{n}: &a{n} x\n")).collect();
    let long = format!("x: \"{}\"\n", "y".repeat(4 * 1024 * 1024));
    for (what, text) in [
        ("a billion laughs", laughs(10)),
        ("brackets", deep),
        ("levels", nested),
        ("anchors", anchors),
        ("a long text", long),
        ("a tag", "x: !!binary |\n  zz\n".to_owned()),
    ] {
        let good = "\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: []}\n";
        let (code, told) = check_within(MEMORY, &format!("{text}{good}")).await;
        assert_eq!(code, Some(1), "{what}: {told}");
        assert!(told.contains("no policy holds it"), "{what}: the rest is judged: {told}");
        assert!(told.len() < 4000, "{what}: {} bytes of words", told.len());
    }
    let (code, told) = check_within(MEMORY, &laughs(2)).await;
    assert!(
        code == Some(2) && told.contains("apiVersion or kind is missing"),
        "ten of ten are no mischief: {told}"
    );
    let (code, told) = check_within(MEMORY, "b: &b {x: 1}\nm: {<<: *b}\n").await;
    assert!(code == Some(2) && told.contains("apiVersion or kind is missing"), "{told}");
}
