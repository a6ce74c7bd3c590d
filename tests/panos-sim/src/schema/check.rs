//! Checks what a client writes against the schema, in the device's words; the first problem is the answer.
//!
//! Texts: `X -> foo unexpected here` (<https://github.com/PaloAltoNetworks/pan-os-ansible/issues/617>),
//! `NAME can be at most 63 characters, but current length: 64`
//! (`kevinsteves/pan-python:tests/test_xapi_fw_tgt_multi_config.py`), `'' needs to be at least 1 character`
//! (<https://github.com/PaloAltoNetworks/terraform-panos-ngfw-modules/issues/9>). Others are worded alike.

use super::{
    kind::{Entries, Form, Kind, Members, Refers, Text},
    references::resolves,
};
use crate::{
    engine::{CONTEXT_SNI, KNOWN_CONTEXTS, Matcher, parse_pattern},
    policy::is_address_literal,
    quirks::{ApplicationNeeds, BadPattern, Quirks},
    refusal::{Code, Refusal},
    scope::Scope,
    tree::Element,
    user_id::Filter,
};

/// Checks against one state of the configuration, in which references are looked up.
pub(crate) struct Checker<'a> {
    pub(crate) config: &'a Element,
    pub(crate) scope: Scope,
    pub(crate) quirks: &'a Quirks,
    /// Also ask for the members without which an object is not valid.
    pub(crate) complete: bool,
}

fn invalid(line: String) -> Refusal {
    Refusal::new(Code::InvalidObject, line)
}

impl Checker<'_> {
    /// Checks an element whose content has this kind. `label` names it, e.g. `my-rule -> source`.
    pub(crate) fn check(&self, kind: Kind, element: &Element, label: &str) -> Result<(), Refusal> {
        match kind {
            Kind::Open | Kind::Empty => Ok(()),
            Kind::ReadOnly => Err(invalid(format!(" {label} is read-only"))),
            Kind::Text(text) => self.text(text, element, label),
            Kind::Members(members) => self.members(members, element, label),
            Kind::Entries(entries) => {
                element.children.iter().try_for_each(|child| self.entry(entries, child, label))
            }
            Kind::Container(_) => {
                if !element.text.is_empty() {
                    return Err(invalid(format!(" {label} '{}' is unexpected", element.text)));
                }
                for child in &element.children {
                    self.child(kind, child, label)?;
                }
                if self.complete { check_required(kind, element, label) } else { Ok(()) }
            }
        }
    }

    /// Checks one child of a container or an item of a list, as a `set` brings it.
    pub(crate) fn child(&self, parent: Kind, child: &Element, label: &str) -> Result<(), Refusal> {
        match parent {
            Kind::Entries(entries) => self.entry(entries, child, label),
            Kind::Members(members) if child.name == "member" => self.member(members, child, label),
            Kind::Open => Ok(()),
            Kind::ReadOnly => Err(invalid(format!(" {label} is read-only"))),
            Kind::Container(_) | Kind::Members(_) | Kind::Text(_) | Kind::Empty => {
                match parent.field(&child.name) {
                    Some(field) => self.check(field.kind, child, &join(label, &child.name)),
                    None => Err(unexpected(label, &child.name)),
                }
            }
        }
    }

    /// Checks one item of a list of entries.
    pub(crate) fn entry(&self, entries: &Entries, entry: &Element, label: &str) -> Result<(), Refusal> {
        if entry.name != "entry" {
            return Err(unexpected(label, &entry.name));
        }
        let name = entry.attr("name").unwrap_or_default();
        check_name(entries, name)?;
        let label = if entries.object { name.to_owned() } else { join(label, name) };
        self.check(entries.kind, entry, &label)?;
        let missing = self.application_needs(entries).iter().find(|field| lacks(entry, field));
        match missing {
            Some(field) => Err(invalid(format!(" {label} is missing '{field}'"))),
            None => Ok(()),
        }
    }

    /// The members without which an application is not valid; nothing for other lists.
    fn application_needs(&self, entries: &Entries) -> &'static [&'static str] {
        if !self.complete || entries.kind.field("signature").is_none() {
            return &[];
        }
        match self.quirks.application_needs {
            ApplicationNeeds::CategoryAndRisk => &["category", "risk"],
            ApplicationNeeds::WhatTheFormAsks => &["category", "subcategory", "technology", "risk"],
            ApplicationNeeds::Nothing => &[],
        }
    }

    fn text(&self, text: &Text, element: &Element, label: &str) -> Result<(), Refusal> {
        if let Some(child) = element.children.first() {
            return Err(unexpected(label, &child.name));
        }
        check_length(&element.text, text.max, label)?;
        self.form(text.form, &element.text, label)?;
        self.reference(text.refers, &element.text, label)
    }

    fn members(&self, members: &Members, list: &Element, label: &str) -> Result<(), Refusal> {
        if !list.text.is_empty() {
            return Err(invalid(format!(" {label} '{}' is unexpected", list.text)));
        }
        for member in &list.children {
            self.member(members, member, label)?;
        }
        check_lonely(members, list, label)
    }

    fn member(&self, members: &Members, member: &Element, label: &str) -> Result<(), Refusal> {
        if member.name != "member" {
            return Err(unexpected(label, &member.name));
        }
        if member.text.is_empty() {
            return Err(invalid(format!(" {label} '' needs to be at least 1 character")));
        }
        check_length(&member.text, members.max, label)?;
        self.reference(members.refers, &member.text, label)
    }

    fn reference(&self, refers: Refers, name: &str, label: &str) -> Result<(), Refusal> {
        if resolves(self.config, &self.scope, refers, name) {
            return Ok(());
        }
        Err(Refusal {
            code: Code::InvalidObject,
            lines: vec![
                format!(" {label} '{name}' is not a valid reference"),
                format!(" {label} is invalid"),
            ],
        })
    }

    fn form(&self, form: Form, text: &str, label: &str) -> Result<(), Refusal> {
        let fits = match form {
            Form::Any => true,
            Form::OneOf(words) => {
                if !words.contains(&text) {
                    return Err(Refusal {
                        code: Code::InvalidObject,
                        lines: vec![
                            format!(" {label} '{text}' is not an allowed keyword"),
                            format!(" {label} is invalid"),
                        ],
                    });
                }
                true
            }
            Form::Number(min, max) => text.parse().is_ok_and(|number: u64| (min..=max).contains(&number)),
            Form::Color => color_fits(text),
            Form::Address => is_address_literal(text),
            Form::Fqdn => fqdn_fits(text),
            Form::Ports => ports_fit(text),
            Form::Context => {
                KNOWN_CONTEXTS.contains(&text) && (text != CONTEXT_SNI || self.quirks.sni_context_known)
            }
            Form::TagFilter => Filter::parse(text).is_some(),
            Form::Pattern => return self.pattern(text, label),
            Form::ApplicationDescription => {
                return check_length(text, self.quirks.application_description_limit, label);
            }
        };
        if fits { Ok(()) } else { Err(invalid(format!(" {label} '{text}' is invalid"))) }
    }

    fn pattern(&self, text: &str, label: &str) -> Result<(), Refusal> {
        let judged = parse_pattern(text, self.quirks.pattern_engine).and_then(|node| Matcher::new(&node));
        match (judged, self.quirks.bad_pattern) {
            (Ok(_), _) | (Err(_), BadPattern::BadSignature) => Ok(()),
            (Err(error), BadPattern::RefusedAtWrite) => {
                Err(invalid(format!(" {label} '{text}' is invalid: {error}")))
            }
        }
    }
}

/// `any` and `application-default` stand alone; the device's words were reported for `application-default`.
pub(crate) fn check_lonely(members: &Members, list: &Element, label: &str) -> Result<(), Refusal> {
    let word = list.children.iter().find(|member| members.lonely.contains(&member.text.as_str()));
    match word {
        Some(word) if list.children.len() > 1 => {
            let what = label.rsplit(" -> ").next().unwrap_or(label);
            let line = format!(" {label} '{}' should not be used with another {what}", word.text);
            Err(Refusal { code: Code::InvalidObject, lines: vec![line, format!(" {label} is invalid")] })
        }
        Some(_) | None => Ok(()),
    }
}

/// Are the members there without which the object is not valid? `NAME is missing 'service'`.
pub(crate) fn check_required(kind: Kind, element: &Element, label: &str) -> Result<(), Refusal> {
    let Kind::Container(groups) = kind else { return Ok(()) };
    let mut required = groups.iter().flat_map(|group| group.iter()).filter(|field| field.required);
    let missing = required.find(|field| lacks(element, field.name));
    match missing {
        Some(field) => Err(invalid(format!(" {label} is missing '{}'", field.name))),
        None => Ok(()),
    }
}

fn lacks(element: &Element, name: &str) -> bool {
    element.child(name).is_none_or(|child| child.children.is_empty() && child.text.is_empty())
}

fn join(label: &str, name: &str) -> String {
    if label.is_empty() { name.to_owned() } else { format!("{label} -> {name}") }
}

fn unexpected(label: &str, name: &str) -> Refusal {
    let mut lines = vec![format!(" {} unexpected here", join(label, name))];
    if !label.is_empty() {
        lines.push(format!(" {label} is invalid"));
    }
    Refusal { code: Code::InvalidObject, lines }
}

fn check_name(entries: &Entries, name: &str) -> Result<(), Refusal> {
    let length = name.chars().count();
    if length == 0 {
        return Err(invalid(" name '' needs to be at least 1 character".to_owned()));
    }
    if length > entries.max_name {
        return Err(invalid(format!(
            " {name} can be at most {} characters, but current length: {length}",
            entries.max_name
        )));
    }
    if entries.rule.holds(name) { Ok(()) } else { Err(invalid(format!(" name '{name}' is invalid"))) }
}

fn check_length(text: &str, max: usize, label: &str) -> Result<(), Refusal> {
    let length = text.chars().count();
    if length <= max {
        return Ok(());
    }
    Err(invalid(format!(" {label} can be at most {max} characters, but current length: {length}")))
}

fn color_fits(text: &str) -> bool {
    text.strip_prefix("color")
        .and_then(|number| number.parse().ok())
        .is_some_and(|number: u8| (1..=42).contains(&number) && number != 18)
}

/// `^[a-zA-Z0-9_]([a-zA-Z0-9._-])+[a-zA-Z0-9]$` (vendor OpenAPI).
fn fqdn_fits(text: &str) -> bool {
    let first = text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    let last = text.chars().last().is_some_and(|c| c.is_ascii_alphanumeric());
    first && last && text.len() >= 3 && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

fn ports_fit(text: &str) -> bool {
    text.split(',').all(|part| {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        match (low.parse::<u16>(), high.parse::<u16>()) {
            (Ok(low), Ok(high)) => low <= high,
            (Err(_), _) | (_, Err(_)) => false,
        }
    })
}
