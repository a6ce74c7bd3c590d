//! What holds for every rulebase.

use proptest::{collection::vec, prelude::*, sample::select};
use sallyport_policy_sync::{
    rulebase::{Kind, Layer, Rulebase, Scope, judge},
    xml::Element,
};

use super::notation::case;

/// Objects that the random rules name.
pub(crate) const OBJECTS: &str = "+ address net ip-netmask 10.20.0.0/17\n+ address rest ip-range 10.20.128.0-10.20.255.255\n\
    + address-group both net,rest\n+ address name fqdn web.example\n+ service s1 tcp 443\n+ service s2 tcp 1-442,8443\n\
    + service-group sg s1,s2,sg\n+ service udp udp 443\n+ app-group ag ssl,sp-web\n+ app-group ag2 ag,dns,ag2\n\
    + app theirs parent-app=ssl\n+ filter biz category=business-systems\n+ filter evil evasive=yes";

/// Lists for the oracle: what the simulator knows too.
pub(crate) const PLAIN_APPS: &[&str] =
    &["any", "any", "ssl", "sp-web", "sp-pay", "dns", "unknown-tcp", "theirs", "ag", "ag2", "sp-web,ssl"];
const APPS: &[&str] = &["biz", "evil", "nobody-has-it"];
const ZONES: &[&str] = &["any", "any", "trust", "dmz", "trust,dmz", "other"];
const ADDRESSES: &[&str] = &[
    "any",
    "any",
    "10.20.0.0/16",
    "10.20.1.0/24",
    "net",
    "both",
    "net,rest",
    "10.20.0.0-10.20.0.9",
    "10.99.0.0/16",
    "0.0.0.0/0",
    "name",
];
const SERVICES: &[&str] = &["any", "any", "s1", "s2", "sg", "udp", "application-default", "service-https"];
const FLAGS: &[&str] = &[
    "",
    "",
    "",
    "disabled",
    "negate-source",
    "negate-destination",
    "rule-type=intrazone",
    "rule-type=interzone",
];
const ACTIONS: &[&str] = &["allow", "deny", "drop", "reset-both"];

/// A foreign rule without its name.
pub(crate) fn rule(apps: Vec<&'static str>) -> impl Strategy<Value = String> {
    (
        select(ACTIONS),
        select(apps),
        (select(ZONES), select(ZONES)),
        (select(ADDRESSES), select(ADDRESSES)),
        select(SERVICES),
        select(FLAGS),
    )
        .prop_map(|(action, app, (from, to), (source, destination), service, flag)| {
            format!("{action} {app} {from}>{to} {source}>{destination} {service} {flag}")
        })
}

/// A rule of ours without its name.
pub(crate) fn our_rule() -> impl Strategy<Value = String> {
    (
        select(&["allow", "allow", "drop"][..]),
        select(&["trust>dmz", "trust>trust", "trust,dmz>dmz"][..]),
        select(&["any", "10.20.0.0/16", "net"][..]),
        select(&["10.20.0.0/16", "any", "both", "10.20.1.0/24"][..]),
        select(&["443", "443,8443"][..]),
    )
        .prop_map(|(action, zones, source, destination, ports)| {
            format!("{action} sp-web {zones} {source}>{destination} {ports}")
        })
}

pub(crate) fn named(rules: &[String], prefix: &str) -> String {
    rules.iter().enumerate().map(|(number, rule)| format!("{prefix}{number} {rule}\n")).collect()
}

fn all_apps() -> Vec<&'static str> {
    [PLAIN_APPS, APPS].concat()
}

/// An element of any shape, of the words that matter.
fn element() -> impl Strategy<Value = Element> {
    let names =
        &["entry", "member", "from", "source", "application", "static", "members", "risk", "tcp", "x"][..];
    let texts = &[
        "",
        "any",
        "a",
        "b",
        "ssl",
        "yes",
        "10.0.0.0/8",
        "443-",
        "-",
        "::1-10.0.0.1",
        "application-default",
    ][..];
    let leaf = (select(names), select(texts), select(texts)).prop_map(|(name, entry, text)| Element {
        name: name.into(),
        text: text.into(),
        ..Element::entry(entry)
    });
    leaf.prop_recursive(4, 40, 6, move |inner| {
        (select(names), select(texts), vec(inner, 0..6)).prop_map(|(name, entry, children)| Element {
            name: name.into(),
            children,
            ..Element::entry(entry)
        })
    })
}

proptest! {
    #[test]
    fn a_disabled_rule_changes_nothing(
        rules in vec(rule(all_apps()), 0..6), ours in our_rule(), extra in rule(all_apps()), at in 0..7_usize,
    ) {
        let text = |extra: &[String]| {
            let (above, below) = rules.split_at(at.min(rules.len()));
            let (above, below) = (named(above, "a"), named(below, "b"));
            format!("{OBJECTS}\n{above}{}*sp {ours}\n{below}", named(extra, "extra"))
        };
        let (without, with) = (case(&text(&[])), case(&text(&[format!("{extra} disabled")])));
        prop_assert_eq!(judge(&without.rulebase, &without.ours), judge(&with.rulebase, &with.ours));
    }

    #[test]
    fn a_rule_below_ours_shadows_nothing(
        rules in vec(rule(all_apps()), 0..6), ours in our_rule(), extra in rule(all_apps()),
    ) {
        let text = |extra: &[String]| {
            format!("{OBJECTS}\n{}*sp {ours}\n{}", named(&rules, "a"), named(extra, "extra"))
        };
        let (without, with) = (case(&text(&[])), case(&text(&[extra])));
        prop_assert_eq!(
            judge(&without.rulebase, &without.ours).shadows,
            judge(&with.rulebase, &with.ours).shadows
        );
    }

    #[test]
    fn any_elements_are_judged(rules in vec(element(), 0..8), objects in vec((0..8_usize, element()), 0..12)) {
        let mut scope = Scope::new("vsys1");
        for (kind, entry) in objects {
            scope = scope.with(Kind::ALL[kind], vec![entry]);
        }
        let rulebase = Rulebase::default()
            .with_rules(Layer::Local, rules.clone())
            .with_overrides(rules)
            .with_scope(scope);
        let ours = case("*sp allow ssl,a any,trust>any,a a,any,b>10.0.0.0/8 443").ours;
        let found = judge(&rulebase, &ours);
        prop_assert_eq!(found.answers.len() % 4, 0);
    }
}
