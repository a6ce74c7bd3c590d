//! Findings in words for the people who own the rulebase.

use super::{
    extent::Extent,
    ours::What,
    rule::{Match, Rule},
    shadow::Stage,
};
use crate::xml::Element;

/// Most members of a list that are shown.
const MOST_SHOWN: usize = 3;

/// A rule by name and layer.
pub(super) fn named(rule: &Rule<'_>) -> String {
    format!("rule {} ({})", rule.name, rule.layer)
}

/// A shadow: the rule, what it does when, on what the two meet, what to do.
pub(super) fn shadow(ours: &str, rule: &Rule<'_>, stage: Stage, extent: Extent, met: &Match) -> String {
    let (does, so) = match stage {
        Stage::Ssl => (
            "denies ssl",
            format!(
                "a TLS session is looked up as ssl first and ends there, so {ours} is not asked; put the rule below {ours}, or take ssl to these destinations out of it"
            ),
        ),
        Stage::AppId => (
            match rule.what {
                What::Allow => "allows our App-IDs",
                What::Deny => "denies our App-IDs",
            },
            format!(
                "the first rule that matches decides, so {ours} is not asked; put the rule below {ours}, or take our App-IDs out of it"
            ),
        ),
    };
    format!(
        "{} stands above {ours} and {does} for {} its sessions ({}): {so}",
        named(rule),
        extent.words(),
        meets(rule, met),
    )
}

/// On what the two meet: every field of the rule, and how much of ours it covers where that is not all.
fn meets(rule: &Rule<'_>, met: &Match) -> String {
    let mut parts: Vec<String> = met
        .fields
        .iter()
        .map(|(field, extent)| match extent {
            Extent::Whole => shown(rule.entry, field),
            Extent::Part | Extent::May => {
                format!("{}, {} ours", shown(rule.entry, field), extent.words())
            }
        })
        .collect();
    if met.conditional {
        let conditions = rule.conditions.join(", ");
        parts.push(format!("{conditions}, which only the firewall can judge"));
    }
    parts.join("; ")
}

fn shown(entry: Option<&Element>, field: &str) -> String {
    let list = |name: &str| entry.map_or_else(|| "any".to_owned(), |entry| members(entry, name));
    let negated = |flag: &str| {
        if entry.is_some_and(|entry| entry.text_of(flag) == Some("yes")) { "not " } else { "" }
    };
    match field {
        "zones" => format!("zones {} to {}", list("from"), list("to")),
        "source" => format!("source {}{}", negated("negate-source"), list("source")),
        "destination" => format!("destination {}{}", negated("negate-destination"), list("destination")),
        other => format!("{other} {}", list(other)),
    }
}

fn members(entry: &Element, list: &str) -> String {
    let all: Vec<&str> = entry.members_of(list).collect();
    let first = all.iter().take(MOST_SHOWN).copied().collect::<Vec<_>>().join(", ");
    match all.len() {
        0 => "any".to_owned(),
        count if count > MOST_SHOWN => format!("{first} and {} more", count - MOST_SHOWN),
        _ => first,
    }
}
