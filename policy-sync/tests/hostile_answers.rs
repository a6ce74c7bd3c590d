//! What comes from the far side may be anything: every body is read or refused, in few words, in little time.
//!
//! `tests/answers` holds bodies as devices send them and bodies as nobody should; a property bends each of them.
#![cfg(test)]

mod support;

use std::time::{Duration, Instant};

use proptest::{collection::vec, prelude::*, sample::Index};
use sallyport_policy_sync::panos::envelope::{Reply, Status};
use support::answers::{bends, bent, corpus};

/// The longest text that a refusal may have: it stands in events and conditions.
const LONGEST: usize = 600;
/// Far more than any body of these tests takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// Reads a body as the session does. What comes of it is a value whose words are few and printable.
fn read(body: &[u8]) -> Result<Reply, String> {
    let began = Instant::now();
    let read = Reply::read(&String::from_utf8_lossy(body));
    assert!(began.elapsed() < PATIENCE, "{} bytes took {:?}", body.len(), began.elapsed());
    read.map_err(|error| {
        let words = sallyport_process::report::chain(&error);
        assert!(!words.is_empty() && words.len() < LONGEST, "{} bytes: {:.200}", words.len(), words);
        words
    })
}

#[test]
fn each_body_of_the_corpus_is_read_or_refused_for_what_it_is() {
    for (name, body) in corpus() {
        let found = match read(&body) {
            Ok(reply) => format!("{:?} {:?} {}", reply.status, reply.code, reply.words),
            Err(words) => words,
        };
        let expected = match name.as_str() {
            "written" => "Success Some(20) command succeeded",
            "refused" => "Error Some(12) r -> source 'web' is not a valid reference; r -> source is invalid",
            "forbidden" => "Error Some(403) Invalid Credential",
            "batch" => "Error Some(13) x unexpected here",
            "job" => "Success None Validation Error:; r is missing 'service'",
            "session" => "Unauthorised Some(22) Session timed out",
            "entity-bomb" => "document type declaration",
            "entity" => "the entity &secret;",
            "proxy" => "502 Bad Gateway",
            "soap" => "the answer is <s:Envelope>",
            "json" => "unauthorized",
            "status" | "no-status" => "the answer is <response>",
            other => panic!("say here what comes of {other}"),
        };
        assert!(found.contains(expected), "{name}: {found}");
    }
}

#[test]
fn what_is_huge_or_deep_is_refused_or_read_quickly_and_told_in_few_words() {
    let mib = 1 << 20;
    let long = "x".repeat(8 * mib);
    for (body, expected) in [
        ("<a>".repeat(mib), Some("deeper than")),
        (format!("<{long}"), Some("PAN-OS XML")),
        (format!("<{long}/>"), Some("the answer is <xxx")),
        (format!("<response></{long}>"), Some("PAN-OS XML")),
        (format!("<response status=\"success\"><msg>&{long};</msg></response>"), Some("the entity &xxx")),
        (format!("<response status=\"success\" a=\"{long}\"><msg>m</msg></response>"), None),
        (format!("<response status=\"success\"><msg>{long}</msg></response>"), None),
        (format!("<response status=\"success\">{}</response>", "<e/>".repeat(mib)), None),
        (format!("<response status=\"success\">{}</response>", "<e/>".repeat(2 * mib)), Some("elements")),
    ] {
        let start = body.chars().take(60).collect::<String>();
        match (read(body.as_bytes()), expected) {
            (Ok(reply), None) => assert_eq!(reply.status, Status::Success, "{start}"),
            (Err(words), Some(expected)) => assert!(words.contains(expected), "{start}: {words}"),
            (other, expected) => panic!("{start}: {expected:?} was expected, not {:.80?}", other.is_ok()),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bent_body_is_read_or_refused(which in any::<Index>(), bends in vec(bends(), 1..5)) {
        let corpus = corpus();
        let body = bent(which.get(&corpus).1.clone(), &bends, &corpus);
        if let Ok(reply) = read(&body) {
            prop_assert_eq!(reply.root.name.as_str(), "response");
            prop_assert!(reply.root.attribute("status").is_some());
        }
    }
}
