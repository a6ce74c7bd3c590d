//! The envelope of every answer: `<response status="…" code="…">`, with the message in one of many places.
//!
//! The places are those that <https://github.com/kevinsteves/pan-python/blob/master/lib/pan/xapi.py> looks in.

use std::sync::Arc;

use sallyport_contract::refusal::quoted;

use super::Pool;
use crate::{
    actual::without_bookkeeping,
    xml::{Element, ParseError, excerpt, parse, parse_list},
};

/// One answer, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// How it went.
    pub status: Status,
    /// The code, where there is one.
    pub code: Option<u16>,
    /// The device's words; empty if it has none.
    pub words: String,
    /// The whole answer, but for what is in `entries`.
    pub root: Element,
    /// The entries of the list that was asked for.
    pub entries: Vec<Arc<Element>>,
}

/// How a call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It was done.
    Success,
    /// It was not.
    Error,
    /// Nobody knows us.
    Unauthorised,
}

/// Why a body is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAReply {
    /// Not XML, as what a proxy in between sends, or what was cut off.
    #[error("the answer {start} is not PAN-OS XML")]
    Xml {
        /// How it begins.
        start: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// XML of another kind.
    #[error("the answer is <{0}>, not <response> with a status that PAN-OS knows")]
    Root(String),
}

impl Reply {
    /// Reads a body.
    ///
    /// # Errors
    /// The body is no answer of PAN-OS.
    pub fn read(body: &str) -> Result<Self, NotAReply> {
        Self::of(parse(body), body)
    }

    /// Reads the body of an answer that holds a list.
    ///
    /// # Errors
    /// As [`Reply::read`].
    pub fn read_list(body: &str, pool: &Pool) -> Result<Self, NotAReply> {
        let mut entries = Vec::new();
        let root = parse_list(body, &mut |entry| entries.push(pool.of(without_bookkeeping(entry))));
        entries.shrink_to_fit();
        Ok(Self { entries, ..Self::of(root, body)? })
    }

    fn of(root: Result<Element, ParseError>, body: &str) -> Result<Self, NotAReply> {
        let start = || quoted(body.chars().take(80).collect::<String>().as_str());
        let root = root.map_err(|source| NotAReply::Xml { start: start(), source })?;
        let status = match (root.name.as_str(), root.attribute("status")) {
            ("response", Some("success")) => Status::Success,
            ("response", Some("error")) => Status::Error,
            ("response", Some("unauth")) => Status::Unauthorised,
            (name, _) => return Err(NotAReply::Root(excerpt(name, 40))),
        };
        Ok(Self { status, code: code(&root), words: words(&root), root, entries: Vec::new() })
    }

    /// The same without anything that the device says in its own words.
    #[must_use]
    pub fn without_words(mut self) -> Self {
        fn silence(element: &mut Element) {
            element.text.clear();
            element.attributes.retain(|(key, _)| matches!(key.as_str(), "status" | "code" | "id"));
            element.children.retain(|child| child.name == "response");
            element.children.iter_mut().for_each(silence);
        }
        silence(&mut self.root);
        self.entries.clear();
        self.words = "an answer that repeats what we sent, and is not shown".to_owned();
        self
    }

    /// The element `result`.
    #[must_use]
    pub fn result(&self) -> Option<&Element> {
        self.root.child("result")
    }

    /// The answers to the single operations of a multi-config request, in order.
    #[must_use]
    pub fn nested(&self) -> Vec<(bool, Option<u16>, String)> {
        let responses = self.root.children.iter().filter(|child| child.name == "response");
        responses.map(|one| (one.attribute("status") == Some("success"), code(one), words(one))).collect()
    }
}

fn code(element: &Element) -> Option<u16> {
    element.attribute("code").and_then(|code| code.trim().parse().ok())
}

/// The words in the first place that has any, several lines joined.
fn words(response: &Element) -> String {
    let places =
        [response.child("msg"), response.at(&["result", "msg"]), response.at(&["result", "job", "details"])];
    let found = places.into_iter().flatten().map(lines).find(|text| !text.is_empty());
    let nested = || response.children.iter().rfind(|child| child.name == "response").map(words);
    found.or_else(nested).unwrap_or_default()
}

/// Most characters of the device's words that are kept: they stand in events and conditions.
const LONGEST: usize = 1000;

/// All text under an element, line by line, cut where it grows too long to be told.
#[must_use]
pub fn lines(element: &Element) -> String {
    let texts: Vec<&str> = element.walk().map(|e| e.text.as_str()).filter(|text| !text.is_empty()).collect();
    excerpt(&texts.join("; "), LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_is_found_in_every_place() {
        for (body, words) in [
            (
                r#"<response status="success" code="19"><msg>There are no changes to commit.</msg></response>"#,
                "There are no changes to commit.",
            ),
            (
                r#"<response status="error" code="12"><msg><line>a is invalid</line><line><![CDATA[b <c>]]></line></msg></response>"#,
                "a is invalid; b <c>",
            ),
            (r#"<response status="error"><msg><line><line>deep</line></line></msg></response>"#, "deep"),
            (
                "<response status = 'error' code = '403'><result><msg>Invalid Credential</msg></result></response>",
                "Invalid Credential",
            ),
            (
                r#"<response status="success" code="19"><result><msg><line>Commit job enqueued with jobid 7</line></msg><job>7</job></result></response>"#,
                "Commit job enqueued with jobid 7",
            ),
            (
                r#"<response status="success"><result><job><details><line><newjob><newmsg>text</newmsg></newjob></line></details></job></result></response>"#,
                "text",
            ),
            (
                r#"<response status="error" code="13"><response status="success" code="20"><msg>command succeeded</msg></response><response status="error" code="12"><msg><line>x unexpected here</line></msg></response></response>"#,
                "x unexpected here",
            ),
            (
                r#"<response status="unauth" code="22"><msg><line>Session timed out</line></msg></response>"#,
                "Session timed out",
            ),
            (r#"<response status="success"><result/></response>"#, ""),
        ] {
            assert_eq!(Reply::read(body).unwrap().words, words, "{body}");
        }
    }

    #[test]
    fn nested_answers_keep_their_order() {
        let body = r#"<response status="error" code="13"><response status="success" code="7"><msg>Object doesn't exist</msg></response><response status="error" code="12" id="2"><msg><line>no</line></msg></response></response>"#;
        let nested = Reply::read(body).unwrap().nested();
        assert_eq!(
            nested,
            [(true, Some(7), "Object doesn't exist".to_owned()), (false, Some(12), "no".to_owned())]
        );
    }

    #[test]
    fn what_is_no_answer_says_what_it_is() {
        for (body, words) in [
            ("<html><body>502", "the answer \"<html><body>502\" is not PAN-OS XML"),
            ("", "the answer \"\" is not PAN-OS XML"),
            (
                "<response status='odd'/>",
                "the answer is <response>, not <response> with a status that PAN-OS knows",
            ),
            ("<config/>", "the answer is <config>, not <response> with a status that PAN-OS knows"),
        ] {
            assert_eq!(Reply::read(body).unwrap_err().to_string(), words);
        }
    }
}
