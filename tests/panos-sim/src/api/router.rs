//! From an HTTP request to an answer: faults, authentication, the handler of its type, the log line.

use super::{auth::authenticate, commit, config, envelope::Answer, op, params::Params, user_id};
use crate::{
    clock,
    device::Device,
    faults::{Action, Where},
    log::LogLine,
    refusal::{Code, Refusal},
};
use hyper::HeaderMap;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The paths at which the API answers; the last one is the oldest.
const PATHS: &[&str] = &["/api/", "/api", "/esp/restapi.esp", "/esp/restapi.esp/"];

/// What the server sends.
pub(crate) enum Reply {
    Answer(Answer),
    /// The connection ends in the middle of this answer.
    Cut(Answer),
    /// The connection ends without a word.
    Dropped,
}

pub(crate) async fn route(device: &Device, path: &str, headers: &HeaderMap, params: Params) -> Reply {
    if !PATHS.contains(&path) {
        return Reply::Answer(Answer::not_xml(404));
    }
    let started = Instant::now();
    let mut line = log_line(&params);
    let reply = answer(device, headers, &params, &mut line).await;
    match &reply {
        Reply::Answer(answer) => {
            line.status.clone_from(&answer.status);
            line.job = answer.job;
        }
        Reply::Cut(_) | Reply::Dropped => "dropped".clone_into(&mut line.status),
    }
    line.time_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    device.log.add(line);
    reply
}

async fn answer(device: &Device, headers: &HeaderMap, params: &Params, line: &mut LogLine) -> Reply {
    let struck = match strike(device, params).await {
        Ok(struck) => struck,
        Err(reply) => return reply,
    };
    let reply = match params.given("target").filter(|_| device.is_panorama()) {
        Some(serial) => relay(device, headers, params, line, serial).await,
        None => Reply::Answer(dispatch(device, headers, params, line)),
    };
    spoil(reply, &struck)
}

/// The faults of this request; an error is a reply that one of them gives instead of the device.
async fn strike(device: &Device, params: &Params) -> Result<Vec<Action>, Reply> {
    let subject = format!("{} {} {}", params.get("xpath"), params.get("element"), params.get("cmd"));
    let struck = device.faults.strike(&places(params), &subject);
    for action in &struck {
        match action {
            Action::DelayMs(ms) => sleep(Duration::from_millis(*ms)).await,
            Action::DropBefore => return Err(Reply::Dropped),
            Action::HttpStatus(status) => return Err(Reply::Answer(Answer::not_xml(*status))),
            Action::Refuse { code, text } => {
                let refusal = Refusal::new(Code::Other(*code), text.as_str());
                let mut answer = Answer::refused(&refusal);
                if *code == 403 {
                    answer = Answer::forbidden();
                }
                return Err(Reply::Answer(answer));
            }
            Action::DropAfter
            | Action::CutMidway
            | Action::Truncate
            | Action::Garbage
            | Action::FailJob(_)
            | Action::NeverFinish
            | Action::CommitNotCompiled(_) => {}
        }
    }
    Ok(struck)
}

/// Everything that a request is, as faults name it.
fn places(params: &Params) -> Vec<Where> {
    match params.get("type") {
        "keygen" => vec![Where::Keygen],
        "commit" => vec![Where::Commit],
        "op" if params.get("cmd").contains("<show><jobs>") => vec![Where::Op, Where::JobPoll],
        "op" => vec![Where::Op],
        "user-id" => vec![Where::UserId],
        "config" => {
            let action = match params.get("action") {
                "get" => Some(Where::Get),
                "show" => Some(Where::Show),
                "set" => Some(Where::Set),
                "edit" => Some(Where::Edit),
                "delete" => Some(Where::Delete),
                "move" => Some(Where::Move),
                "multi-config" => Some(Where::MultiConfig),
                _ => None,
            };
            [Some(Where::Config), action].into_iter().flatten().collect()
        }
        _ => Vec::new(),
    }
}

/// Faults that strike after the request was done.
fn spoil(reply: Reply, struck: &[Action]) -> Reply {
    let mut answer = match reply {
        Reply::Answer(answer) => answer,
        Reply::Cut(_) | Reply::Dropped => return reply,
    };
    for action in struck {
        match action {
            Action::DropAfter => return Reply::Dropped,
            Action::CutMidway => return Reply::Cut(answer),
            Action::Truncate => {
                let half = answer.body.len() / 2;
                let cut = (0..=half).rev().find(|at| answer.body.is_char_boundary(*at)).unwrap_or(0);
                answer.body.truncate(cut);
            }
            Action::Garbage => "\u{1}\u{2}<<not xml".clone_into(&mut answer.body),
            Action::DelayMs(_)
            | Action::DropBefore
            | Action::HttpStatus(_)
            | Action::Refuse { .. }
            | Action::FailJob(_)
            | Action::NeverFinish
            | Action::CommitNotCompiled(_) => {}
        }
    }
    Reply::Answer(answer)
}

fn dispatch(device: &Device, headers: &HeaderMap, params: &Params, line: &mut LogLine) -> Answer {
    if params.get("type") == "keygen" {
        return keygen(device, params, line);
    }
    let Some(user) = authenticate(&device.accounts, headers, params, clock::instant()) else {
        return Answer::forbidden();
    };
    line.user.clone_from(&user);
    handle(device, &user, params)
}

/// `target=<serial>`: a Panorama passes the request on to one of its firewalls
/// (<https://docs.paloaltonetworks.com/ngfw/api/pan-os-xml-api-use-cases/query-a-firewall-from-panorama-api>).
/// The words for one that is away are not public.
async fn relay(
    panorama: &Device,
    headers: &HeaderMap,
    params: &Params,
    line: &mut LogLine,
    serial: &str,
) -> Reply {
    let is_keygen = params.get("type") == "keygen";
    let user = authenticate(&panorama.accounts, headers, params, clock::instant());
    let Some(user) = user.or_else(|| is_keygen.then(String::new)) else {
        return Reply::Answer(Answer::forbidden());
    };
    line.user.clone_from(&user);
    let Some(managed) = panorama.fleet.get(serial).filter(|managed| managed.is_connected()) else {
        let refusal = Refusal::new(Code::NotFound, format!("{serial} not connected"));
        return Reply::Answer(Answer::refused(&refusal));
    };
    let device = &managed.device;
    let struck = match strike(device, params).await {
        Ok(struck) => struck,
        Err(reply) => return reply,
    };
    let answer = if is_keygen { keygen(device, params, line) } else { handle(device, &user, params) };
    device.log.add(LogLine { status: answer.status.clone(), job: answer.job, ..line.clone() });
    spoil(Reply::Answer(answer), &struck)
}

fn handle(device: &Device, user: &str, params: &Params) -> Answer {
    match params.get("type") {
        "config" => config::handle(device, user, params),
        "commit" => commit::handle(device, user, params),
        "op" => op::handle(device, user, params),
        "version" => op::version(device),
        "user-id" => user_id::handle(device, params),
        other => Answer::bad_request(&format!("Unknown request type '{other}'")),
    }
}

/// `type=keygen` with `user` and `password`
/// (<https://docs.paloaltonetworks.com/ngfw/api/api-authentication-and-security/generate-api-key>).
fn keygen(device: &Device, params: &Params, line: &mut LogLine) -> Answer {
    let user = params.get("user");
    if !device.accounts.password_is(user, params.get("password")) {
        return Answer::forbidden();
    }
    user.clone_into(&mut line.user);
    let key = crate::tree::Element::leaf("key", device.accounts.generate_key(user, clock::instant()));
    Answer::result([&key])
}

fn log_line(params: &Params) -> LogLine {
    let get = |name: &str| params.get(name).to_owned();
    LogLine {
        kind: get("type"),
        action: get("action"),
        xpath: get("xpath"),
        element: get("element"),
        place: get("where"),
        dst: get("dst"),
        newname: get("newname"),
        cmd: get("cmd"),
        target: get("target"),
        ..LogLine::default()
    }
}
