//! What a listener stands for: zones, addresses and port of the sessions that it takes, and where they lead.

use crate::policy::Endpoints;
use serde::{Deserialize, Serialize};
use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

/// One listener of the data plane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// Where clients connect; port 0 takes any free one.
    #[serde(default = "any_port")]
    pub listen: SocketAddr,
    /// `host:port` to which an allowed session is carried.
    pub upstream: String,
    /// Source zone.
    #[serde(rename = "from", default = "trust")]
    pub from_zone: String,
    /// Destination zone.
    #[serde(rename = "to", default = "trust")]
    pub to_zone: String,
    /// Source address that the policy sees.
    #[serde(default = "client")]
    pub source: IpAddr,
    /// Destination address that the policy sees.
    #[serde(default = "server")]
    pub destination: IpAddr,
    /// Destination port that the policy sees.
    #[serde(default = "https")]
    pub port: u16,
}

/// Why a flow cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlowError {
    /// A part is not `key=value`, or its key is not known.
    #[error("'{0}' is not one of listen=, upstream=, from=, to=, source=, destination=, port=")]
    Unknown(String),
    /// A part is needed.
    #[error("{0}= is missing")]
    Missing(&'static str),
    /// A part's value is not what it should be.
    #[error("{key}={value} is not valid")]
    Value {
        /// Which part.
        key: &'static str,
        /// Its value.
        value: String,
    },
}

impl Flow {
    pub(crate) fn endpoints(&self) -> Endpoints {
        Endpoints {
            from: self.from_zone.clone(),
            to: self.to_zone.clone(),
            source: self.source,
            destination: self.destination,
            port: self.port,
        }
    }
}

/// `listen=127.0.0.1:0,upstream=127.0.0.1:9443,from=trust,to=trust,source=10.20.1.5,destination=10.20.2.7,port=443`;
/// `listen`, zones (trust), source (10.20.1.1), destination (10.20.2.1) and port (443) may be left out.
impl FromStr for Flow {
    type Err = FlowError;

    fn from_str(text: &str) -> Result<Self, FlowError> {
        const KEYS: [&str; 7] = ["listen", "upstream", "from", "to", "source", "destination", "port"];
        let mut values: [Option<&str>; 7] = [None; 7];
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let unknown = || FlowError::Unknown(part.to_owned());
            let (key, value) = part.split_once('=').ok_or_else(unknown)?;
            let at = KEYS.iter().position(|known| *known == key).ok_or_else(unknown)?;
            if let Some(slot) = values.get_mut(at) {
                *slot = Some(value);
            }
        }
        let [listen, upstream, from, to, source, destination, port] = values;
        Ok(Self {
            listen: parse("listen", listen, any_port)?,
            upstream: upstream.ok_or(FlowError::Missing("upstream"))?.to_owned(),
            from_zone: parse("from", from, trust)?,
            to_zone: parse("to", to, trust)?,
            source: parse("source", source, client)?,
            destination: parse("destination", destination, server)?,
            port: parse("port", port, https)?,
        })
    }
}

fn parse<T: FromStr>(key: &'static str, value: Option<&str>, absent: fn() -> T) -> Result<T, FlowError> {
    let Some(value) = value else { return Ok(absent()) };
    value.parse().map_err(|_| FlowError::Value { key, value: value.to_owned() })
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn trust() -> String {
    "trust".to_owned()
}

fn client() -> IpAddr {
    IpAddr::from([10, 20, 1, 1])
}

fn server() -> IpAddr {
    IpAddr::from([10, 20, 2, 1])
}

fn https() -> u16 {
    443
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flows_are_read_from_one_argument() {
        let flow: Flow =
            "upstream=127.0.0.1:9443,from=untrust,destination=10.20.9.9,port=8443".parse().unwrap();
        assert_eq!((flow.from_zone.as_str(), flow.to_zone.as_str(), flow.port), ("untrust", "trust", 8443));
        assert_eq!(flow.destination, IpAddr::from([10, 20, 9, 9]));
        for (text, error) in [
            ("from=trust", "upstream= is missing"),
            ("upstream=x:1,port=x", "port=x is not valid"),
            ("upstream=x:1,zone=y", "'zone=y' is not one of"),
            ("nonsense", "'nonsense' is not one of"),
        ] {
            let found = text.parse::<Flow>().unwrap_err().to_string();
            assert!(found.starts_with(error), "{text}: {found}");
        }
    }
}
