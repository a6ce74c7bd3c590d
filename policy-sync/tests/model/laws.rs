//! The laws, judged by the device's XML after one step of one cluster.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use sallyport_contract::object::Action;

use super::{
    device::Device,
    party::{Party, QUARANTINE},
};

/// Both configurations at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub(crate) candidate: Arc<Device>,
    pub(crate) running: Arc<Device>,
}

/// One step: before, after, and what the cluster had proven before.
pub(crate) struct Step<'a> {
    pub(crate) before: &'a Look,
    pub(crate) after: &'a Look,
    pub(crate) proofs: &'a BTreeMap<String, (Timestamp, Action)>,
    /// Somebody else did something in the middle of it.
    pub(crate) disturbed: bool,
}

/// A law that does not hold, in words.
pub(crate) type Broken = Result<(), String>;

fn hold(holds: bool, words: impl FnOnce() -> String) -> Broken {
    if holds { Ok(()) } else { Err(words()) }
}

/// Law 7 and law 9: what others hold is as they left it, and in force only what they put into force.
pub(crate) fn others_are_left(left: &Look, now: &Look) -> Broken {
    for (law, left, now) in [
        ("law 7: others' candidate", &left.candidate, &now.candidate),
        ("law 9: others' running", &left.running, &now.running),
    ] {
        hold(left.others == now.others, || format!("{law} was\n{}\nand is\n{}", left.others, now.others))?;
    }
    Ok(())
}

/// The laws about what one cluster did in one step.
pub(crate) fn of_a_step(party: &Party, step: &Step<'_>) -> Broken {
    let new = |name: &String| {
        let app = party.app(name);
        step.after.candidate.apps.contains_key(&app) && !step.before.candidate.apps.contains_key(&app)
    };
    // What was never in force may be taken back: nothing rests on it.
    let gone = |name: &String| {
        let app = party.app(name);
        let [was, runs, is] = [&step.before.candidate, &step.before.running, &step.after.candidate]
            .map(|device| device.apps.contains_key(&app));
        was && runs && !is
    };
    let new: Vec<String> = party.names().into_iter().filter(new).collect();
    let gone: Vec<String> = party.names().into_iter().filter(gone).collect();
    if !step.disturbed {
        proofs_are_true(party, step)?;
        written_alone(party, step, &new)?;
        removed_slowly(party, &gone)?;
    }
    for name in &new {
        hold(party.wants(name), || format!("law 5: {name} was written, which nobody may have"))?;
    }
    obeyed(party, step, new.len())
}

/// Law 7: what one cluster has, another one's step leaves alone.
pub(crate) fn untouched(party: &Party, step: &Step<'_>) -> Broken {
    let owned = party.owned();
    let holds = step.disturbed || step.before.candidate.only(&owned) == step.after.candidate.only(&owned);
    hold(holds, || format!("law 7: something of {} was changed by the other cluster", party.who.cluster))
}

/// Law 2: what is newly proven is in force.
fn proofs_are_true(party: &Party, step: &Step<'_>) -> Broken {
    let proofs = party.proofs();
    let fresh = proofs.iter().filter(|(name, proof)| step.proofs.get(*name) != Some(proof));
    for (name, (_, action)) in fresh {
        let running = &step.after.running;
        let app = party.app(name);
        let sni = [name.replace('*', "other")];
        let known = running.apps.get(&app).is_some_and(|app| !app.matching(&sni).is_empty());
        hold(known, || format!("law 2: {name} is proven, and its App-ID is not in force"))?;
        let acts = |text: &str| match action {
            Action::Allow => text == "allow",
            Action::Deny => matches!(text, "reset-both" | "drop"),
        };
        let carried = running
            .carriers(&app)
            .any(|rule| !rule.disabled && acts(&rule.action) && party.rules().contains(&rule.name));
        hold(carried, || {
            let carriers: Vec<_> = running.carriers(&app).collect();
            format!("law 2: {name} is proven to {action:?}, and in force are {carriers:?}")
        })?;
    }
    Ok(())
}

/// Law 6: nothing is written that an App-ID of others matches too.
fn written_alone(party: &Party, step: &Step<'_>, new: &[String]) -> Broken {
    for name in new {
        let sni = [name.replace('*', "other")];
        let ours = party.app(name);
        let others = step.after.candidate.apps.iter().filter(|(app, _)| **app != ours);
        for (other, app) in others {
            hold(app.matching(&sni).is_empty(), || format!("law 6: {name} was written beside {other}"))?;
        }
    }
    Ok(())
}

/// Law 10: nothing goes before its quarantine is over, and not too much at once.
fn removed_slowly(party: &Party, gone: &[String]) -> Broken {
    let blocked = |name: &&String| party.brakes.blocked.contains(name);
    let unblocked: Vec<&String> = gone.iter().filter(|name| !blocked(name)).collect();
    for name in &unblocked {
        let since = party.unwanted_for(name);
        hold(since >= QUARANTINE, || format!("law 10: {name} went after {since} without being wanted"))?;
    }
    let most = usize::from(party.brakes.max_removals.unwrap_or(50));
    hold(unblocked.len() <= most, || format!("law 10: {unblocked:?} went at once, {most} may"))?;
    let wanted = gone.iter().find(|name| party.wants(name));
    hold(wanted.is_none(), || format!("law 10: {wanted:?} went, which is wanted"))
}

/// Law 9: brakes are obeyed at once.
fn obeyed(party: &Party, step: &Step<'_>, new: usize) -> Broken {
    let brakes = &party.brakes;
    let most = usize::from(brakes.max_changes.unwrap_or(2000));
    hold(new <= most, || format!("law 9: {new} names were written at once, {most} may"))?;
    let still = brakes.suspend || (brakes.frozen && brakes.blocked.is_empty());
    let owned = party.owned();
    let changed = || step.before.candidate.only(&owned) != step.after.candidate.only(&owned);
    hold(step.disturbed || !still || !changed(), || format!("law 9: something was written under {brakes:?}"))
}

/// The laws about the device, whoever did what.
pub(crate) fn of_the_device(parties: &[Party], look: &Look) -> Broken {
    for (which, device) in [("candidate", &look.candidate), ("running", &look.running)] {
        let snis: Vec<String> = parties.iter().flat_map(Party::snis).collect();
        let ours: BTreeSet<String> =
            parties.iter().flat_map(|party| party.names().into_iter().map(|name| party.app(&name))).collect();
        let mut by_sni: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, app) in device.apps.iter().filter(|(name, _)| ours.contains(*name)) {
            for sni in app.matching(&snis) {
                by_sni.entry(sni).or_default().push(name);
            }
        }
        let twice = by_sni.iter().find(|(_, apps)| apps.len() > 1);
        hold(twice.is_none(), || format!("law 6: in {which}, {twice:?}"))?;
        let rules: BTreeSet<String> = parties.iter().flat_map(Party::rules).collect();
        let empty = device.rules.iter().find(|rule| rules.contains(&rule.name) && rule.apps.is_empty());
        hold(empty.is_none(), || format!("law 10: in {which}, {empty:?} has an empty list"))?;
    }
    Ok(())
}
