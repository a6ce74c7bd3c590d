//! A TLS session's two lookups: first as `ssl`, then, when the SNI names a custom App-ID, once more as that.
//!
//! <https://docs.paloaltonetworks.com/ngfw/administration/app-id/manage-custom-or-unknown-applications>: traffic
//! begins as the parent application, shifts to the custom one, and policy is looked up again.

use super::{Action, Policy, Query};
use crate::engine::{AppIds, Fields};
use crate::quirks::Quirks;
use std::net::IpAddr;

/// Where a session goes: what the device learns from routing and the TCP header.
#[derive(Debug, Clone)]
pub(crate) struct Endpoints {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) port: u16,
}

/// What the policy says about a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) app: String,
    pub(crate) rule: String,
    pub(crate) action: Action,
}

/// Both lookups, for a session whose first bytes are a ClientHello.
pub(crate) fn judge_handshake(
    policy: &Policy,
    apps: &AppIds,
    quirks: &Quirks,
    endpoints: &Endpoints,
    fields: Fields<'_>,
) -> Verdict {
    let first = policy.lookup_handshake(query(endpoints, None));
    if first.action != Action::Allow {
        return Verdict { app: "ssl".to_owned(), rule: first.name.clone(), action: first.action };
    }
    judge_identified(policy, endpoints, apps.identify(fields, quirks).unwrap_or("ssl"))
}

/// The lookup of a session whose application is known; also what a re-match after a commit asks.
pub(crate) fn judge_identified(policy: &Policy, endpoints: &Endpoints, app: &str) -> Verdict {
    let rule = policy.lookup(query(endpoints, Some(app)));
    Verdict { app: app.to_owned(), rule: rule.name.clone(), action: rule.action }
}

fn query<'a>(endpoints: &'a Endpoints, app: Option<&'a str>) -> Query<'a> {
    Query {
        from: &endpoints.from,
        to: &endpoints.to,
        source: endpoints.source,
        destination: endpoints.destination,
        port: endpoints.port,
        app,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{engine::compile_apps, scope::Scope, tree::parse_one};

    /// A custom App-ID `pay` (SNI `pay.example`, parent ssl, tcp/443) and the given rules.
    fn judge(rules: &str, sni: &str, change: impl FnOnce(&mut Endpoints)) -> (String, String, Action) {
        let config = parse_one(&format!(
            "<config><devices><entry name='localhost.localdomain'><vsys><entry name='vsys1'>\
             <application><entry name='pay'><parent-app>ssl</parent-app><default><port><member>tcp/443</member></port></default>\
             <signature><entry name='s'><and-condition><entry name='a'><or-condition><entry name='o'><operator><pattern-match>\
             <pattern>^pay\\.example$</pattern><context>ssl-req-chello-sni</context></pattern-match></operator></entry>\
             </or-condition></entry></and-condition></entry></signature></entry></application>\
             <service><entry name='t8443'><protocol><tcp><port>8443</port></tcp></protocol></entry></service>\
             <rulebase><security><rules>{rules}</rules></security></rulebase></entry></vsys></entry></devices></config>"
        ))
        .unwrap();
        let (scope, quirks) = (Scope::Vsys("vsys1".to_owned()), Quirks::default());
        let (apps, bad) = compile_apps(&config, &scope, &quirks, &|_| false);
        assert_eq!(bad, []);
        let mut endpoints = Endpoints {
            from: "trust".to_owned(),
            to: "trust".to_owned(),
            source: [10, 1, 0, 5].into(),
            destination: [10, 20, 0, 7].into(),
            port: 443,
        };
        change(&mut endpoints);
        let fields = Fields { sni: Some(sni.as_bytes()), client_hello: &[] };
        let verdict =
            judge_handshake(&Policy::new(&config, &scope, &quirks), &apps, &quirks, &endpoints, fields);
        (verdict.app, verdict.rule, verdict.action)
    }

    fn rule(name: &str, app: &str, action: &str, extra: &str) -> String {
        let list = |name: &str, value: &str| {
            if extra.contains(&format!("<{name}>")) {
                String::new()
            } else {
                format!("<{name}><member>{value}</member></{name}>")
            }
        };
        let lists: String =
            ["from", "to", "source", "destination", "service"].map(|n| list(n, "any")).concat();
        format!(
            "<entry name='{name}'>{lists}<application><member>{app}</member></application><action>{action}</action>{extra}</entry>"
        )
    }

    #[test]
    fn two_lookups_decide_and_each_has_its_negative_control() {
        let allow_pay = rule("allow-pay", "pay", "allow", "");
        let deny_all = rule("deny-all", "any", "deny", "");
        let verdict = |app: &str, rule: &str, action| (app.to_owned(), rule.to_owned(), action);
        for (what, rules, sni, expected) in [
            (
                "our name passes",
                [allow_pay.clone(), deny_all.clone()].concat(),
                "pay.example",
                verdict("pay", "allow-pay", Action::Allow),
            ),
            (
                "another name is ssl",
                [allow_pay.clone(), deny_all.clone()].concat(),
                "web.example",
                verdict("ssl", "deny-all", Action::Deny),
            ),
            (
                "no rule at all",
                String::new(),
                "pay.example",
                verdict("pay", "intrazone-default", Action::Allow),
            ),
            (
                "rule order",
                [deny_all.clone(), allow_pay.clone()].concat(),
                "pay.example",
                verdict("ssl", "deny-all", Action::Deny),
            ),
            (
                "a deny of ssl above ends it before the shift",
                [rule("no-ssl", "ssl", "drop", ""), allow_pay.clone()].concat(),
                "pay.example",
                verdict("ssl", "no-ssl", Action::Drop),
            ),
            (
                "a deny of ssl below does not",
                [allow_pay.clone(), rule("no-ssl", "ssl", "drop", "")].concat(),
                "pay.example",
                verdict("pay", "allow-pay", Action::Allow),
            ),
            (
                "an allow of ssl above does not decide, the shift is looked up again",
                [rule("ssl-ok", "ssl", "allow", ""), rule("no-pay", "pay", "reset-both", "")].concat(),
                "pay.example",
                verdict("pay", "no-pay", Action::ResetBoth),
            ),
            (
                "a deny of the custom App-ID does not stop other names",
                [rule("no-pay", "pay", "reset-both", ""), rule("ssl-ok", "ssl", "allow", "")].concat(),
                "web.example",
                verdict("ssl", "ssl-ok", Action::Allow),
            ),
            (
                "a disabled rule is not there",
                [rule("off", "any", "drop", "<disabled>yes</disabled>"), allow_pay].concat(),
                "pay.example",
                verdict("pay", "allow-pay", Action::Allow),
            ),
        ] {
            assert_eq!(judge(&rules, sni, |_| {}), expected, "{what}");
        }
    }

    #[test]
    fn zones_addresses_and_services_count() {
        let lists = "<from><member>trust</member></from><to><member>trust</member></to>\
                     <destination><member>10.20.0.0/16</member></destination>";
        let https =
            rule("r", "pay", "allow", &format!("{lists}<service><member>service-https</member></service>"));
        let own = rule("r", "pay", "allow", &format!("{lists}<service><member>t8443</member></service>"));
        let default = rule(
            "r",
            "pay",
            "allow",
            &format!("{lists}<service><member>application-default</member></service>"),
        );
        let negated =
            rule("r", "pay", "allow", &format!("{lists}<negate-destination>yes</negate-destination>"));
        let deny = rule("deny", "any", "deny", "");
        type Change = fn(&mut Endpoints);
        let cases: [(&str, &str, Change, &str); 10] = [
            ("inside", &https, |_| {}, "r"),
            ("other destination", &https, |e| e.destination = [10, 21, 0, 7].into(), "deny"),
            ("other zone", &https, |e| e.to = "untrust".to_owned(), "deny"),
            ("other port", &https, |e| e.port = 8443, "deny"),
            ("own service", &own, |e| e.port = 8443, "r"),
            ("own service, other port", &own, |_| {}, "deny"),
            ("application-default", &default, |_| {}, "r"),
            ("application-default, other port", &default, |e| e.port = 8443, "deny"),
            ("negated destination", &negated, |_| {}, "deny"),
            ("negated destination, outside", &negated, |e| e.destination = [10, 21, 0, 7].into(), "r"),
        ];
        for (what, allow, change, expected) in cases {
            assert_eq!(judge(&[allow, &deny].concat(), "pay.example", change).1, expected, "{what}");
        }
    }

    #[test]
    fn default_rules_come_last_and_by_zone() {
        assert_eq!(judge("", "x.example", |_| {}).1, "intrazone-default");
        let other = judge("", "x.example", |e| e.to = "untrust".to_owned());
        assert_eq!((other.1.as_str(), other.2), ("interzone-default", Action::Deny));
        let intrazone = rule("intra", "any", "drop", "<rule-type>intrazone</rule-type>");
        assert_eq!(judge(&intrazone, "x.example", |_| {}).1, "intra");
        assert_eq!(judge(&intrazone, "x.example", |e| e.to = "untrust".to_owned()).1, "interzone-default");
    }
}
