//! What single answers say: lists, facts, jobs, bad signatures, the deciding rule.

use std::sync::Arc;

use sallyport_contract::{Reason, refusal::quoted};

use super::{
    envelope::{Reply, Status, lines},
    fate::{self, Code},
};
use crate::{
    firewall::{BadSignatures, Facts, Fate, Fault, JobLine, JobState, Lock, PatternVerdict, Pending},
    xml::{Element, excerpt},
};

/// Longest name of anything on a device.
pub(super) const LONGEST_NAME: usize = 255;
/// Longest path to anything on a device.
const LONGEST_PATH: usize = 2000;
/// Longest account of how a job ended, which may be about many firewalls.
const LONGEST_WORDS: usize = 2000;

/// The text of a child, cut where it is longer than any name.
pub(super) fn name_in(element: &Element, child: &str) -> String {
    excerpt(element.text_of(child).unwrap_or_default(), LONGEST_NAME)
}

/// A list of the configuration; empty where the device has none.
#[derive(Debug, Default)]
pub(super) struct List {
    /// The element itself, without its entries.
    pub(super) node: Element,
    /// The entries in their order.
    pub(super) entries: Vec<Arc<Element>>,
}

/// The list that was read, an element `node`. `get` of what is not there is success with code 7 and an empty result;
/// `show` of it is an error whose text is `No such node`. What is neither says nothing about what is there.
pub(super) fn list(mut reply: Reply, doing: &str, node: &str) -> Result<List, Fault> {
    let absent = reply.words.to_ascii_lowercase().contains("no such node");
    let other = |what: &str| Fault {
        fate: Fate::Retry(Reason::FirewallUnreachable),
        message: format!("{doing}: the firewall answers success with {what}, not with the list {node}"),
    };
    match reply.status {
        Status::Success => {
            let result = reply.root.children.iter_mut().find(|child| child.name == "result");
            match result.map(|result| result.children.pop()) {
                Some(Some(list)) if list.name == node => Ok(List { node: list, entries: reply.entries }),
                Some(Some(list)) => Err(other(&quoted(&list.name))),
                Some(None) => Ok(List::default()),
                None if Code::from(reply.code) == Code::NotPresent => Ok(List::default()),
                None => Err(other("nothing")),
            }
        }
        Status::Error if absent || Code::from(reply.code) == Code::NotPresent => Ok(List::default()),
        Status::Error | Status::Unauthorised => Err(fate::fault(&reply, doing)),
    }
}

pub(super) fn facts(reply: &Reply) -> Facts {
    let system = reply.result().and_then(|result| result.child("system"));
    let text = |name: &str| system.map(|system| name_in(system, name)).unwrap_or_default();
    Facts {
        model: text("model"),
        version: text("sw-version"),
        serial: text("serial"),
        active: None,
        content: text("app-version"),
        time: text("time"),
    }
}

/// The id of the job that a commit started; `None` if there was nothing to commit.
pub(super) fn job_id(reply: &Reply) -> Option<String> {
    reply.result()?.text_of("job").filter(|id| is_job_id(id)).map(ToOwned::to_owned)
}

fn is_job_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= 20 && text.bytes().all(|b| b.is_ascii_digit())
}

/// All jobs that the device remembers.
pub(super) fn jobs(reply: &Reply) -> Vec<JobLine> {
    let jobs = reply.result().into_iter().flat_map(|result| &result.children);
    jobs.filter(|job| job.text_of("id").is_some_and(is_job_id))
        .map(|job| JobLine {
            id: name_in(job, "id"),
            kind: name_in(job, "type"),
            user: name_in(job, "user"),
            ended: job.text_of("status") == Some("FIN"),
            ok: job.text_of("result") == Some("OK"),
            at: name_in(job, "tfin"),
        })
        .collect()
}

/// What is written and not committed: a journal of entries, as public clients read `show config list changes`.
pub(super) fn pending(reply: &Reply) -> Vec<Pending> {
    let entries = reply.result().into_iter().flat_map(Element::walk).filter(|e| e.text_of("xpath").is_some());
    entries
        .map(|entry| Pending {
            xpath: excerpt(entry.text_of("xpath").unwrap_or_default(), LONGEST_PATH),
            owner: name_in(entry, "owner"),
            action: name_in(entry, "action").to_ascii_uppercase(),
        })
        .collect()
}

/// The locks of one kind, as <https://github.com/PaloAltoNetworks/pango/blob/main/util/lock.go> reads them.
pub(super) fn locks(reply: &Reply, kind: &'static str) -> Vec<Lock> {
    let entries = reply.result().into_iter().flat_map(Element::walk).filter(|e| e.name == "entry");
    let text = |entry: &Element, name: &str| entry.text_of(name).unwrap_or_default().to_owned();
    entries
        .map(|entry| Lock {
            kind,
            owner: entry.entry_name().to_owned(),
            scope: text(entry, "name"),
            comment: Some(text(entry, "comment")).filter(|words| words != "(null)").unwrap_or_default(),
        })
        .collect()
}

/// What a pattern engine says. The form of its answer is not public, so only plain words count; a device that does not
/// know the question, or may not be asked it, has said nothing.
pub(super) fn pattern_verdict(reply: &Reply, doing: &str) -> Result<PatternVerdict, Fault> {
    let words = || {
        let told = reply.result().map(lines).filter(|text| !text.is_empty());
        quoted(&told.unwrap_or_else(|| reply.words.clone()))
    };
    match reply.status {
        Status::Success => {}
        Status::Error | Status::Unauthorised => {
            let fault = fate::fault(reply, doing);
            return match fault.fate {
                Fate::Stop(Reason::EntryRefused | Reason::CredentialsRefused) => {
                    Ok(PatternVerdict::Unknown(words()))
                }
                Fate::Retry(_) | Fate::Wait(_) | Fate::RefuseEntry(_) | Fate::Stop(_) => Err(fault),
            };
        }
    }
    let lower = words().to_ascii_lowercase();
    let says = |signs: &[&str]| signs.iter().any(|sign| lower.contains(sign));
    Ok(if says(&["invalid", "not valid", "not supported", "unsupported"]) {
        PatternVerdict::Invalid(words())
    } else if says(&["valid"]) {
        PatternVerdict::Valid(words())
    } else {
        PatternVerdict::Unknown(words())
    })
}

/// How a job stands: `status` ACT, PEND or FIN, `result` OK, PEND or FAIL
/// (<https://docs.paloaltonetworks.com/ngfw/api/pan-os-xml-api-request-types-and-actions/commit>).
pub(super) fn job(reply: &Reply, doing: &str) -> Result<JobState, Fault> {
    let unknown = reply.words.to_ascii_lowercase().contains("not found");
    match reply.status {
        Status::Success => {}
        Status::Error if unknown || Code::from(reply.code) == Code::NotPresent => {
            return Ok(JobState::Unknown);
        }
        Status::Error | Status::Unauthorised => return Err(fate::fault(reply, doing)),
    }
    let Some(job) = reply.result().and_then(|result| result.child("job")) else {
        return Ok(JobState::Unknown);
    };
    if job.text_of("status") != Some("FIN") {
        let progress = job.text_of("progress").and_then(|text| text.parse().ok()).filter(|n| *n <= 100);
        return Ok(JobState::Running { progress });
    }
    let parts = ["details", "warnings"].into_iter().filter_map(|name| job.child(name)).map(lines);
    let devices = job.child("devices").into_iter().flat_map(|devices| &devices.children);
    let unfinished = devices.clone().any(|device| device.text_of("result") == Some("PEND"));
    if unfinished {
        // A push may be said to have ended while it still runs on some firewall.
        return Ok(JobState::Running { progress: None });
    }
    let failed = devices.filter(|device| device.text_of("result").is_some_and(|result| result != "OK"));
    let failed: Vec<String> = failed.map(device_words).collect();
    let words = parts.filter(|text| !text.is_empty()).chain(failed.clone()).collect::<Vec<_>>().join("; ");
    let words = excerpt(&words, LONGEST_WORDS);
    Ok(if job.text_of("result") == Some("OK") && failed.is_empty() {
        JobState::Done { words }
    } else {
        JobState::Failed { words }
    })
}

/// What a push says of one firewall.
fn device_words(device: &Element) -> String {
    let name = device.text_of("devicename").or_else(|| device.text_of("serial-no")).unwrap_or_default();
    let details = device.child("details").map(lines).unwrap_or_default();
    format!("{name}: {} {details}", device.text_of("result").unwrap_or_default()).trim_end().to_owned()
}

/// Each entry of the answer as one line of words; attributes count, since the form is not public.
pub(super) fn bad_signatures(reply: &Reply) -> BadSignatures {
    let Some(result) = reply.result() else { return BadSignatures::default() };
    let mut all = vec![result.text.to_string()];
    all.extend(result.children.iter().map(|entry| {
        let words = entry.walk().flat_map(|element| {
            element.attributes.iter().map(|(_, value)| value.as_str()).chain([element.text.as_str()])
        });
        words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ").replace(['\n', '\r'], " ")
    }));
    BadSignatures(all.join("\n"))
}

/// The first rule of the answer. Its name is the entry's attribute, or on older releases the entry's text
/// up to a semicolon.
pub(super) fn deciding_rule(reply: &Reply) -> Option<String> {
    let entry = reply.result()?.child("rules")?.child("entry")?;
    let name = match entry.attribute("name") {
        Some(name) => name,
        None => entry.text.split(';').next().unwrap_or_default().trim(),
    };
    (!name.is_empty()).then(|| excerpt(name, LONGEST_NAME))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::panos::Pool;

    #[test]
    fn a_pattern_engine_is_believed_only_in_plain_words() {
        let verdict = |body: &str| pattern_verdict(&reply(body), "testing").unwrap();
        let told = |words: &str| format!("<response status='success'><result>{words}</result></response>");
        for (body, expected) in [
            (told("pattern is valid, engine: lscan"), "Valid"),
            (told("<line>pattern is invalid: needs 7 bytes</line>"), "Invalid"),
            (told("'(?i)' is not supported by this engine"), "Invalid"),
            (told("score 97"), "Unknown"),
            ("<response status='error' code='17'><msg><line> test -> x is unexpected</line></msg></response>".to_owned(), "Unknown"),
        ] {
            assert!(format!("{:?}", verdict(&body)).starts_with(expected), "{body}");
        }
        let busy = reply("<response status='error' code='13'><msg>A commit is in progress.</msg></response>");
        assert!(pattern_verdict(&busy, "testing").is_err(), "what passes is asked again");
    }

    #[test]
    fn locks_are_read_with_owner_and_place() {
        let body = "<response status='success'><result><commit-locks><entry name='anna'><type>vsys</type><name>vsys1</name><comment>(null)</comment></entry></commit-locks></result></response>";
        let lock =
            Lock { kind: "commit", owner: "anna".into(), scope: "vsys1".into(), comment: String::new() };
        assert_eq!(locks(&reply(body), "commit"), [lock]);
        assert_eq!(
            locks(&reply("<response status='success'><result><config-locks/></result></response>"), "config"),
            []
        );
    }

    fn reply(body: &str) -> Reply {
        Reply::read(body).unwrap()
    }

    fn listed(body: &str) -> Reply {
        Reply::read_list(body, &Pool::default()).unwrap()
    }

    #[test]
    fn what_is_not_there_is_an_empty_list() {
        for body in [
            r#"<response status="success" code="7"><result/></response>"#,
            r#"<response status="error"><msg><line>No such node</line></msg></response>"#,
        ] {
            assert_eq!(list(listed(body), "reading", "application").unwrap().entries, [], "{body}");
        }
        let there = r#"<response status="success" code="19"><result total-count="1" count="1"><application><entry name="a"/></application></result></response>"#;
        assert_eq!(list(listed(there), "reading", "application").unwrap().entries.len(), 1);
        for body in [
            r#"<response status="error" code="17"><msg><line>x</line></msg></response>"#,
            r#"<response status="success"><msg>welcome</msg></response>"#,
            r#"<response status="success"><result><rules/></result></response>"#,
        ] {
            assert!(list(listed(body), "reading", "application").is_err(), "{body}");
        }
    }

    #[test]
    fn jobs_are_read_in_every_state() {
        let job_in = |inner: &str| {
            job(
                &reply(&format!(
                    r#"<response status="success"><result><job>{inner}</job></result></response>"#
                )),
                "asking",
            )
            .unwrap()
        };
        assert_eq!(
            job_in("<status>ACT</status><result>PEND</result><progress>40</progress>"),
            JobState::Running { progress: Some(40) }
        );
        assert_eq!(
            job_in("<status>PEND</status><progress>2026/11/21 09:00:00</progress>"),
            JobState::Running { progress: None }
        );
        assert_eq!(
            job_in(
                "<status>FIN</status><result>OK</result><details><line>Configuration committed successfully</line></details>"
            ),
            JobState::Done { words: "Configuration committed successfully".into() }
        );
        assert_eq!(
            job_in(
                "<status>FIN</status><result>FAIL</result><details><line>a is missing 'service'</line></details><warnings><line>w</line></warnings>"
            ),
            JobState::Failed { words: "a is missing 'service'; w".into() }
        );
        let gone =
            reply(r#"<response status="error" code="7"><msg><line>job 4 not found</line></msg></response>"#);
        assert_eq!(job(&gone, "asking").unwrap(), JobState::Unknown);
    }

    #[test]
    fn commits_answer_with_a_job_or_none() {
        let job = r#"<response status="success" code="19"><result><msg><line>Commit job enqueued with jobid 70000</line></msg><job>70000</job></result></response>"#;
        assert_eq!(job_id(&reply(job)).as_deref(), Some("70000"));
        assert_eq!(
            job_id(&reply(
                r#"<response status="success" code="19"><msg>There are no changes to commit.</msg></response>"#
            )),
            None
        );
    }

    #[test]
    fn all_jobs_and_all_pending_changes_are_read() {
        let body = r#"<response status="success"><result><job><id>12</id><user>alice</user><type>Commit</type><status>FIN</status><result>OK</result><tfin>12:01:07</tfin></job><job><id>x</id></job><job><id>13</id><type>CommitAll</type><status>ACT</status><result>PEND</result></job></result></response>"#;
        let line = |id: &str, kind: &str, user: &str, ended, at: &str| JobLine {
            id: id.into(),
            kind: kind.into(),
            user: user.into(),
            ended,
            ok: ended,
            at: at.into(),
        };
        assert_eq!(
            jobs(&reply(body)),
            [line("12", "Commit", "alice", true, "12:01:07"), line("13", "CommitAll", "", false, "")]
        );
        let body = r#"<response status="success"><result><journal><entry><xpath>/config/x</xpath><owner>alice</owner><action>set</action></entry><entry/></journal></result></response>"#;
        let change = Pending { xpath: "/config/x".into(), owner: "alice".into(), action: "SET".into() };
        assert_eq!(pending(&reply(body)), [change]);
    }

    #[test]
    fn a_push_has_ended_well_only_when_it_has_on_every_firewall() {
        let push = |devices: &str, result: &str| {
            let body = format!(
                r#"<response status="success"><result><job><status>FIN</status><result>{result}</result><devices>{devices}</devices></job></result></response>"#
            );
            job(&reply(&body), "asking").unwrap()
        };
        let ok = "<entry><serial-no>1</serial-no><devicename>fw-1</devicename><result>OK</result></entry>";
        let pend = "<entry><serial-no>2</serial-no><result>PEND</result></entry>";
        let fail = "<entry><serial-no>2</serial-no><devicename>fw-2</devicename><result>FAIL</result><details><msg><errors><line>not connected</line></errors></msg></details></entry>";
        assert_eq!(push(ok, "OK"), JobState::Done { words: String::new() });
        assert_eq!(push(&format!("{ok}{pend}"), "OK"), JobState::Running { progress: None });
        let failed = JobState::Failed { words: "fw-2: FAIL not connected".into() };
        assert_eq!(push(&format!("{ok}{fail}"), "OK"), failed);
    }

    #[test]
    fn the_deciding_rule_is_read_in_both_forms() {
        let rule = |inner: &str| {
            deciding_rule(&reply(&format!(
                r#"<response cmd="status" status="success"><result><rules>{inner}</rules></result></response>"#
            )))
        };
        assert_eq!(rule("<entry name='sp-shop'><index>1</index></entry>").as_deref(), Some("sp-shop"));
        assert_eq!(rule("<entry>sp-shop; index: 1</entry>").as_deref(), Some("sp-shop"));
        assert_eq!(rule(""), None);
    }
}
