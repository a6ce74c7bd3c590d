//! The simulator looks sessions up by code of its own: where we are sure, it says the same.

use std::net::IpAddr;

use panos_sim::{Lookups, Session};
use proptest::{collection::vec, prelude::*};
use sallyport_policy_sync::rulebase::{
    DefaultDeny, Extent, Findings, Question, Reach, Stage, Verdict, What, judge,
};

use super::{
    notation::{Case, case},
    properties::{OBJECTS, PLAIN_APPS, named, our_rule, rule},
};

/// Addresses on both sides of every edge in the random rules.
const SAMPLES: &[&str] = &[
    "10.20.0.0",
    "10.20.0.9",
    "10.20.0.10",
    "10.20.1.0",
    "10.20.1.255",
    "10.20.127.255",
    "10.20.128.0",
    "10.20.255.255",
    "10.21.0.0",
    "10.99.3.4",
    "8.8.8.8",
    "fd00::1",
];

/// Whether the address is one of ours, by a reading of its own.
fn inside(members: &[String], address: &str) -> bool {
    let v4 = address.parse::<std::net::Ipv4Addr>().map(u32::from).ok();
    let within = |low: u32, high: u32| v4.is_some_and(|value| (low..=high).contains(&value));
    members.iter().any(|member| match member.as_str() {
        "any" => true,
        "10.20.0.0/16" | "both" => within(0x0a14_0000, 0x0a14_ffff),
        "10.20.1.0/24" => within(0x0a14_0100, 0x0a14_01ff),
        "net" => within(0x0a14_0000, 0x0a14_7fff),
        other => panic!("no reading of {other}"),
    })
}

/// Sessions that our rule is about.
fn sessions(reach: &Reach) -> Vec<Session> {
    let mut sessions = Vec::new();
    let addresses = |members: &'_ [String]| -> Vec<IpAddr> {
        let ours = SAMPLES.iter().filter(|address| inside(members, address));
        ours.map(|address| address.parse().unwrap()).collect()
    };
    for (from, to) in reach.from.iter().flat_map(|from| reach.to.iter().map(move |to| (from, to))) {
        for source in addresses(&reach.source) {
            for destination in addresses(&reach.destination) {
                for port in &reach.ports {
                    let (from, to) = (from.clone(), to.clone());
                    sessions.push(Session { from, to, source, destination, port: *port });
                }
            }
        }
    }
    sessions
}

/// What must hold of one rulebase; how often we were sure of a shadow, of none, of a default.
fn agree(text: &str) -> Result<[usize; 3], TestCaseError> {
    let Case { rulebase, ours, config } = case(text);
    let (found, device) = (judge(&rulebase, &ours), Lookups::new(&config).unwrap());
    let rule = &ours.rules[0];
    let whole = found.shadows.iter().find(|shadow| shadow.extent == Extent::Whole);
    let mut sure = [usize::from(whole.is_some()), 0, 0];
    for session in sessions(&rule.reach) {
        let decision = device.tls(&session, Some("sp-web.example"));
        if let Some(shadow) = whole {
            prop_assert!(decision.rule != rule.name, "{shadow:?}\n{session:?}\n{decision:?}");
            if shadow.stage == Stage::Ssl {
                prop_assert!(!decision.allowed, "{shadow:?}\n{session:?}\n{decision:?}");
            }
        }
        if found.shadows.is_empty() && rule.what == What::Allow {
            sure[1] = 1;
            prop_assert_eq!(&decision.rule, &rule.name, "no shadow, {:?}", session);
        }
        sure[2] += defaults_agree(&found, &device, &session)?;
    }
    Ok(sure)
}

fn defaults_agree(found: &Findings, device: &Lookups, session: &Session) -> Result<usize, TestCaseError> {
    let mut sure = 0;
    let pair = |answer: &&sallyport_policy_sync::rulebase::Answer| {
        (&answer.pair.from, &answer.pair.to) == (&session.from, &session.to)
    };
    for answer in found.answers.iter().filter(pair) {
        let decision = match answer.question {
            Question::OtherName => device.tls(session, Some("other.example")),
            Question::NoName => device.tls(session, None),
            Question::OtherTcp => device.identified(session, "unknown-tcp"),
            // The simulator has no UDP.
            Question::Udp443 => continue,
        };
        match &answer.verdict {
            Verdict::Denied { .. } => {
                prop_assert!(!decision.allowed, "{answer:?}\n{session:?}\n{decision:?}")
            }
            Verdict::Allowed { extent: Extent::Whole, .. } => {
                prop_assert!(decision.allowed, "{answer:?}\n{session:?}\n{decision:?}");
            }
            Verdict::Allowed { .. } | Verdict::Depends { .. } => continue,
        }
        sure += 1;
        if found.default_deny == DefaultDeny::Proven {
            prop_assert!(!decision.allowed, "{answer:?}\n{session:?}\n{decision:?}");
        }
    }
    Ok(sure)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]
    #[test]
    fn the_simulator_agrees_where_we_are_sure(
        above in vec(rule(PLAIN_APPS.to_vec()), 0..5),
        below in vec(rule(PLAIN_APPS.to_vec()), 0..4),
        ours in our_rule(),
        intrazone in proptest::bool::ANY,
    ) {
        let closed = if intrazone { "! intrazone-default deny\n" } else { "" };
        agree(&format!("{OBJECTS}\n{closed}{}*sp {ours}\n{}", named(&above, "a"), named(&below, "b")))?;
    }
}

#[test]
fn the_oracle_is_asked_about_each_kind_of_statement() {
    let sp = "*sp allow sp-web trust>dmz any>10.20.0.0/16 443";
    let asked = |text: &str| agree(&format!("{OBJECTS}\n{text}")).unwrap();
    let [shadowed, clear, defaults] = asked(&format!("block deny ssl any>any any>any any\n{sp}"));
    assert!(shadowed == 1 && clear == 0 && defaults > 0);
    let [shadowed, clear, defaults] = asked(&format!("open allow ssl any>any any>any any\n{sp}"));
    assert!(shadowed == 0 && clear == 1 && defaults > 0);
}
