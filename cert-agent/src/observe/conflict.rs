//! Who may say what happens to a name: of one workload's revisions the newest, of several workloads of a
//! namespace none against the others.

use std::collections::BTreeMap;

use sallyport_contract::{
    DnsName, Reason,
    object::{Action, WorkloadIdentity},
};

use super::wanted::{Ask, Complaint};

/// Sorts out asks that differ in what the firewall is to do with one name. Returns the asks that stand
/// and a complaint for each that does not.
///
/// What stands in an identity already goes before what is new, and the older workload before the younger.
#[must_use]
pub fn settle(asks: Vec<Ask>, made: &BTreeMap<&str, &WorkloadIdentity>) -> (Vec<Ask>, Vec<Complaint>) {
    let mut decided: BTreeMap<DnsName, Decision> = BTreeMap::new();
    let mut order: Vec<(Rank, usize)> =
        asks.iter().enumerate().map(|(index, ask)| (rank(ask, &asks, made), index)).collect();
    order.sort();
    let mut asks: Vec<Option<Ask>> = asks.into_iter().map(Some).collect();
    let (mut standing, mut complaints) = (Vec::new(), Vec::new());
    for (_, index) in order {
        let Some(mut ask) = asks.get_mut(index).and_then(Option::take) else { continue };
        match judge(&ask, &decided) {
            Ok(action) => {
                ask.identity.action = action;
                for name in ask.identity.dns_names.iter() {
                    decided.entry(name.clone()).or_insert_with(|| Decision {
                        action,
                        uid: ask.uid.clone(),
                        by: ask.about.shown(),
                    });
                }
                standing.push(ask);
            }
            Err(complaint) => complaints.push(*complaint),
        }
    }
    (standing, complaints)
}

struct Decision {
    action: Action,
    uid: String,
    by: String,
}

/// Smaller goes first: not against what stands, a template before its pods, old before young, by name.
type Rank = (bool, bool, Option<jiff::Timestamp>, String);

fn rank(ask: &Ask, asks: &[Ask], made: &BTreeMap<&str, &WorkloadIdentity>) -> Rank {
    let stands = made.get(ask.identity.name.as_str()).map(|made| made.spec.action);
    // A pod of the same workload never speaks against its own template, so only templates and bare pods
    // can be said to be against what stands.
    let alone = !asks.iter().any(|other| other.uid != ask.uid && other.identity.name == ask.identity.name);
    let against = !alone && stands.is_some_and(|action| action != ask.identity.action);
    let is_pod = ask.about.kind == "Pod";
    (against, is_pod, ask.created, ask.about.shown())
}

/// The action that the ask gets, or why it gets none.
fn judge(ask: &Ask, decided: &BTreeMap<DnsName, Decision>) -> Result<Action, Box<Complaint>> {
    let mut action = ask.identity.action;
    for name in ask.identity.dns_names.iter() {
        match decided.get(name) {
            Some(decision) if decision.action == action => {}
            Some(decision) if decision.uid == ask.uid => action = decision.action,
            Some(decision) => return Err(Box::new(complaint(ask, name, decision))),
            None => {}
        }
    }
    Ok(action)
}

fn complaint(ask: &Ask, name: &DnsName, decision: &Decision) -> Complaint {
    let message = format!(
        "{} asks to {} \"{name}\", but {} asks to {} it. Whose rule: the action belongs to the name, and \
         workloads of one namespace must agree. Until then \"{name}\" stays {}. Do: give both the same \
         sallyport.dev/action, or other names",
        ask.about.shown(),
        ask.identity.action.as_str(),
        decision.by,
        decision.action.as_str(),
        decision.action.as_str(),
    );
    Complaint { about: ask.about.clone(), reason: Reason::ActionConflict, message }
}
