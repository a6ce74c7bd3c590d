//! The `uid-message`: each entry is done by itself; those that fail are told, the others stay done.
//!
//! Shape and texts as `PaloAltoNetworks/pan-os-python:panos/userid.py` and `kevinsteves/pan-python:lib/pan/xapi.py` read
//! them; the words for an address, tag or timeout that is none are ours.

use super::Registrations;
use crate::{
    refusal::{Code, Refusal},
    tree::Element,
};
use std::time::{Duration, Instant};

/// Thirty days in seconds, the longest timeout of a registered tag.
const LONGEST_TAG: u64 = 2_592_000;
/// Thirty days in minutes, for a user mapping.
const LONGEST_MAPPING: u64 = 43_200;
const LONGEST_TAG_NAME: usize = 127;

/// An entry that was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// `register`, `login`…
    pub(crate) section: String,
    /// The entry's own attributes.
    pub(crate) attrs: Vec<(String, String)>,
    pub(crate) message: String,
}

/// Does what the message says.
///
/// # Errors
/// The message as a whole is none.
pub(crate) fn apply(book: &Registrations, message: &Element, now: Instant) -> Result<Vec<Failure>, Refusal> {
    let refuse = |line: &str| Refusal::new(Code::InvalidCommand, line);
    if message.name != "uid-message" || message.text_of("type").is_none_or(|kind| kind != "update") {
        return Err(refuse(" uid-message of type update is expected"));
    }
    let payload = message.child("payload").ok_or_else(|| refuse(" uid-message is missing 'payload'"))?;
    let known =
        |section: &&Element| !["register", "unregister", "login", "logout"].contains(&section.name.as_str());
    if let Some(section) = payload.children.iter().find(known) {
        return Err(refuse(&format!(" uid-message -> payload -> {} is unexpected", section.name)));
    }
    let mut failures = Vec::new();
    for section in &payload.children {
        for entry in &section.children {
            let done = match section.name.as_str() {
                "register" => register(book, entry, now),
                "unregister" => unregister(book, entry, now),
                "login" => login(book, entry, now),
                _ => logout(book, entry),
            };
            failures.extend(done.into_iter().map(|message| Failure {
                section: section.name.clone(),
                attrs: entry.attrs.clone(),
                message,
            }));
        }
    }
    Ok(failures)
}

/// What went wrong with the entry's tags; a tag that fails does not stop the others.
fn register(book: &Registrations, entry: &Element, now: Instant) -> Vec<String> {
    let ip = entry.attr("ip").unwrap_or_default();
    let tags = entry.child("tag").into_iter().flat_map(|tag| &tag.children);
    let failed = tags.filter_map(|member| {
        let tag = member.text.as_str();
        if tag.is_empty() || tag.chars().count() > LONGEST_TAG_NAME {
            return Some(format!("a tag has 1 to {LONGEST_TAG_NAME} characters"));
        }
        let lasts = timeout(member, LONGEST_TAG);
        lasts.and_then(|seconds| book.register(ip, tag, seconds.map(Duration::from_secs), now)).err()
    });
    failed.collect()
}

fn unregister(book: &Registrations, entry: &Element, now: Instant) -> Vec<String> {
    let ip = entry.attr("ip").unwrap_or_default();
    let tags: Vec<_> = entry.members_of("tag").collect();
    if tags.is_empty() {
        return book.unregister(ip, None, now).err().into_iter().collect();
    }
    tags.into_iter().filter_map(|tag| book.unregister(ip, Some(tag), now).err()).collect()
}

fn login(book: &Registrations, entry: &Element, now: Instant) -> Vec<String> {
    let (user, ip) = (entry.attr("name").unwrap_or_default(), entry.attr("ip").unwrap_or_default());
    let lasts = timeout(entry, LONGEST_MAPPING);
    let done = lasts.and_then(|minutes| {
        book.login(user, ip, minutes.map(|minutes| Duration::from_secs(minutes * 60)), now)
    });
    done.err().into_iter().collect()
}

fn logout(book: &Registrations, entry: &Element) -> Vec<String> {
    book.logout(entry.attr("name").unwrap_or_default(), entry.attr("ip").unwrap_or_default());
    Vec::new()
}

/// `None`: it never ends.
fn timeout(element: &Element, longest: u64) -> Result<Option<u64>, String> {
    let Some(text) = element.attr("timeout") else { return Ok(None) };
    match text.parse() {
        Ok(0) => Ok(None),
        Ok(number) if number <= longest => Ok(Some(number)),
        Ok(_) | Err(_) => Err(format!("timeout '{text}' is not a number up to {longest}")),
    }
}
