//! What the programs export, and what Prometheus makes of it by the shipped rules.

use std::{collections::BTreeMap, collections::BTreeSet, fmt::Write as _, path::PathBuf};

use anyhow::{Context as _, Result, ensure};
use ground::{Ground, repository};
use tokio::process::Command;

/// Series with their values, as the programs that answer export them at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Scrape(BTreeMap<String, f64>);

/// `promtool`, which evaluates rules over series as Prometheus does.
pub(super) struct Prometheus {
    promtool: PathBuf,
    file: PathBuf,
    rules: String,
}

impl Prometheus {
    pub(super) async fn new(folder: &std::path::Path) -> Result<Self> {
        let (promtool, rules) = (ground::tool("promtool").await?, std::fs::read_to_string(rules())?);
        Ok(Self { promtool, file: folder.join("alert.yaml"), rules })
    }

    /// Asks every program. One that is gone exports nothing.
    pub(super) async fn scrape(&self, ground: &Ground) -> Result<Scrape> {
        let mut series = BTreeMap::new();
        for program in ["cert-agent", "policy-sync", "webhook"] {
            let metrics = format!("{}/metrics", ground.health(program)?);
            let Ok(answer) = reqwest::get(metrics).await else { continue };
            for line in answer.text().await?.lines().filter(|line| !line.starts_with('#')) {
                let (name, value) = line.rsplit_once(' ').context("a line without a value")?;
                let metric = name.split('{').next().unwrap_or(name);
                // What no rule reads would only make Prometheus' work longer.
                if self.rules.contains(metric) {
                    series.insert(name.to_owned(), value.parse()?);
                }
            }
        }
        Ok(Scrape(series))
    }

    /// The names of all alerts.
    pub(super) fn alerts(&self) -> BTreeSet<String> {
        let lines = self.rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
        lines.map(str::to_owned).collect()
    }

    /// Whether the alert fires an hour and a half from now, if gauges stay as they are now, and counters go on as they went
    /// from `before` to `now`, in one minute.
    pub(super) async fn fires(&self, alert: &str, before: &Scrape, now: &Scrape) -> Result<bool> {
        ensure!(self.alerts().contains(alert), "there is no alert {alert}");
        let mut said = String::new();
        for (fires, value) in [(true, 1), (false, 0)] {
            std::fs::write(&self.file, test(alert, before, now, value)?)?;
            let done = Command::new(&self.promtool).args(["test", "rules"]).arg(&self.file).output().await?;
            if done.status.success() {
                return Ok(fires);
            }
            said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        }
        anyhow::bail!("promtool knows no answer: {said}")
    }
}

/// A test for promtool: the alert fires, or does not.
fn test(alert: &str, before: &Scrape, now: &Scrape, value: u8) -> Result<String> {
    let time = clock().as_second();
    let mut series = String::new();
    for (name, value) in &now.0 {
        let values = if name.split('{').next().is_some_and(|metric| metric.ends_with("_total")) {
            // A program that began anew meanwhile counts from zero.
            let first = before.0.get(name).copied().filter(|first| first <= value).unwrap_or_default();
            format!("{first}+{}x100", value - first)
        } else {
            format!("{value}x100")
        };
        writeln!(series, "  - {{series: '{name}', values: '{values}'}}")?;
    }
    Ok(format!(
        "rule_files: ['{}']\nevaluation_interval: 1m\ntests:\n- interval: 1m\n  start_timestamp: {time}\n  input_series:\n\
         {series}  promql_expr_test:\n  - eval_time: 90m\n    \
         expr: (count(ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"}}) or vector(0)) > bool 0\n    \
         exp_samples: [{{labels: '{{}}', value: {value}}}]\n",
        rules().display()
    ))
}

#[expect(clippy::disallowed_methods, reason = "the programs' timestamps are by this machine's clock")]
pub(super) fn clock() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

fn rules() -> PathBuf {
    repository().join("manifests/monitoring/rules.yaml")
}
