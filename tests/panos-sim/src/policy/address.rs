//! Addresses of a rule: literals, ranges, address objects and static groups, resolved to sets of IP ranges; dynamic
//! groups are looked up in what is registered when a session comes.
//!
//! Element forms: `PaloAltoNetworks/pan-os-codegen:specs/objects/address.yaml` and `address-group.yaml`.
//! FQDN objects and wildcards match nothing here: they need the DNS of a live network.

use crate::{
    clock,
    scope::Scope,
    tree::{Element, find},
    user_id::{Filter, Registrations},
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Groups within groups; PAN-OS refuses loops, and a loaded file may hold one.
pub(super) const MAX_GROUP_DEPTH: usize = 10;

/// The addresses that one side of a rule names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AddressSet {
    Any,
    Listed(Listed),
}

/// Ranges, and the filters of dynamic groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Listed {
    ranges: Vec<(IpAddr, IpAddr)>,
    dynamic: Vec<Filter>,
}

impl AddressSet {
    pub(crate) fn resolve<'a>(
        config: &Element,
        scope: &Scope,
        members: impl Iterator<Item = &'a str>,
    ) -> Self {
        let mut listed = Listed::default();
        for member in members {
            if member == "any" {
                return AddressSet::Any;
            }
            collect(config, scope, member, MAX_GROUP_DEPTH, &mut listed);
        }
        AddressSet::Listed(listed)
    }

    pub(crate) fn contains(&self, address: IpAddr, registered: &Registrations) -> bool {
        match self {
            AddressSet::Any => true,
            AddressSet::Listed(listed) => {
                let within = |(low, high): &(IpAddr, IpAddr)| {
                    low.is_ipv4() == address.is_ipv4() && (*low..=*high).contains(&address)
                };
                listed.ranges.iter().any(within)
                    || listed.dynamic.iter().any(|filter| registered.holds(filter, address, clock::instant()))
            }
        }
    }
}

/// Can a rule name this address without an object?
pub(crate) fn is_literal(text: &str) -> bool {
    range(text).is_some()
}

fn collect(config: &Element, scope: &Scope, name: &str, depth: usize, into: &mut Listed) {
    match find_address(config, scope, name) {
        Some(object) => {
            let literal = object.text_of("ip-netmask").or_else(|| object.text_of("ip-range"));
            into.ranges.extend(literal.and_then(range));
            let filter =
                object.descend(&["dynamic", "filter"]).and_then(|filter| Filter::parse(&filter.text));
            into.dynamic.extend(filter);
            if let Some(next) = depth.checked_sub(1) {
                for member in object.members_of("static") {
                    collect(config, scope, member, next, into);
                }
            }
        }
        None => into.ranges.extend(range(name)),
    }
}

/// An address object or group, nearest scope first.
pub(super) fn find_address<'a>(config: &'a Element, scope: &Scope, name: &str) -> Option<&'a Element> {
    scope.visible(config).into_iter().find_map(|scope| {
        let base = find(config, &scope.base())?;
        let of = |list: &str| base.child(list)?.entries().find(|(n, _)| *n == name).map(|(_, entry)| entry);
        of("address").or_else(|| of("address-group"))
    })
}

/// `10.0.0.1`, `10.0.0.0/8`, `10.0.0.1-10.0.0.9`, and the same for IPv6.
pub(crate) fn range(text: &str) -> Option<(IpAddr, IpAddr)> {
    if let Some((low, high)) = text.split_once('-') {
        let (low, high): (IpAddr, IpAddr) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
        return (low.is_ipv4() == high.is_ipv4() && low <= high).then_some((low, high));
    }
    let Some((address, length)) = text.split_once('/') else {
        let address: IpAddr = text.parse().ok()?;
        return Some((address, address));
    };
    let length: u32 = length.parse().ok()?;
    match address.parse().ok()? {
        IpAddr::V4(address) => {
            let hosts = u32::MAX.checked_shr(length).unwrap_or(0);
            let low = u32::from(address) & !hosts;
            (length <= 32).then(|| (Ipv4Addr::from(low).into(), Ipv4Addr::from(low | hosts).into()))
        }
        IpAddr::V6(address) => {
            let hosts = u128::MAX.checked_shr(length).unwrap_or(0);
            let low = u128::from(address) & !hosts;
            (length <= 128).then(|| (Ipv6Addr::from(low).into(), Ipv6Addr::from(low | hosts).into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::parse_one;

    #[test]
    fn literals_are_ranges() {
        for (text, inside, outside) in [
            ("10.0.0.1", "10.0.0.1", "10.0.0.2"),
            ("10.20.0.0/16", "10.20.255.255", "10.21.0.0"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("10.0.0.1/32", "10.0.0.1", "10.0.0.0"),
            ("10.0.0.5-10.0.0.9", "10.0.0.7", "10.0.0.10"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
        ] {
            let set =
                AddressSet::Listed(Listed { ranges: range(text).into_iter().collect(), dynamic: Vec::new() });
            let nothing = Registrations::default();
            assert!(set.contains(inside.parse().unwrap(), &nothing), "{text}");
            assert!(!set.contains(outside.parse().unwrap(), &nothing), "{text}");
        }
        for text in ["10.0.0", "10.0.0.0/33", "10.0.0.9-10.0.0.5", "10.0.0.1-::1", "name", ""] {
            assert!(!is_literal(text), "{text}");
        }
    }

    #[test]
    fn objects_and_groups_are_resolved_nearest_scope_first() {
        let config = parse_one(
            "<config><shared><address><entry name='web'><ip-netmask>192.0.2.1</ip-netmask></entry></address></shared>\
             <devices><entry name='localhost.localdomain'><vsys><entry name='vsys1'>\
             <address><entry name='web'><ip-range>10.0.0.1-10.0.0.2</ip-range></entry></address>\
             <address-group><entry name='g'><static><member>web</member><member>h</member></static></entry>\
             <entry name='h'><static><member>g</member><member>10.9.0.0/24</member></static></entry></address-group>\
             </entry></vsys></entry></devices></config>",
        )
        .unwrap();
        let set = AddressSet::resolve(&config, &Scope::Vsys("vsys1".to_owned()), ["g"].into_iter());
        for (address, expected) in [("10.0.0.2", true), ("10.9.0.200", true), ("192.0.2.1", false)] {
            assert_eq!(
                set.contains(address.parse().unwrap(), &Registrations::default()),
                expected,
                "{address}"
            );
        }
    }
}
