//! `type=config`.
//!
//! <https://docs.paloaltonetworks.com/ngfw/api/pan-os-xml-api-request-types-and-actions/configuration-api>

use super::{envelope::Answer, params::Params};
use crate::{
    clock,
    config::{
        Place, Readout, Write, Writer, address, apply_write, complete, read_candidate, read_running,
        run_multi,
    },
    device::{Device, State},
    refusal::{Code, Refusal},
    scope::Scope,
    tree::{Element, NodePath, parse_fragment, parse_one},
};

pub(crate) fn handle(device: &Device, user: &str, params: &Params) -> Answer {
    let answer = match params.get("action") {
        "get" => read_candidate(&device.lock().store, params.get("xpath")).map(|found| Answer::found(&found)),
        "show" => read_running(&device.lock().store, params.get("xpath")).map(|found| match found {
            Readout::Elements(elements) => Answer::result(&elements),
            Readout::Text(text) => Answer::result_text(&text),
        }),
        "multi-config" => multi(device, user, params),
        "complete" => {
            complete(&device.lock().store, params.get("xpath")).map(|found| Answer::completions(&found))
        }
        action => parse_write(action, params).and_then(|write| write_one(device, user, &write)),
    };
    answer.unwrap_or_else(|refusal| Answer::refused(&refusal))
}

fn write_one(device: &Device, user: &str, write: &Write) -> Result<Answer, Refusal> {
    let mut state = device.lock();
    check_writable(device, &state, user, &[write.xpath()])?;
    let mut draft = state.store.clone();
    let outcome = apply_write(&mut draft, writer(device, user), write)?;
    state.store = draft;
    Ok(Answer::done(outcome))
}

fn multi(device: &Device, user: &str, params: &Params) -> Result<Answer, Refusal> {
    if !device.quirks.multi_config_enabled {
        return Err(Refusal::new(Code::InvalidCommand, "multi-config is not enabled"));
    }
    let root = parse_one(params.get("element")).map_err(Refusal::malformed)?;
    let strict = params.get("strict-transactional") == "yes";
    let mut state = device.lock();
    if strict && state.jobs.busy() {
        // A strict transaction is not taken while a commit is active or pending (multi-config page).
        return Err(Refusal::new(Code::NotFound, "A commit is pending. Please try again later"));
    }
    let xpaths: Vec<&str> = root.children.iter().filter_map(|op| op.attr("xpath")).collect();
    check_writable(device, &state, user, &xpaths)?;
    run_multi(&mut state.store, writer(device, user), &root, strict).map(|reply| Answer::multi(&reply))
}

fn writer<'a>(device: &'a Device, user: &'a str) -> Writer<'a> {
    Writer { admin: user, now: clock::now(), quirks: &device.quirks }
}

/// Locks of others, and a running commit where the device does not take writes meanwhile.
fn check_writable(device: &Device, state: &State, user: &str, xpaths: &[&str]) -> Result<(), Refusal> {
    device.ha.check_write(state)?;
    // From the moment a push is taken up until it ends, the firewall's own configuration is closed
    // (<https://docs.paloaltonetworks.com/panorama/getting-started/panorama-overview/panorama-commit-validation-and-preview-operations>).
    let closed = state.jobs.installing() || (!device.quirks.writes_during_commit && state.jobs.busy());
    if closed {
        return Err(Refusal::new(Code::NotFound, "A commit is pending. Please try again later"));
    }
    if !device.quirks.config_locks_hold_the_api {
        return Ok(());
    }
    xpaths.iter().try_for_each(|xpath| state.locks.check_write(user, scope_of(xpath).as_ref()))
}

/// The scope that an xpath writes into, as far as it can be read.
fn scope_of(xpath: &str) -> Option<Scope> {
    Scope::of(&address(xpath)?)
}

fn parse_write(action: &str, params: &Params) -> Result<Write, Refusal> {
    let needed = |name: &str| {
        let missing = || Refusal::new(Code::InvalidCommand, format!("Missing value for parameter '{name}'"));
        params.given(name).map(str::to_owned).ok_or_else(missing)
    };
    Ok(match action {
        "set" => {
            let elements = parse_fragment(&needed("element")?).map_err(Refusal::malformed)?;
            Write::Set { xpath: needed("xpath")?, elements }
        }
        "edit" => Write::Edit { xpath: needed("xpath")?, element: one(&needed("element")?)? },
        "override" => {
            let xpath = needed("xpath")?;
            if !is_default_rule(&xpath) {
                let line =
                    format!(" {xpath} was not pushed here, and is no default rule: nothing to override");
                return Err(Refusal::new(Code::NotPossible, line));
            }
            Write::Edit { xpath, element: one(&needed("element")?)? }
        }
        "delete" => Write::Delete { xpath: needed("xpath")? },
        "move" => {
            let place = Place::parse(&needed("where")?, params.given("dst"))?;
            Write::Move { xpath: needed("xpath")?, place }
        }
        "rename" => Write::Rename { xpath: needed("xpath")?, newname: needed("newname")? },
        "clone" => {
            Write::Clone { xpath: needed("xpath")?, from: needed("from")?, newname: needed("newname")? }
        }
        other => {
            return Err(Refusal::new(
                Code::InvalidCommand,
                format!("Invalid action '{other}' for config request"),
            ));
        }
    })
}

/// What this device has to override: its two default rules.
fn is_default_rule(xpath: &str) -> bool {
    let names = |path: NodePath| path.names().map(str::to_owned).collect::<Vec<_>>();
    let names = address(xpath).map(names).unwrap_or_default();
    matches!(names.as_slice(), [.., rulebase, rules, entry] if rulebase == "default-security-rules" && rules == "rules" && entry == "entry")
}

fn one(text: &str) -> Result<Element, Refusal> {
    parse_one(text).map_err(Refusal::malformed)
}
