//! Services of a rule: `any`, `application-default`, service objects and groups of them, as TCP ports.

use super::apps::default_tcp_ports;
use crate::{
    quirks::{PortlessDefault, Quirks},
    scope::Scope,
    tree::{Element, find},
};
use std::ops::RangeInclusive;

/// An inclusive range of ports.
pub(crate) type Ports = RangeInclusive<u16>;

/// What one service member of a rule stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Service {
    Any,
    ApplicationDefault,
    Tcp(Vec<Ports>),
}

impl Service {
    pub(crate) fn resolve(config: &Element, scope: &Scope, name: &str) -> Service {
        match name {
            "any" => Service::Any,
            "application-default" => Service::ApplicationDefault,
            // Predefined on every device.
            "service-http" => Service::Tcp(vec![80..=80, 8080..=8080]),
            "service-https" => Service::Tcp(vec![443..=443]),
            _ => Service::Tcp(object_ports(config, scope, name, 10)),
        }
    }

    pub(crate) fn contains(
        &self,
        config: &Element,
        scope: &Scope,
        app: &str,
        port: u16,
        quirks: &Quirks,
    ) -> bool {
        let holds = |ports: &[Ports]| ports.iter().any(|range| range.contains(&port));
        match self {
            Service::Any => true,
            Service::Tcp(ports) => holds(ports),
            Service::ApplicationDefault => match default_tcp_ports(config, scope, app) {
                Some(ports) => holds(&ports),
                None => quirks.portless_application_default == PortlessDefault::EveryPort,
            },
        }
    }
}

fn object_ports(config: &Element, scope: &Scope, name: &str, depth: usize) -> Vec<Ports> {
    let Some(depth) = depth.checked_sub(1) else { return Vec::new() };
    let found = scope.visible(config).into_iter().find_map(|scope| {
        let base = find(config, &scope.base())?;
        let of = |list: &str| base.child(list)?.entries().find(|(n, _)| *n == name).map(|(_, entry)| entry);
        of("service").or_else(|| of("service-group"))
    });
    let Some(object) = found else { return Vec::new() };
    let tcp = object.descend(&["protocol", "tcp"]).and_then(|tcp| tcp.text_of("port"));
    let mut ports = tcp.map(parse_ports).unwrap_or_default();
    for member in object.members_of("members") {
        ports.extend(object_ports(config, scope, member, depth));
    }
    ports
}

/// `443`, `8000-8010`, `80,443`; what is not a port is left out.
pub(crate) fn parse_ports(text: &str) -> Vec<Ports> {
    text.split(',')
        .filter_map(|part| {
            let (low, high) = part.split_once('-').unwrap_or((part, part));
            Some(low.trim().parse().ok()?..=high.trim().parse().ok()?)
        })
        .collect()
}
