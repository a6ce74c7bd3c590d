//! Command-line arguments, and the options that they mean.

use clap::Parser;
use panos_sim::{Accounts, Flow, Options, PanoramaOptions, Quirks, TlsOptions};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

/// A PAN-OS firewall or Panorama to test against.
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
    pub(crate) ca_out: Option<PathBuf>,
    /// Administrators, one user:password on each line; admin:admin if not given
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// The first configuration (XML); a small built-in one if not given
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Be a Panorama: a JSON file with its device groups and firewalls
    #[arg(long, value_name = "FILE")]
    panorama: Option<PathBuf>,
    /// Be the active device of a pair; its peer's addresses go to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) peer_ready_file: Option<PathBuf>,
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
    #[error("{path} is no topology")]
    Topology {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    #[error("{path}, line {line}: user:password is expected")]
    Users { path: PathBuf, line: usize },
}

/// What the program is to be.
#[derive(Debug)]
pub(crate) enum Role {
    Firewall(Box<Options>),
    Pair(Box<(Options, Options)>),
    Panorama(Box<PanoramaOptions>),
}

impl Args {
    /// What to start.
    pub(crate) fn role(&self) -> Result<Role, ArgsError> {
        let base = self.options()?;
        let paired = self.peer_ready_file.is_some();
        let Some(path) = &self.panorama else {
            return Ok(if paired {
                Role::Pair(Box::new((base, self.peer()?)))
            } else {
                Role::Firewall(Box::new(base))
            });
        };
        let topology = serde_json::from_str(&text(path)?)
            .map_err(|source| ArgsError::Topology { path: path.clone(), source })?;
        Ok(Role::Panorama(Box::new(PanoramaOptions { base, topology, paired })))
    }

    /// The same device again, on free ports.
    fn peer(&self) -> Result<Options, ArgsError> {
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let flows = self.data_plane.iter().map(|flow| Flow { listen: any_port, ..flow.clone() }).collect();
        let own = self.options()?;
        Ok(Options { listen: any_port, control: any_port, data_plane: flows, log_file: None, ..own })
    }

    fn options(&self) -> Result<Options, ArgsError> {
        let accounts = match &self.users {
            Some(path) => {
                Accounts::parse(&text(path)?).map_err(|line| ArgsError::Users { path: path.clone(), line })?
            }
            None => Accounts::default(),
        };
        Ok(Options {
            listen: self.listen,
            control: self.control,
            data_plane: self.data_plane.clone(),
            accounts,
            config: self.config.as_deref().map(text).transpose()?,
            vsys: self.vsys.clone(),
            commit_time: self.commit_time,
            sw_version: self.sw_version.clone(),
            log_file: self.log.clone(),
            quirks: self.quirks.clone().unwrap_or_default(),
            tls: TlsOptions { sans: self.tls_san.clone(), self_signed: self.self_signed },
        })
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
        let Role::Firewall(options) = args.role().unwrap() else { panic!("one firewall is meant") };
        assert_eq!(options.data_plane.len(), 1);
        assert_eq!(options.quirks.anchors, panos_sim::Anchors::NeverHold);
    }

    #[test]
    fn a_topology_makes_a_panorama_and_a_second_ready_file_a_pair() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("topology.json");
        std::fs::write(
            &file,
            r#"{"device_groups":[{"name":"eks","parent":null},{"name":"eks-prod","parent":"eks"}],
                "devices":[{"serial":"007951000000001","hostname":"fw-1","device_group":"eks-prod","vsys":"vsys1",
                "connected":true,"data_plane":[{"upstream":"127.0.0.1:9443","destination":"10.20.2.7"}]}]}"#,
        )
        .unwrap();
        let file = file.to_str().unwrap();
        let role = |args: &[&str]| Args::parse_from([&["panos-sim"], args].concat()).role();
        let Role::Panorama(panorama) = role(&["--panorama", file]).unwrap() else { panic!("a Panorama") };
        assert_eq!(panorama.topology.device_groups.len(), 2);
        assert_eq!(panorama.topology.devices[0].data_plane[0].from_zone, "trust");
        assert!(!panorama.paired);
        let flow =
            ["--data-plane", "upstream=127.0.0.1:1,listen=127.0.0.1:7000", "--peer-ready-file", "peer.json"];
        let Role::Pair(pair) = role(&flow).unwrap() else { panic!("a pair") };
        let (first, second) = *pair;
        assert_eq!((first.data_plane[0].listen.port(), second.data_plane[0].listen.port()), (7000, 0));
        std::fs::write(file, "{}").unwrap();
        assert!(matches!(role(&["--panorama", file]), Err(ArgsError::Topology { .. })));
        assert!(matches!(role(&["--panorama", "/nowhere"]), Err(ArgsError::Read { .. })));
    }
}
