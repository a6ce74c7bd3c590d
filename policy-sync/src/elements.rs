//! What is wanted, written as the device's XML: tag, services, App-IDs, rules.

use compact_str::CompactString;
use sallyport_contract::{DnsName, firewall_names};

use crate::{
    desired::{Name, Rule, Terms},
    xml::Element,
};

/// The context of the pattern: the SNI inside a ClientHello
/// (<https://docs.paloaltonetworks.com/advanced-threat-prevention/custom-signatures-reference/custom-signature-contexts/string-contexts>).
pub const SNI_CONTEXT: &str = "ssl-req-chello-sni";

/// What every App-ID of ours says about itself; foreign application filters choose by it.
pub const ATTRIBUTES: [(&str, &str); 4] = [
    ("category", "business-systems"),
    ("subcategory", "general-business"),
    ("technology", "client-server"),
    ("risk", "1"),
];

/// What the cluster's tag says about itself.
#[must_use]
pub fn tag_comment(cluster: &str) -> String {
    format!("sallyport {cluster}  (managed: changes here are reverted)")
}

/// The tag on everything of ours that can carry one.
#[must_use]
pub fn tag(cluster: &str) -> Element {
    Element::entry(&firewall_names::tag(cluster)).with(Element::leaf("comments", &tag_comment(cluster)))
}

/// The service object of a TCP port.
#[must_use]
pub fn service(cluster: &str, port: u16) -> Element {
    let tcp = Element::new("tcp").with(Element::leaf("port", &port.to_string()));
    Element::entry(&firewall_names::service(cluster, port))
        .with(Element::new("protocol").with(tcp))
        .with(Element::leaf("description", &tag_comment(cluster)))
        .with(Element::members("tag", [firewall_names::tag(cluster).as_str()]))
}

/// A custom App-ID. The description is always sent: without one a device once lost its list of
/// applications (<https://docs.paloaltonetworks.com/pan-os/10-1/pan-os-release-notes/pan-os-10-1-9-known-and-addressed-issues/pan-os-10-1-9-addressed-issues>, PAN-176471).
#[must_use]
pub fn application(cluster: &str, dns: &DnsName, name: &Name) -> Element {
    Element::entry(&name.app)
        .with_all(ATTRIBUTES.map(|(attribute, value)| Element::leaf(attribute, value)))
        .with(Element::leaf("description", &firewall_names::mark(cluster, &name.namespace, dns)))
        .with(Element::leaf("parent-app", "ssl"))
        .with(signature(&firewall_names::sni_pattern(dns)))
}

/// The signature of an App-ID:
/// <https://docs.paloaltonetworks.com/advanced-threat-prevention/custom-signatures/custom-application-and-threat-signatures/create-a-custom-application-signature>.
#[must_use]
pub fn signature(pattern: &str) -> Element {
    let pattern_match = Element::new("pattern-match")
        .with(Element::leaf("pattern", pattern))
        .with(Element::leaf("context", SNI_CONTEXT));
    let or = Element::entry("Or Condition 1").with(Element::new("operator").with(pattern_match));
    let and = Element::entry("And Condition 1").with(Element::new("or-condition").with(or));
    let sni = Element::entry("sni")
        .with(Element::leaf("scope", "protocol-data-unit"))
        .with(Element::leaf("order-free", "no"))
        .with(Element::new("and-condition").with(and));
    Element::new("signature").with(sni)
}

/// A whole rule, as it is first written.
#[must_use]
pub fn rule(cluster: &str, name: &str, rule: &Rule, terms: &Terms) -> Element {
    let apps = Element::members("application", rule.apps.iter().map(CompactString::as_str));
    let tag = Element::members("tag", [firewall_names::tag(cluster).as_str()]);
    Element::entry(name).with_all(rule_fields(cluster, terms)).with(apps).with(tag)
}

/// The fields of a rule but its App-IDs and its tag, each explicit.
#[must_use]
pub fn rule_fields(cluster: &str, terms: &Terms) -> Vec<Element> {
    let list = |name: &str, members: &[String]| Element::members(name, members.iter().map(String::as_str));
    let services: Vec<String> =
        terms.ports.iter().map(|port| firewall_names::service(cluster, *port)).collect();
    let mut fields = vec![
        list("from", &terms.from),
        list("to", &terms.to),
        list("source", &terms.source),
        list("destination", &terms.destination),
        list("service", &services),
        Element::leaf("action", terms.action),
        Element::leaf("description", &terms.description),
    ];
    fields.extend(terms.log_setting.as_deref().map(|profile| Element::leaf("log-setting", profile)));
    fields.extend(
        terms
            .profile_group
            .as_deref()
            .map(|group| Element::new("profile-setting").with(Element::members("group", [group]))),
    );
    fields
}
