//! The flags of `sallyport policy-sync`.

use std::path::PathBuf;

use jiff::SignedDuration;
use sallyport_contract::keys;
use sallyport_process::{args::ProcessArgs, lease::LeaseArgs};

/// Makes the firewalls agree with the identities, and opens the pods' gates.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// What every program is told.
    #[command(flatten)]
    pub process: ProcessArgs,
    /// Which of several replicas works.
    #[command(flatten)]
    pub lease: LeaseArgs,
    /// The namespace of the Lease.
    #[arg(long, env = "SALLYPORT_NAMESPACE", default_value = keys::SYSTEM_NAMESPACE)]
    pub namespace: String,
    /// Between two questions about a commit job, like 2s or 500ms. PAN-OS slows down below two seconds.
    #[arg(long, env = "SALLYPORT_JOB_POLL", default_value = "2s", value_parser = length)]
    pub job_poll: SignedDuration,
    /// Between two full passes over a firewall while nothing changes.
    #[arg(long, env = "SALLYPORT_RESYNC", default_value = "60s", value_parser = length)]
    pub resync: SignedDuration,
    /// Where the journey of each pod goes as a trace, by OTLP over HTTP in JSON: the address of a collector, like
    /// http://collector.observability:4318. Without it there are no traces.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,
    /// Gets a JSON object with the health endpoint's address once everything listens.
    #[arg(long)]
    pub ready_file: Option<PathBuf>,
}

fn length(text: &str) -> Result<SignedDuration, String> {
    let length: SignedDuration = text.parse().map_err(|error: jiff::Error| error.to_string())?;
    if length.is_positive() { Ok(length) } else { Err("must be longer than nothing".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::length;

    #[test]
    fn lengths_have_units_and_are_positive() {
        assert_eq!(length("2s").map(|length| length.as_millis()), Ok(2000));
        assert_eq!(length("250ms").map(|length| length.as_millis()), Ok(250));
        assert!(length("0s").is_err() && length("-1s").is_err() && length("2").is_err());
    }
}
