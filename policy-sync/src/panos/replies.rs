//! What single answers say: lists, facts, jobs, bad signatures, the deciding rule.

use super::{
    envelope::{Reply, Status, lines},
    fate::{self, Code},
};
use crate::{
    firewall::{BadSignatures, Facts, Fault, JobState},
    xml::Element,
};

/// The list that was read. `get` of what is not there is success with code 7 and an empty result; `show` of
/// it is an error whose text is `No such node`.
pub(super) fn list(mut reply: Reply, doing: &str) -> Result<Element, Fault> {
    let absent = reply.words.to_ascii_lowercase().contains("no such node");
    match reply.status {
        Status::Success => {
            let result = reply.root.children.iter_mut().find(|child| child.name == "result");
            Ok(result.and_then(|result| result.children.pop()).unwrap_or_default())
        }
        Status::Error if absent || Code::from(reply.code) == Code::NotPresent => Ok(Element::default()),
        Status::Error | Status::Unauthorised => Err(fate::fault(&reply, doing)),
    }
}

pub(super) fn facts(reply: &Reply) -> Facts {
    let system = reply.result().and_then(|result| result.child("system"));
    let text = |name: &str| system.and_then(|system| system.text_of(name)).unwrap_or_default().to_owned();
    Facts { model: text("model"), version: text("sw-version"), serial: text("serial") }
}

/// The id of the job that a commit started; `None` if there was nothing to commit.
pub(super) fn job_id(reply: &Reply) -> Option<String> {
    reply.result()?.text_of("job").filter(|id| is_job_id(id)).map(ToOwned::to_owned)
}

fn is_job_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= 20 && text.bytes().all(|b| b.is_ascii_digit())
}

/// The newest commit of this administrator that has not ended, among all jobs.
pub(super) fn running_commit(reply: &Reply, user: &str) -> Option<String> {
    let jobs = reply.result()?.children.iter().filter(|job| {
        job.text_of("type").is_some_and(|kind| kind.eq_ignore_ascii_case("commit"))
            && job.text_of("user") == Some(user)
            && job.text_of("status").is_some_and(|status| status != "FIN")
    });
    let ids = jobs.filter_map(|job| job.text_of("id")).filter(|id| is_job_id(id));
    ids.max_by_key(|id| (id.len(), (*id).to_owned())).map(ToOwned::to_owned)
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
    let words = parts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ");
    Ok(if job.text_of("result") == Some("OK") {
        JobState::Done { words }
    } else {
        JobState::Failed { words }
    })
}

/// Each entry of the answer as one line of words; attributes count, since the form is not public.
pub(super) fn bad_signatures(reply: &Reply) -> BadSignatures {
    let Some(result) = reply.result() else { return BadSignatures::default() };
    let mut all = vec![result.text.clone()];
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
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(body: &str) -> Reply {
        Reply::read(body).unwrap()
    }

    #[test]
    fn what_is_not_there_is_an_empty_list() {
        for body in [
            r#"<response status="success" code="7"><result/></response>"#,
            r#"<response status="error"><msg><line>No such node</line></msg></response>"#,
        ] {
            assert_eq!(list(reply(body), "reading").unwrap().children, [], "{body}");
        }
        let there = r#"<response status="success" code="19"><result total-count="1" count="1"><application><entry name="a"/></application></result></response>"#;
        assert_eq!(list(reply(there), "reading").unwrap().children.len(), 1);
        assert!(
            list(
                reply(r#"<response status="error" code="17"><msg><line>x</line></msg></response>"#),
                "reading"
            )
            .is_err()
        );
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
    fn only_a_commit_of_ours_that_has_not_ended_is_taken_over() {
        let job = |id: &str, user: &str, kind: &str, status: &str| {
            format!("<job><id>{id}</id><user>{user}</user><type>{kind}</type><status>{status}</status></job>")
        };
        let running = |jobs: &[String]| {
            let body = format!(r#"<response status="success"><result>{}</result></response>"#, jobs.concat());
            running_commit(&reply(&body), "sallyport")
        };
        let others = [
            job("12", "alice", "Commit", "ACT"),
            job("11", "sallyport", "Downld", "ACT"),
            job("10", "sallyport", "Commit", "FIN"),
        ];
        assert_eq!(running(&others), None);
        let ours = [job("9", "sallyport", "Commit", "ACT"), job("10", "sallyport", "Commit", "PEND")];
        assert_eq!(running(&[&others[..], &ours].concat()).as_deref(), Some("10"));
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
