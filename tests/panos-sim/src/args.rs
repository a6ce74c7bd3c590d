//! Command-line arguments, and the options that they mean.

use clap::Parser;
use panos_sim::{Accounts, Flow, Options, Quirks, TlsOptions};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

/// A PAN-OS firewall to test against.
#[derive(Debug, Parser)]
#[command(name = "panos-sim", version)]
pub(crate) struct Args {
    /// Address of the XML API (HTTPS); port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Address of the control endpoint (plain HTTP, for tests)
    #[arg(long, default_value = "127.0.0.1:0")]
    control: SocketAddr,
    /// A data plane listener: upstream=HOST:PORT[,listen=ADDR][,from=ZONE][,to=ZONE][,source=IP][,destination=IP][,port=N]
    #[arg(long, value_name = "FLOW")]
    data_plane: Vec<Flow>,
    /// Where to write the certificate that clients need to trust (PEM)
    #[arg(long, value_name = "FILE")]
    ca_out: Option<PathBuf>,
    /// Administrators, one user:password on each line; admin:admin if not given
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// The first configuration (XML); a small built-in one if not given
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The virtual system whose policy is enforced
    #[arg(long, default_value = "vsys1")]
    vsys: String,
    /// How long a commit lasts, e.g. 2s or 500ms
    #[arg(long, default_value = "2s", value_parser = duration)]
    commit_time: Duration,
    /// The PAN-OS version to report
    #[arg(long, default_value = "11.1.6")]
    sw_version: String,
    /// Appends each request as a JSON line
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Gets a JSON object with the addresses once everything listens
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// Answers to open questions, as JSON, e.g. {"anchors":"ignored"}
    #[arg(long, value_name = "JSON", value_parser = quirks)]
    quirks: Option<Quirks>,
    /// A name or address of the certificate, instead of localhost and 127.0.0.1 (repeatable)
    #[arg(long, value_name = "NAME")]
    tls_san: Vec<String>,
    /// Present a certificate that signs itself
    #[arg(long)]
    self_signed: bool,
}

/// Why the arguments make no device.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArgsError {
    #[error("cannot read {path}")]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{path}, line {line}: user:password is expected")]
    Users { path: PathBuf, line: usize },
}

impl Args {
    /// The options, and where the trusted certificate goes.
    pub(crate) fn into_options(self) -> Result<(Options, Option<PathBuf>), ArgsError> {
        let accounts = match &self.users {
            Some(path) => {
                Accounts::parse(&text(path)?).map_err(|line| ArgsError::Users { path: path.clone(), line })?
            }
            None => Accounts::default(),
        };
        let options = Options {
            listen: self.listen,
            control: self.control,
            data_plane: self.data_plane,
            accounts,
            config: self.config.as_deref().map(text).transpose()?,
            vsys: self.vsys,
            commit_time: self.commit_time,
            sw_version: self.sw_version,
            log_file: self.log,
            quirks: self.quirks.unwrap_or_default(),
            tls: TlsOptions { sans: self.tls_san, self_signed: self.self_signed },
        };
        Ok((options, self.ca_out))
    }
}

fn text(path: &Path) -> Result<String, ArgsError> {
    std::fs::read_to_string(path).map_err(|source| ArgsError::Read { path: path.to_owned(), source })
}

fn quirks(text: &str) -> Result<Quirks, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn duration(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let number: u64 = number.parse().map_err(|_| format!("'{text}' is not a duration like 2s or 500ms"))?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" | "" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number.saturating_mul(60))),
        other => Err(format!("'{other}' is not one of ms, s, m")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(duration("3"), Ok(Duration::from_secs(3)));
        assert_eq!(duration("1m"), Ok(Duration::from_secs(60)));
        assert!(duration("soon").is_err());
        assert!(duration("1h").is_err());
    }

    #[test]
    fn arguments_make_options() {
        let args = Args::parse_from([
            "panos-sim",
            "--data-plane",
            "upstream=127.0.0.1:1",
            "--quirks",
            r#"{"anchors":"never_hold"}"#,
            "--commit-time",
            "10ms",
        ]);
        let (options, ca_out) = args.into_options().unwrap();
        assert_eq!((options.data_plane.len(), ca_out), (1, None));
        assert_eq!(options.quirks.anchors, panos_sim::Anchors::NeverHold);
    }
}
