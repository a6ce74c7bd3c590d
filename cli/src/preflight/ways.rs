//! The sessions that the installation itself lives by. Where one crosses the firewall that Sallyport programs, a deny there
//! locks it out, and it cannot heal that: these rules stand on the firewall before, and above, all of ours.

use std::{collections::BTreeSet, net::IpAddr};

use sallyport_cert_agent::issuer::aws_pca::Arn;
use sallyport_contract::object::{CertificateAuthority, Firewall};
use sallyport_policy_sync::{member::Member, network::Network};

/// Where the ends are, as the firewall sees them. What is left out is told with a placeholder.
#[derive(clap::Args, Default)]
pub(crate) struct Places {
    /// The network of the nodes or pods on which Sallyport runs, as 10.20.0.0/16.
    #[arg(long, value_name = "CIDR")]
    pods: Option<Network>,
    /// The network of the API servers; on EKS, of the subnets that the cluster was made with.
    #[arg(long, value_name = "CIDR")]
    control_plane: Option<Network>,
    /// The network of the DNS servers that the pods ask.
    #[arg(long, value_name = "CIDR")]
    dns: Option<Network>,
    /// The zone of the firewall on both sides.
    #[arg(long, value_name = "ZONE", default_value = "trust", value_parser = zone)]
    zone: String,
}

/// A zone's name as it can stand in a line of the CLI.
fn zone(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !text.is_empty() && text.len() <= 31 && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("a zone has letters, digits, dots, hyphens and underscores, 31 at most".to_owned())
    }
}

/// One end of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    Pods,
    ControlPlane,
    Dns,
    Host(String),
}

/// Sessions that must never be denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    name: String,
    from: End,
    to: End,
    ports: Vec<(&'static str, u16)>,
    without: &'static str,
}

/// All of them, by what is known of the cluster.
pub(super) fn ways(firewalls: &[Firewall], authorities: &[CertificateAuthority]) -> Vec<Way> {
    let way = |name: &str, from, to, ports, without| Way { name: name.to_owned(), from, to, ports, without };
    let mut ways = vec![
        way(
            "webhook",
            End::ControlPlane,
            End::Pods,
            vec![("tcp", 8443)],
            "no pod of an enabled namespace is made any more",
        ),
        way(
            "api-server",
            End::Pods,
            End::ControlPlane,
            vec![("tcp", 443)],
            "nothing is seen or written any more, proofs included",
        ),
        way(
            "dns",
            End::Pods,
            End::Dns,
            vec![("tcp", 53), ("udp", 53)],
            "neither AWS nor the firewall is found",
        ),
    ];
    let hosts: BTreeSet<String> = authorities.iter().flat_map(aws).collect();
    ways.extend(hosts.into_iter().enumerate().map(|(n, host)| {
        let name = format!("aws-{}", n + 1);
        let without = "certificates are neither issued nor renewed";
        way(&name, End::Pods, End::Host(host), vec![("tcp", 443)], without)
    }));
    let hosts: BTreeSet<(String, u16)> = firewalls.iter().flat_map(management).collect();
    ways.extend(hosts.into_iter().enumerate().map(|(n, (host, port))| {
        let name = format!("management-{}", n + 1);
        let without = "policy-sync cannot take back what denies it";
        way(&name, End::Pods, End::Host(host), vec![("tcp", port)], without)
    }));
    ways
}

/// Where a CA's calls go: to the service, and to whoever gives the role
/// (<https://docs.aws.amazon.com/general/latest/gr/pca.html>, <https://docs.aws.amazon.com/general/latest/gr/sts.html>).
fn aws(authority: &CertificateAuthority) -> Vec<String> {
    let arn = authority.spec.aws_private_ca.as_ref().and_then(|aws| Arn::read(&aws.arn));
    let Some(Arn { partition, region, .. }) = arn else { return Vec::new() };
    let suffix = if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    ["acm-pca", "sts"].map(|service| format!("{service}.{region}.{suffix}")).to_vec()
}

/// Management interfaces, each with its port.
fn management(firewall: &Firewall) -> Vec<(String, u16)> {
    let name = firewall.metadata.name.as_deref().unwrap_or_default();
    let members = Member::of(name, &firewall.spec);
    let hosts =
        members.iter().filter_map(|member| member.access(&firewall.spec)).flat_map(|access| access.hosts);
    hosts.map(|host| split(&host)).collect()
}

/// Host and port of a management interface; 443 if it names none. An IPv6 address has its port behind brackets.
fn split(host: &str) -> (String, u16) {
    let bare = |name: &str| name.trim_matches(['[', ']']).to_owned();
    if host.parse::<IpAddr>().is_ok() {
        return (host.to_owned(), 443);
    }
    match host.rsplit_once(':').and_then(|(name, port)| Some((name, port.parse().ok()?))) {
        Some((name, port)) => (bare(name), port),
        None => (bare(host), 443),
    }
}

/// The hosts that DNS must know.
pub(super) fn hosts(ways: &[Way]) -> BTreeSet<String> {
    let named = |end: &End| match end {
        End::Host(host) if host.parse::<Network>().is_err() => Some(host.clone()),
        End::Host(_) | End::Pods | End::ControlPlane | End::Dns => None,
    };
    ways.iter().filter_map(|way| named(&way.to)).collect()
}

/// What they are, and the lines that keep them open.
pub(super) fn told(places: &Places, ways: &[Way]) -> String {
    let mut text = String::from(
        "\nwhat must never be denied; where it crosses the firewall that Sallyport programs, a deny there is a lock-out that \
         Sallyport cannot heal\n",
    );
    for way in ways {
        let ports: Vec<String> =
            way.ports.iter().map(|(protocol, port)| format!("{protocol}/{port}")).collect();
        let (from, to) = (places.words(&way.from), places.words(&way.to));
        let (name, ports) = (&way.name, ports.join(" and "));
        text.push_str(&format!("  {name:<14} {from} → {to}, {ports}; denied, {}\n", way.without));
    }
    text.push_str("\nthe rules to create first, above all others, for those that cross it:\n");
    let services: BTreeSet<&(&str, u16)> = ways.iter().flat_map(|way| &way.ports).collect();
    for (protocol, port) in services {
        text.push_str(&format!("set service way-in-{protocol}-{port} protocol {protocol} port {port}\n"));
    }
    for way in ways {
        text.push_str(&places.lines(way));
    }
    text
}

impl Places {
    fn words(&self, end: &End) -> String {
        let known = |what: &str, network: Option<Network>| {
            network.map_or_else(|| what.to_owned(), |network| format!("{what} {network}"))
        };
        match end {
            End::Pods => known("Sallyport's pods", self.pods),
            End::ControlPlane => known("API servers", self.control_plane),
            End::Dns => known("DNS", self.dns),
            End::Host(host) => host.clone(),
        }
    }

    /// The address as a rule has it, with the line that makes it if it is a name.
    fn address(&self, way: &Way, end: &End) -> (String, String) {
        let known = |network: Option<Network>, flag: &str| {
            (String::new(), network.map_or_else(|| flag.to_owned(), |network| network.to_string()))
        };
        match end {
            End::Pods => known(self.pods, "PODS"),
            End::ControlPlane => known(self.control_plane, "CONTROL-PLANE"),
            End::Dns => known(self.dns, "DNS-SERVERS"),
            End::Host(host) if host.parse::<Network>().is_ok() => (String::new(), host.clone()),
            End::Host(host) => {
                let object = format!("way-in-{}", way.name);
                (format!("set address {object} fqdn {host}\n"), object)
            }
        }
    }

    fn lines(&self, way: &Way) -> String {
        let ((made, source), (also_made, destination)) =
            (self.address(way, &way.from), self.address(way, &way.to));
        let (rule, zone) = (format!("way-in-{}", way.name), &self.zone);
        let services: Vec<String> =
            way.ports.iter().map(|(protocol, port)| format!("way-in-{protocol}-{port}")).collect();
        let service = match services.as_slice() {
            [one] => one.clone(),
            several => format!("[ {} ]", several.join(" ")),
        };
        format!(
            "{made}{also_made}set rulebase security rules {rule} from {zone} to {zone} source {source} destination \
             {destination} application any service {service} action allow\nmove rulebase security rules {rule} top\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn example<K: serde::de::DeserializeOwned>(text: &str, change: impl FnOnce(&mut Value)) -> K {
        let mut value: Value = serde_saphyr::from_str(text).unwrap();
        change(&mut value);
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_must_never_be_denied_with_the_rules_to_create_first() {
        let firewall: Firewall = example(include_str!("../../../manifests/examples/firewall.yaml"), |_| ());
        let pair: Firewall =
            example(include_str!("../../../manifests/examples/firewall-ha-pair.yaml"), |value| {
                value["spec"]["haPair"]["hosts"] = json!(["10.9.0.4:443", "fw-1.corp.example"]);
            });
        let arn = "arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/1";
        let authority: CertificateAuthority =
            example(include_str!("../../../manifests/examples/certificate-authority-aws.yaml"), |value| {
                value["spec"]["awsPrivateCA"]["arn"] = arn.into();
            });
        let places = Places {
            pods: Some("10.20.0.0/16".parse().unwrap()),
            control_plane: Some("10.0.0.0/24".parse().unwrap()),
            dns: None,
            zone: "trust".to_owned(),
        };
        let ways = ways(&[firewall, pair], &[authority]);
        let found =
            ["acm-pca.eu-central-1.amazonaws.com", "fw-1.corp.example", "sts.eu-central-1.amazonaws.com"];
        assert_eq!(hosts(&ways), found.map(str::to_owned).into());
        assert_eq!(told(&places, &ways), include_str!("ways.txt"));
    }

    #[test]
    fn a_management_interface_is_reached_on_its_own_port() {
        for (text, host, port) in [
            ("127.0.0.1:8443", "127.0.0.1", 8443),
            ("fw-1.corp.example", "fw-1.corp.example", 443),
            ("[2001:db8::1]:8443", "2001:db8::1", 8443),
            ("[2001:db8::1]", "2001:db8::1", 443),
            ("2001:db8::1", "2001:db8::1", 443),
        ] {
            assert_eq!(split(text), (host.to_owned(), port), "{text}");
        }
        let text = include_str!("../../../manifests/examples/firewall.yaml");
        let hosts = json!(["10.9.0.4:8443", "10.9.0.5:8443"]);
        let standalone = json!({"host": "10.9.0.4:8443"});
        let group = json!({"hosts": hosts, "deviceGroup": "edge"});
        for (kind, target) in [
            ("standalone", standalone),
            ("haPair", json!({"hosts": hosts})),
            ("independent", json!({"hosts": hosts})),
            ("panorama", group),
        ] {
            let firewall: Firewall = example(text, |value| {
                value["spec"].as_object_mut().unwrap().remove("standalone");
                value["spec"][kind] = target;
            });
            let told = told(&Places::default(), &ways(&[firewall], &[]));
            assert!(told.contains("→ 10.9.0.4, tcp/8443; denied, policy-sync"), "{kind}: {told}");
            let rule = "destination 10.9.0.4 application any service way-in-tcp-8443 action allow";
            assert!(told.contains(rule), "{kind}: {told}");
        }
    }

    #[test]
    fn before_the_install_three_ways_are_known_and_a_zone_cannot_end_a_line() {
        let places = Places { zone: "east-west".to_owned(), ..Places::default() };
        let told = told(&places, &ways(&[], &[]));
        let rule = "set rulebase security rules way-in-webhook from east-west to east-west source CONTROL-PLANE destination \
                    PODS application any service way-in-tcp-8443 action allow\n";
        assert!(told.contains(rule), "{told}");
        assert_eq!(told.matches("\nmove ").count(), 3, "{told}");
        for bad in ["", "trust source any", "a\nb", &"z".repeat(32)] {
            assert!(zone(bad).is_err(), "{bad:?}");
        }
    }
}
