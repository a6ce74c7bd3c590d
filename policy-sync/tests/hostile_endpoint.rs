//! A far side that may answer anything, asked through the adapter: each question ends, in few words and without what is
//! secret.
#![cfg(test)]

mod support;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use proptest::{
    collection::vec,
    prelude::any,
    sample::Index,
    strategy::{Strategy as _, ValueTree as _},
    test_runner::TestRunner,
};
use sallyport_policy_sync::{
    firewall::{Extent, Fault, Firewall as _, JobState, Probe, View},
    member::Site,
    operation::Batch,
    panos::Panos,
    world::{Login, Proof},
};
use support::{
    answers::{bends, bent, corpus},
    endpoint::{Answer, Endpoint},
};
use zeroize::Zeroizing;

/// The longest refusal, and the longest text of a value: both stand in events and conditions.
const LONGEST: usize = 600;
const LONGEST_VALUE: usize = 2500;
/// Far more than any one question of these tests takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many bent bodies are tried.
const BENT: usize = 50;
/// A password that reads otherwise in a form, in XML and in JSON.
const PASSWORD: &str = "c0rrect/h&rse \"bättery\" + staple";
const KEY: &str = "LUFRPT1kM0xZcW5Kb3p5TGx2+E/Zm9vYmFyYmF6cXV4==";

fn sites() -> [Site; 2] {
    let group = Site::DeviceGroup {
        group: "eks".to_owned(),
        rulebase: sallyport_contract::object::Rulebase::Pre,
        vsys: "vsys1".to_owned(),
    };
    [Site::Vsys("vsys1".to_owned()), group]
}

fn with_key() -> Login {
    let proof = Proof::ApiKey(Zeroizing::new(KEY.to_owned()));
    Login { user: "sallyport".to_owned(), proof, version: "1".to_owned() }
}

fn with_password() -> Login {
    support::login("sallyport", PASSWORD, "1")
}

/// Asks everything that the port can ask; what each came to, as the texts that people would see.
async fn ask_everything(panos: &Panos, managed: bool) -> Vec<(&'static str, Result<Vec<String>, Fault>)> {
    let serial = managed.then_some("007951000000001");
    let batch = Batch { operations: Vec::new(), body: "<multi-config/>".to_owned() };
    let probe = Probe {
        from: "trust".to_owned(),
        to: "trust".to_owned(),
        source: "192.0.2.1".to_owned(),
        destination: "10.20.0.1".to_owned(),
        port: 443,
        application: "sp-web".to_owned(),
    };
    let nothing = |()| Vec::new();
    let id = |id: Option<String>| id.into_iter().collect();
    vec![
        ("facts", panos.facts().await.map(|facts| vec![facts.model, facts.version, facts.serial])),
        ("candidate", panos.configuration(View::Candidate).await.map(|_| Vec::new())),
        ("running", panos.configuration(View::Running).await.map(|_| Vec::new())),
        ("write", panos.write(&batch, &|| Ok(())).await.map(nothing)),
        ("commit", panos.commit("sallyport", Extent::Changes).await.map(id)),
        (
            "jobs",
            panos
                .jobs(serial)
                .await
                .map(|jobs| jobs.into_iter().flat_map(|job| [job.id, job.kind, job.user, job.at]).collect()),
        ),
        (
            "job",
            panos.job("7").await.map(|job| match job {
                JobState::Done { words } | JobState::Failed { words } => vec![words],
                JobState::Running { .. } | JobState::Unknown => Vec::new(),
            }),
        ),
        (
            "pending",
            panos
                .pending()
                .await
                .map(|all| all.into_iter().flat_map(|one| [one.xpath, one.owner, one.action]).collect()),
        ),
        ("enforcers", panos.enforcers().await.map(|_| Vec::new())),
        ("push", panos.push("eks", &[], "sallyport").await.map(id)),
        ("in force", panos.in_force("007951000000001").await.map(|_| Vec::new())),
        ("rulebase", panos.rulebase(serial).await.map(|_| Vec::new())),
        (
            "bad signatures",
            panos.bad_signatures(serial).await.map(|bad| bad.about("sp-web").into_iter().collect()),
        ),
        ("policy test", panos.policy_test(serial, &probe).await.map(id)),
    ]
}

/// Every question ends in time, in a value or in words that are few.
async fn all_end(
    panos: &Panos,
    managed: bool,
    about: &str,
) -> Vec<(&'static str, Result<Vec<String>, Fault>)> {
    let began = Instant::now();
    let answers = ask_everything(panos, managed).await;
    assert!(began.elapsed() < PATIENCE, "{about}: {:?}", began.elapsed());
    answers.into_iter().map(|(question, answer)| (question, ends(question, answer, about))).collect()
}

/// Hands back what ended well enough: with texts of some length, or with few words.
fn ends(question: &str, answer: Result<Vec<String>, Fault>, about: &str) -> Result<Vec<String>, Fault> {
    match &answer {
        Ok(texts) => {
            let longest = texts.iter().map(String::len).max().unwrap_or_default();
            assert!(longest <= LONGEST_VALUE, "{question}: {longest} bytes of {about}");
        }
        Err(Fault { message, .. }) => {
            let printable = !message.chars().any(char::is_control);
            assert!(!message.is_empty() && message.len() < LONGEST && printable, "{question}: {message:?}");
        }
    }
    answer
}

/// An endpoint that gives whatever stands there now.
async fn shows(shown: &Arc<Mutex<Vec<u8>>>) -> Endpoint {
    let shown = Arc::clone(shown);
    Endpoint::start(move |_| Answer::Body(200, shown.lock().unwrap_or_else(PoisonError::into_inner).clone()))
        .await
}

/// The bodies of the corpus, bent ones, and some that are huge.
fn bodies() -> Vec<(String, Vec<u8>)> {
    let corpus = corpus();
    let mut runner = TestRunner::deterministic();
    let ways = (any::<Index>(), vec(bends(), 1..5));
    let bent = (0..BENT).map(|n| {
        let (which, bends) = ways.new_tree(&mut runner).unwrap().current();
        (format!("bent {n}"), bent(which.get(&corpus).1.clone(), &bends, &corpus))
    });
    let long = "long words ".repeat(20_000);
    let huge = [
        format!("<response status=\"error\" code=\"13\"><msg><line>{long}</line></msg></response>"),
        format!("<response status=\"unauth\" code=\"22\"><msg><line>{long}</line></msg></response>"),
        format!(
            "<response status=\"success\"><result><job><status>FIN</status><details><line>{long}</line></details></job></result></response>"
        ),
        format!(
            "<response status=\"success\"><result><system><model>{long}</model></system></result></response>"
        ),
        format!(
            "<response status=\"success\"><result><rules><entry name=\"{long}\"/></rules></result></response>"
        ),
        format!("<{long}"),
    ];
    let huge = huge.into_iter().enumerate().map(|(n, body)| (format!("huge {n}"), body.into_bytes()));
    corpus.clone().into_iter().chain(bent).chain(huge).collect()
}

#[tokio::test]
async fn every_question_ends_in_a_value_or_in_few_words_whatever_is_answered() {
    let shown = Arc::new(Mutex::new(Vec::new()));
    let endpoint = shows(&shown).await;
    for (name, body) in bodies() {
        *shown.lock().unwrap_or_else(PoisonError::into_inner) = body;
        for site in sites() {
            let managed = matches!(site, Site::DeviceGroup { .. });
            all_end(&endpoint.panos(site.clone(), with_key()), managed, &name).await;
            // Now it is what answers the login.
            let locked_out = endpoint.panos(site, with_password());
            drop(ends("login", locked_out.facts().await.map(|_| Vec::new()), &name));
        }
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_told() {
    let body = br#"<response status="success"><result>"#;
    let endpoint = Endpoint::start(|_| Answer::Short(body.to_vec(), 100)).await;
    for (question, answer) in all_end(&endpoint.panos(sites()[0].clone(), with_key()), false, "short").await {
        assert!(answer.is_err() || question == "enforcers", "{question}: {:?}", answer.ok());
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_while_it_is_read() {
    let limit = 32 << 20;
    let endpoint = Endpoint::start(|_| Answer::Endless(vec![b'x'; 1 << 20])).await;
    let panos = endpoint.panos(sites()[0].clone(), with_key());
    let fault = panos.jobs(None).await.unwrap_err();
    assert!(fault.message.contains("more than 33554432 bytes"), "{}", fault.message);
    let sent = endpoint.sent.load(std::sync::atomic::Ordering::Relaxed);
    assert!(sent > limit && sent < 2 * limit, "{sent}");
}

/// Ways in which something in between shows the request that it could not pass on.
fn echoes(request: &str) -> Vec<(&'static str, Vec<u8>)> {
    let escaped = request.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    let form = request.rsplit("\r\n").next().unwrap_or_default();
    let plain: String = form.split('&').map(|pair| decoded(pair) + "\n").collect();
    let half = form.get(..form.len() - form.len() / 4).unwrap_or_default();
    vec![
        ("page", format!("<html>{escaped}</html>").into_bytes()),
        ("text", request.as_bytes().to_vec()),
        ("form", form.as_bytes().to_vec()),
        ("half", half.as_bytes().to_vec()),
        ("decoded", plain.as_bytes().to_vec()),
        ("json", serde_json::json!({"error": {"request": request, "body": plain}}).to_string().into_bytes()),
        ("xml", format!("<response status=\"error\" code=\"13\"><msg><line>no route for {escaped}</line></msg></response>").into_bytes()),
        ("batch", format!("<response status=\"error\" code=\"13\"><response status=\"error\" code=\"12\"><msg>{escaped}</msg></response></response>").into_bytes()),
        ("forbidden", format!("<response status=\"error\" code=\"403\"><result><msg>{escaped}</msg></result></response>").into_bytes()),
        ("tag", format!("<{}/>", form.replace(|c: char| !c.is_ascii_alphanumeric(), "")).into_bytes()),
        ("entity", format!("<response>&{};</response>", form.replace(|c: char| !c.is_ascii_alphanumeric(), "")).into_bytes()),
    ]
}

fn decoded(form: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = form.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        match (first, hex) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(if first == b'+' { b' ' } else { first });
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// No five letters or digits in a row of either secret stand in the words.
fn is_silent(words: &str) -> bool {
    let pieces = |secret: &str| {
        let runs: Vec<String> =
            secret.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_owned).collect();
        runs.iter()
            .flat_map(|run| {
                run.as_bytes()
                    .windows(5)
                    .map(|piece| String::from_utf8_lossy(piece).into_owned())
                    .collect::<Vec<_>>()
            })
            .collect::<Vec<_>>()
    };
    [PASSWORD, KEY].into_iter().flat_map(pieces).all(|piece| !words.contains(&piece))
}

#[tokio::test]
async fn law_11_a_proxy_that_shows_the_request_brings_no_secret_into_a_message() {
    let count = echoes("x").len();
    for way in 0..count {
        for login in [with_key(), with_password()] {
            let endpoint =
                Endpoint::start(move |request| Answer::Body(502, echoes(request).swap_remove(way).1)).await;
            let name = echoes("x").swap_remove(way).0;
            let panos = endpoint.panos(sites()[0].clone(), login);
            for (question, answer) in all_end(&panos, false, name).await {
                let Err(fault) = answer else { continue };
                assert!(is_silent(&fault.message), "{name}, {question}: {}", fault.message);
            }
        }
    }
}

/// The key that a login gave is no more told than the password that it was asked for with.
#[tokio::test]
async fn law_11_a_key_that_was_just_made_is_not_told() {
    let key = format!("<response status=\"success\"><result><key>{KEY}</key></result></response>");
    for way in 0..echoes("x").len() {
        let key = key.clone();
        let endpoint = Endpoint::start(move |request| {
            let login = request.contains("type=keygen");
            if login {
                Answer::Body(200, key.clone().into_bytes())
            } else {
                Answer::Body(502, echoes(request).swap_remove(way).1)
            }
        })
        .await;
        let panos = endpoint.panos(sites()[0].clone(), with_password());
        let mut faults = 0;
        for (question, answer) in all_end(&panos, false, "echo").await {
            let Err(fault) = answer else { continue };
            faults += 1;
            assert!(is_silent(&fault.message), "{way}, {question}: {}", fault.message);
        }
        assert!(faults > 10, "{way}: {faults}");
    }
}

/// What repeats nothing is quoted, so that people see who answered; but not what answers a login.
#[tokio::test]
async fn a_page_that_repeats_nothing_is_quoted() {
    let endpoint = Endpoint::start(|_| Answer::Body(502, b"<html>502 Bad Gateway of proxy-7".to_vec())).await;
    let [site, _] = sites();
    let words = endpoint.panos(site.clone(), with_key()).jobs(None).await.unwrap_err().message;
    assert!(words.contains("HTTP 502") && words.contains("502 Bad Gateway of proxy-7"), "{words}");
    let words = endpoint.panos(site, with_password()).jobs(None).await.unwrap_err().message;
    assert!(words.contains("HTTP 502") && !words.contains("proxy-7"), "{words}");
}
