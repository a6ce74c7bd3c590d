//! `test security-policy-match`: which rule of the *running* policy decides a session.
//!
//! Reply as recorded in public clients: `<response cmd="status" status="success"><result><rules><entry name="…">` with
//! `index`, the lists, `application_service`, `action`, `icmp-unreachable`, `terminal`; `<rules/>` without a match.

use super::{Command, refuse};
use crate::{
    api::envelope::Answer,
    policy::{Query, Rule, is_predefined_app},
    quirks::PolicyMatchLists,
    schema,
    tree::Element,
};
use std::net::IpAddr;

pub(super) fn handle(command: &Command<'_>) -> Option<Answer> {
    // A Panorama has no traffic; it passes the question on with `target`.
    let test = command.at(&["test", "security-policy-match"]).filter(|_| !command.device.is_panorama())?;
    Some(match question(command, test) {
        Ok(query) => {
            let enforced = command.device.enforced();
            let rule = enforced.policy.lookup(query);
            let named =
                !enforced.policy.is_default(rule) || command.device.quirks.policy_match_names_defaults;
            let rules = Element::new("rules")
                .with_all(named.then(|| entry(rule, query.app, command.device.quirks.policy_match_lists)));
            Answer::status_result([&rules])
        }
        Err(text) => refuse(&text),
    })
}

/// The command's arguments: addresses and protocol are needed, the rest narrows the question.
fn question<'a>(command: &Command<'_>, test: &'a Element) -> Result<Query<'a>, String> {
    const WORDS: &[&str] = &[
        "from",
        "to",
        "source",
        "destination",
        "destination-port",
        "protocol",
        "application",
        "source-user",
        "category",
        "show-all",
        "check-hip-mask",
        "source-os",
        "source-model",
        "source-vendor",
        "destination-os",
        "destination-model",
        "destination-vendor",
        "source-category",
        "source-profile",
        "destination-category",
        "destination-profile",
    ];
    let path = " test -> security-policy-match";
    if let Some(child) = test.children.iter().find(|child| !WORDS.contains(&child.name.as_str())) {
        return Err(format!("{path} -> {} is unexpected", child.name));
    }
    let address = |word: &str| -> Result<IpAddr, String> {
        let text = test.text_of(word).ok_or_else(|| format!("{path} is missing '{word}'"))?;
        text.parse().map_err(|_| format!("{path} -> {word} '{text}' is invalid"))
    };
    let number = |word: &str, least: u16, most: u16| match test.text_of(word) {
        Some(text) => match text.parse::<u16>() {
            Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
            Ok(_) | Err(_) => Err(format!("{path} -> {word} '{text}' is invalid")),
        },
        None => Ok(None),
    };
    number("protocol", 1, 255)?.ok_or_else(|| format!("{path} is missing 'protocol'"))?;
    let app = test.text_of("application").filter(|app| *app != "any");
    if let Some(app) = app.filter(|app| !knows_app(command, app)) {
        return Err(format!("{path} -> application '{app}' is not a valid reference"));
    }
    Ok(Query {
        from: test.text_of("from").unwrap_or_default(),
        to: test.text_of("to").unwrap_or_default(),
        source: address("source")?,
        destination: address("destination")?,
        port: number("destination-port", 0, u16::MAX)?.unwrap_or(0),
        app,
    })
}

fn knows_app(command: &Command<'_>, app: &str) -> bool {
    let state = command.device.lock();
    is_predefined_app(app) || schema::has_application(&state.store.running, &command.device.vsys, app)
}

fn entry(rule: &Rule, app: Option<&str>, form: PolicyMatchLists) -> Element {
    let list = |name: &str| {
        let members: Vec<&str> = rule.entry.members_of(name).collect();
        match form {
            PolicyMatchLists::Members => Element::new(name).with_all(
                if members.is_empty() { vec!["any"] } else { members }
                    .iter()
                    .map(|m| Element::leaf("member", *m)),
            ),
            PolicyMatchLists::Text => Element::leaf(
                name,
                match members.as_slice() {
                    [] => "any".to_owned(),
                    [one] => (*one).to_owned(),
                    many => format!("[ {} ]", many.join(" ")),
                },
            ),
        }
    };
    let application_service = format!("0:{}/any/any/any", app.unwrap_or("any"));
    Element::entry(&rule.name)
        .with(Element::leaf("index", rule.index.to_string()))
        .with(list("from"))
        .with(list("source"))
        .with(Element::leaf("source-region", "none"))
        .with(list("to"))
        .with(list("destination"))
        .with(Element::leaf("destination-region", "none"))
        .with(Element { name: "user".to_owned(), ..list("source-user") })
        .with(list("category"))
        .with(Element::leaf("application_service", application_service))
        .with(Element::leaf("action", rule.action.as_str()))
        .with(Element::leaf("icmp-unreachable", "no"))
        .with(Element::leaf("terminal", "yes"))
}
