//! What the device knows about applications besides signatures: predefined ones, default ports, groups, parents.

use super::{
    filters::members,
    service::{Ports, parse_ports},
};
use crate::{
    quirks::Quirks,
    scope::Scope,
    tree::{Element, find},
};

/// A handful of predefined App-IDs with their standard TCP ports (names as in Applipedia,
/// <https://applipedia.paloaltonetworks.com>).
const PREDEFINED: &[(&str, &[u16])] = &[
    ("ssl", &[443]),
    ("web-browsing", &[80]),
    ("http2", &[]),
    ("dns", &[53]),
    ("dns-base", &[53]),
    ("ssh", &[22]),
    ("ping", &[]),
    ("icmp", &[]),
    ("ntp", &[]),
    ("smtp", &[25, 587]),
    ("ldap", &[389]),
    ("kerberos", &[88]),
    ("mysql", &[3306]),
    ("postgres", &[5432]),
    ("redis", &[6379]),
    ("kafka", &[9092]),
    ("grpc-base", &[]),
    ("rtsp", &[554]),
    ("ms-rpc", &[135]),
    ("msrpc-base", &[135]),
    ("quic", &[]),
    ("unknown-tcp", &[]),
    ("unknown-udp", &[]),
    ("incomplete", &[]),
    ("insufficient-data", &[]),
    ("encrypted-tunnel", &[]),
    ("paloalto-updates", &[443]),
    ("panorama", &[3978]),
    ("kubernetes", &[6443]),
];

pub(crate) fn is_predefined_app(name: &str) -> bool {
    PREDEFINED.iter().any(|(known, _)| *known == name)
}

/// The two service objects that every device has.
pub(crate) fn is_predefined_service(name: &str) -> bool {
    matches!(name, "service-http" | "service-https")
}

/// A custom application's entry, nearest scope first.
pub(crate) fn custom_app<'a>(config: &'a Element, scope: &Scope, name: &str) -> Option<&'a Element> {
    scope.visible(config).into_iter().find_map(|scope| {
        let list = find(config, &scope.base())?.child("application")?;
        list.entries().find(|(n, _)| *n == name).map(|(_, entry)| entry)
    })
}

/// The TCP ports that `application-default` means for an application; `None` when it names none at all.
pub(crate) fn default_tcp_ports(config: &Element, scope: &Scope, app: &str) -> Option<Vec<Ports>> {
    match custom_app(config, scope, app) {
        Some(entry) => {
            let members: Vec<_> = entry.child("default")?.members_of("port").collect();
            let tcp = members.iter().filter_map(|member| member.strip_prefix("tcp/"));
            (!members.is_empty()).then(|| {
                tcp.flat_map(|p| if p == "dynamic" { vec![0..=u16::MAX] } else { parse_ports(p) }).collect()
            })
        }
        None => {
            let (_, ports) = PREDEFINED.iter().find(|(known, _)| *known == app)?;
            Some(ports.iter().map(|port| *port..=*port).collect())
        }
    }
}

/// Does a custom application ride on TLS, so that the firewall lets `ssl` through implicitly until it is identified?
/// Custom applications based on HTTP, SSL, MS-RPC or RTSP need no rule for their base
/// (<https://docs.paloaltonetworks.com/ngfw/administration/app-id/applications-with-implicit-support>).
pub(crate) fn rides_on_ssl(config: &Element, scope: &Scope, app: &str) -> bool {
    custom_app(config, scope, app).is_some_and(|entry| entry.text_of("parent-app") == Some("ssl"))
}

/// The applications that a rule's list stands for, groups and filters unfolded.
pub(crate) fn unfold<'a>(
    config: &Element,
    scope: &Scope,
    members: impl Iterator<Item = &'a str>,
    quirks: &Quirks,
) -> Vec<String> {
    let mut apps = Vec::new();
    for member in members {
        unfold_one((config, scope, quirks), member, 10, &mut apps);
    }
    apps
}

type Ground<'a> = (&'a Element, &'a Scope, &'a Quirks);

fn unfold_one(ground: Ground<'_>, name: &str, depth: usize, into: &mut Vec<String>) {
    let (config, scope, quirks) = ground;
    let object = |list: &str| {
        scope.visible(config).into_iter().find_map(|scope| {
            let list = find(config, &scope.base())?.child(list)?;
            list.entries().find(|(n, _)| *n == name).map(|(_, entry)| entry)
        })
    };
    match (object("application-group"), depth.checked_sub(1)) {
        (Some(group), Some(depth)) => {
            for member in group.members_of("members") {
                unfold_one(ground, member, depth, into);
            }
        }
        (Some(_), None) => {}
        (None, _) => match object("application-filter") {
            Some(filter) => into.extend(members(config, scope, filter, quirks)),
            None => into.push(name.to_owned()),
        },
    }
}
