//! The figures: printed as they come, written at the end.

use std::{collections::BTreeMap, io::Write as _};

use anyhow::Result;
use serde_json::{Value, json};

/// Figures by name: `admission.in_process_p50_us`.
#[derive(Default)]
pub(crate) struct Report(BTreeMap<String, f64>);

/// Prints one line.
pub(crate) fn line(text: &str) {
    let mut out = std::io::stdout();
    // A closed pipe ends the reading, not the measuring.
    drop(writeln!(out, "{text}").and_then(|()| out.flush()));
}

impl Report {
    /// Notes a figure.
    pub(crate) fn note(&mut self, name: impl Into<String>, value: f64) {
        let name = name.into();
        line(&format!("{name:34} {value:10.2}"));
        self.0.insert(name, value);
    }

    /// Writes `target/bench/report.json`; figures of others that stand there stay.
    pub(crate) fn write(&self) -> Result<()> {
        let folder = ground::target()?.join("bench");
        std::fs::create_dir_all(&folder)?;
        let file = folder.join("report.json");
        let mut all: BTreeMap<String, Value> = match std::fs::read_to_string(&file) {
            Ok(text) => serde_json::from_str(&text)?,
            Err(_) => BTreeMap::new(),
        };
        let rounded = |value: f64| json!((value * 100.0).round() / 100.0);
        all.extend(self.0.iter().map(|(name, value)| (name.clone(), rounded(*value))));
        std::fs::write(&file, serde_json::to_string_pretty(&all)?)?;
        line(&format!("written to {}", file.display()));
        Ok(())
    }
}

/// The value below which a share of the sorted samples lies.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let index = (share * (sorted.len().saturating_sub(1)) as f64).round() as usize;
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

/// A count as a figure.
#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
pub(crate) const fn float(count: usize) -> f64 {
    count as f64
}
