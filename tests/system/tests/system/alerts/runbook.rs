//! docs/ALERTS.md, read as the person who is called reads it.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use ground::{Ground, built, repository};
use tokio::process::Command;

/// The document, and where its commands are typed.
pub(super) struct Runbook {
    text: String,
    path: String,
    kubeconfig: PathBuf,
}

/// What one alert's section says.
pub(super) struct Section {
    pub(super) text: String,
    path: String,
    kubeconfig: PathBuf,
}

impl Runbook {
    pub(super) fn new(ground: &Ground) -> Result<Self> {
        let kubectl = &ground.cluster.kubectl;
        let folders = [built("sallyport")?, kubectl.program.clone()];
        let folders = folders.iter().filter_map(|program| program.parent());
        let usual = std::env::var("PATH").unwrap_or_default();
        let path =
            folders.map(|folder| folder.display().to_string()).chain([usual]).collect::<Vec<_>>().join(":");
        let text = std::fs::read_to_string(repository().join("docs/ALERTS.md"))?;
        Ok(Self { text, path, kubeconfig: kubectl.kubeconfig.clone() })
    }

    pub(super) fn section(&self, alert: &str) -> Result<Section> {
        let (_, rest) =
            self.text.split_once(&format!("\n## {alert}\n")).with_context(|| format!("no {alert}"))?;
        let text = rest.split("\n## ").next().unwrap_or(rest).to_owned();
        Ok(Section { text, path: self.path.clone(), kubeconfig: self.kubeconfig.clone() })
    }
}

impl Section {
    /// The command that begins so, with its placeholders filled in.
    pub(super) fn command(&self, begins: &str, filled: &[(&str, &str)]) -> Result<String> {
        let mut spans = self
            .text
            .split('`')
            .skip(1)
            .step_by(2)
            .map(|span| span.split_whitespace().collect::<Vec<_>>().join(" "));
        let command = spans.find(|span| span.starts_with(begins));
        let command = command.with_context(|| format!("no command {begins} in: {}", self.text))?;
        let words = command.split(' ').map(|word| {
            filled.iter().fold(word.to_owned(), |word, (placeholder, value)| word.replace(placeholder, value))
        });
        let command = words.collect::<Vec<_>>().join(" ");
        let left = command.split(|c: char| !c.is_ascii_uppercase()).find(|word| word.len() > 3);
        ensure!(left.is_none(), "what is {left:?} in {command}?");
        Ok(command)
    }

    /// What the command says.
    pub(super) async fn typed(&self, command: &str) -> Result<String> {
        let done = Command::new("sh")
            .args(["-c", command])
            .env("PATH", &self.path)
            .env("KUBECONFIG", &self.kubeconfig)
            .kill_on_drop(true)
            .output()
            .await?;
        Ok(String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned())
    }
}
