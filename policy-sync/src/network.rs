//! Addresses as rules hold them: `any`, a network, or a name that only the firewall knows.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// An IP network: `10.20.0.0/16`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// Why a text is not a [`Network`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not an IP network like 10.20.0.0/16")]
pub struct NotANetwork;

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NotANetwork)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(most), |prefix| prefix.parse().map_err(|_| NotANetwork))?;
        if prefix > most { Err(NotANetwork) } else { Ok(Self { address, prefix }) }
    }
}

impl Network {
    /// Whether every address of `inner` is one of ours.
    #[must_use]
    pub fn contains(&self, inner: &Self) -> bool {
        self.address.is_ipv4() == inner.address.is_ipv4()
            && self.prefix <= inner.prefix
            && bits(self.address) & self.mask() == bits(inner.address) & self.mask()
    }

    /// An address to ask about: the first after the network's own, or the only one.
    #[must_use]
    pub fn sample(&self) -> IpAddr {
        let width = self.width();
        let base = bits(self.address) & self.mask();
        let host = if width - self.prefix >= 2 { base | (1 << (128 - u32::from(width))) } else { base };
        match self.address {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::from(u32::try_from(host >> 96).unwrap_or(0))),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from(host)),
        }
    }

    /// Whether it is an IPv4 network.
    #[must_use]
    pub const fn is_ipv4(&self) -> bool {
        self.address.is_ipv4()
    }

    const fn width(&self) -> u8 {
        if self.address.is_ipv4() { 32 } else { 128 }
    }

    const fn mask(&self) -> u128 {
        match self.prefix {
            0 => 0,
            prefix => u128::MAX << (128 - prefix as u32),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// The address in the highest bits, so that both families share one arithmetic.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)) << 96,
        IpAddr::V6(v6) => u128::from(v6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_networks() {
        let net = |text: &str| text.parse::<Network>().unwrap();
        for (outer, inner, holds) in [
            ("10.20.0.0/16", "10.20.3.0/24", true),
            ("10.20.0.0/16", "10.20.0.0/16", true),
            ("10.20.0.0/16", "10.0.0.0/8", false),
            ("10.20.0.0/16", "10.21.0.1", false),
            ("0.0.0.0/0", "10.21.0.1", true),
            ("0.0.0.0/0", "::1", false),
            ("fd00::/8", "fd12::/16", true),
        ] {
            assert_eq!(net(outer).contains(&net(inner)), holds, "{outer} {inner}");
        }
        for bad in ["", "any", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/", "::/129"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }

    #[test]
    fn samples_lie_inside() {
        for (text, sample) in [
            ("10.20.0.0/16", "10.20.0.1"),
            ("10.20.5.7/32", "10.20.5.7"),
            ("10.20.5.6/31", "10.20.5.6"),
            ("0.0.0.0/0", "0.0.0.1"),
            ("fd00::/64", "fd00::1"),
        ] {
            assert_eq!(text.parse::<Network>().unwrap().sample().to_string(), sample, "{text}");
        }
    }
}
