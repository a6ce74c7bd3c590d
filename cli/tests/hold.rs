//! `sallyport hold` as a container runs it: it ends when the file says something, and at once when it is told to stop.
#![cfg(test)]

mod support;

use std::{fs, process::Stdio, time::Duration};

use support::{err, sallyport};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

const GENEROUS: Duration = Duration::from_secs(60);

/// Starts it on a file, and waits until it says that it waits.
async fn waiting(file: &std::path::Path) -> Child {
    let mut command = sallyport("hold", &["--file", &file.display().to_string()]);
    let mut child = command.stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = timeout(GENEROUS, lines.next_line()).await.unwrap().unwrap().unwrap();
    assert!(first.starts_with("sallyport hold: waits, 0 h so far, for the pod's gate "), "{first}");
    child
}

#[tokio::test]
async fn law_2_it_ends_well_when_the_file_says_something() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("proven");
    let mut child = waiting(&file).await;
    assert_eq!(child.try_wait().unwrap(), None);
    fs::write(&file, "Enforced 2026-11-22T07:00:00Z").unwrap();
    assert!(timeout(GENEROUS, child.wait()).await.unwrap().unwrap().success());
}

#[tokio::test]
async fn it_ends_at_once_when_it_is_told_to_and_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = waiting(&folder.path().join("proven")).await;
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
    assert_eq!(timeout(GENEROUS, child.wait()).await.unwrap().unwrap().code(), Some(1));
}

#[tokio::test]
async fn a_deadline_ends_it_without_proof() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("proven").display().to_string();
    let done = sallyport("hold", &["--file", &file, "--deadline", "1s"]).output().await.unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert!(err(&done).contains("the deadline is over; nothing was started"), "{}", err(&done));
}
