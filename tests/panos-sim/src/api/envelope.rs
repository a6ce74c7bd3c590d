//! The shapes of answers. Root `response` with `status` and mostly a `code`; errors come with HTTP 200, except 403.
//!
//! Shapes as `kevinsteves/pan-python:lib/pan/xapi.py` reads them.

use crate::{
    config::{MultiReply, Outcome},
    refusal::Refusal,
    tree::{Element, escape, print_all},
};
use std::fmt::Write;

/// An answer before HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) http: u16,
    pub(crate) body: String,
    /// For the request log.
    pub(crate) status: String,
    pub(crate) job: Option<u32>,
}

impl Answer {
    fn ok(body: String) -> Self {
        Self { http: 200, body, status: "success".to_owned(), job: None }
    }

    /// `<response status="success"><result>…</result></response>`
    pub(crate) fn result<'a>(children: impl IntoIterator<Item = &'a Element>) -> Self {
        Self::ok(format!(r#"<response status="success"><result>{}</result></response>"#, print_all(children)))
    }

    pub(crate) fn result_text(text: &str) -> Self {
        Self::ok(format!(r#"<response status="success"><result>{}</result></response>"#, escape(text)))
    }

    /// Operational answers carry the name of the command's outcome too.
    pub(crate) fn status_result<'a>(children: impl IntoIterator<Item = &'a Element>) -> Self {
        let inner = print_all(children);
        Self::ok(format!(r#"<response cmd="status" status="success"><result>{inner}</result></response>"#))
    }

    /// A read of the candidate: code 19 with counts, or code 7 and nothing.
    pub(crate) fn found(elements: &[Element]) -> Self {
        if elements.is_empty() {
            return Self::ok(r#"<response status="success" code="7"><result/></response>"#.to_owned());
        }
        let (count, inner) = (elements.len(), print_all(elements));
        Self::ok(format!(
            r#"<response status="success" code="19"><result total-count="{count}" count="{count}">{inner}</result></response>"#
        ))
    }

    pub(crate) fn done(outcome: Outcome) -> Self {
        let (code, text) = outcome_text(outcome);
        Self::ok(format!(r#"<response status="success" code="{code}"><msg>{text}</msg></response>"#))
    }

    /// `There are no changes to commit.` comes as plain text.
    pub(crate) fn message(code: u16, text: &str) -> Self {
        Self::ok(format!(
            r#"<response status="success" code="{code}"><msg>{}</msg></response>"#,
            escape(text)
        ))
    }

    pub(crate) fn job_enqueued(kind: &str, id: u32) -> Self {
        let body = format!(
            r#"<response status="success" code="19"><result><msg><line>{kind} job enqueued with jobid {id}</line></msg><job>{id}</job></result></response>"#
        );
        Self { job: Some(id), ..Self::ok(body) }
    }

    pub(crate) fn refused(refusal: &Refusal) -> Self {
        let code = refusal.code.number();
        let body = format!(r#"<response status="error" code="{code}">{}</response>"#, message_lines(refusal));
        Self { http: 200, body, status: format!("error {code}"), job: None }
    }

    /// Of a User-ID message some entries were not done.
    pub(crate) fn entries_failed(response: &Element) -> Self {
        let inner = print_all([response]);
        let body = format!(r#"<response status="error"><msg><line>{inner}</line></msg></response>"#);
        Self { http: 200, body, status: "error".to_owned(), job: None }
    }

    pub(crate) fn completions(found: &Element) -> Self {
        Self::ok(format!(r#"<response status="success" code="19">{}</response>"#, print_all([found])))
    }

    /// The odd body of a bad key: single quotes, spaces, and the text in `result/msg`.
    pub(crate) fn forbidden() -> Self {
        let body = "<response status = 'error' code = '403'><result><msg>Invalid Credential</msg></result></response>";
        Self { http: 403, body: body.to_owned(), status: "error 403".to_owned(), job: None }
    }

    /// What is not even a request of the API.
    pub(crate) fn bad_request(text: &str) -> Self {
        let text = escape(text);
        let body =
            format!("<response status = 'error' code = '400'><result><msg>{text}</msg></result></response>");
        Self { http: 400, body, status: "error 400".to_owned(), job: None }
    }

    /// A body that is not XML, as a proxy in between sends it.
    pub(crate) fn not_xml(http: u16) -> Self {
        let body = format!("<html><head><title>{http}</title><body><center>{http}<hr>nginx</center>");
        Self { http, body, status: format!("http {http}"), job: None }
    }

    /// One inner response for each operation that was tried; the outer one fails with code 13.
    pub(crate) fn multi(reply: &MultiReply) -> Self {
        let mut inner = String::new();
        for sub in &reply.replies {
            let id = sub.id.as_ref().map(|id| format!(" id=\"{}\"", escape(id))).unwrap_or_default();
            let (status, code, message) = match &sub.result {
                Ok(outcome) => {
                    let (code, text) = outcome_text(*outcome);
                    ("success", code, format!("<msg>{text}</msg>"))
                }
                Err(refusal) => ("error", refusal.code.number(), message_lines(refusal)),
            };
            // Writing to a String cannot fail.
            write!(inner, r#"<response status="{status}" code="{code}"{id}>{message}</response>"#).ok();
        }
        let (status, code) = if reply.failed() { ("error", 13) } else { ("success", 20) };
        let body = format!(r#"<response status="{status}" code="{code}">{inner}</response>"#);
        let logged = if reply.failed() { format!("error {code}") } else { "success".to_owned() };
        Self { http: 200, body, status: logged, job: None }
    }
}

fn outcome_text(outcome: Outcome) -> (u16, &'static str) {
    match outcome {
        Outcome::Done => (20, "command succeeded"),
        Outcome::NothingThere => (7, "Object doesn't exist"),
    }
}

fn message_lines(refusal: &Refusal) -> String {
    let lines: String = refusal.lines.iter().map(|line| format!("<line>{}</line>", escape(line))).collect();
    format!("<msg>{lines}</msg>")
}
