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

    /// Its addresses as a range.
    #[must_use]
    pub fn range(&self) -> Range {
        let low = bits(self.address) & self.mask();
        Range { v6: !self.is_ipv4(), low, high: low | !self.mask() }
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

/// Addresses of one family from the first to the last: a network, or `10.0.0.5-10.0.0.9`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range {
    v6: bool,
    low: u128,
    high: u128,
}

impl FromStr for Range {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let Some((first, last)) = text.split_once('-') else {
            return text.parse::<Network>().map(|network| network.range());
        };
        let end = |text: &str| text.trim().parse::<IpAddr>().map_err(|_| NotANetwork);
        let (first, last) = (end(first)?, end(last)?);
        let past = if last.is_ipv4() { u128::MAX >> 32 } else { 0 };
        let range = Self { v6: first.is_ipv6(), low: bits(first), high: bits(last) | past };
        if first.is_ipv4() == last.is_ipv4() && range.low <= range.high {
            Ok(range)
        } else {
            Err(NotANetwork)
        }
    }
}

impl Range {
    /// Every address of IPv4, and of IPv6.
    pub const EVERY: [Self; 2] =
        [Self { v6: false, low: 0, high: u128::MAX }, Self { v6: true, low: 0, high: u128::MAX }];

    /// The addresses that both have.
    #[must_use]
    pub fn common(&self, other: &Self) -> Option<Self> {
        let common = Self { v6: self.v6, low: self.low.max(other.low), high: self.high.min(other.high) };
        (self.v6 == other.v6 && common.low <= common.high).then_some(common)
    }

    /// Whether all of it lies before the first address of the other.
    #[must_use]
    pub fn ends_before(&self, other: &Self) -> bool {
        (self.v6, self.high) < (other.v6, other.low)
    }

    /// The same addresses in as few ranges as can be, in order.
    #[must_use]
    pub fn merged(mut ranges: Vec<Self>) -> Vec<Self> {
        ranges.sort_unstable();
        let mut merged: Vec<Self> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match merged.last_mut() {
                Some(last) if last.v6 == range.v6 && range.low <= last.high.saturating_add(1) => {
                    last.high = last.high.max(range.high);
                }
                Some(_) | None => merged.push(range),
            }
        }
        merged
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
    fn ranges_meet_and_merge() {
        let range = |text: &str| text.parse::<Range>().unwrap();
        for (a, b, common) in [
            ("10.0.0.0/8", "10.1.0.0/16", Some("10.1.0.0-10.1.255.255")),
            ("10.0.0.5-10.0.0.9", "10.0.0.8/30", Some("10.0.0.8-10.0.0.9")),
            ("10.0.0.1", "10.0.0.2", None),
            ("0.0.0.0/0", "::/0", None),
            ("fd00::1-fd00::9", "fd00::9", Some("fd00::9")),
        ] {
            assert_eq!(range(a).common(&range(b)), common.map(range), "{a} {b}");
        }
        let merged = |texts: &[&str]| Range::merged(texts.iter().map(|text| range(text)).collect());
        assert_eq!(merged(&["10.0.1.0/24", "10.0.0.0/24"]), [range("10.0.0.0/23")]);
        assert_eq!(merged(&["0.0.0.0/1", "128.0.0.0/1", "::/0"]), Range::EVERY);
        assert_eq!(merged(&["10.0.0.1", "10.0.0.3"]).len(), 2);
        for bad in ["10.0.0.9-10.0.0.5", "10.0.0.1-::1", "a-b", "10.0.0.1-", "web-1"] {
            assert!(bad.parse::<Range>().is_err(), "{bad}");
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
