//! A name belongs to one namespace, however many ask for it in the same instant.

use sallyport_contract::{
    DnsNames, IdentityName, identity,
    object::{Delivery, WorkloadIdentity},
};
use serde_json::json;

use super::{authority::Script, stage::Stage};

const LEFT: &str = "left";
const RIGHT: &str = "right";

/// A stage where both namespaces may be given the same names.
async fn stage() -> Stage {
    let stage = Stage::scripted(Script::default()).await;
    both(&stage);
    stage
}

fn both(stage: &Stage) {
    for namespace in [LEFT, RIGHT] {
        stage.furnish_namespace(namespace, &json!(["*.both.example"]));
    }
}

fn ask(stage: &Stage, namespace: &str, name: &str) {
    stage.deployment_in(namespace, "api", json!({"sallyport.dev/san": name}));
}

fn identity_name(namespace: &str, name: &str) -> String {
    let names = DnsNames::new([name.parse().unwrap()]).unwrap();
    IdentityName::of(namespace, &names, Delivery::Secret).to_string()
}

/// One side has it, with the only certificate and key; the other is told who.
fn one_holds(stage: &Stage, left: &str, right: &str, what: &str) -> &'static str {
    let sides = [(LEFT, left), (RIGHT, right)];
    let read = |(namespace, name): (&'static str, &str)| {
        let identity = identity_name(namespace, name);
        let found: WorkloadIdentity = stage.twin.stored(namespace, &identity).unwrap();
        (namespace, found, identity::secret_of(&identity))
    };
    let (holds, waits): (Vec<_>, Vec<_>) = sides
        .map(read)
        .into_iter()
        .partition(|(_, identity, _)| Stage::reason(identity) == ("True", "Issued"));
    let ([(holder, _, held)], [(_, waiting, denied)]) = (&holds[..], &waits[..]) else {
        panic!("{what}: {} hold it", holds.len());
    };
    assert_eq!(Stage::reason(waiting), ("False", "NameHeldElsewhere"), "{what}");
    let message = Stage::message(waiting);
    assert!(message.contains(&format!("namespace {holder}")), "{what}: {message}");
    let secrets = stage.all("secrets");
    let ends = |name: &str| secrets.iter().filter(|secret| secret.ends_with(name)).count();
    assert_eq!((ends(held), ends(denied)), (1, 0), "{what}: {secrets:?}");
    let states = secrets.iter().filter(|secret| secret.contains("/state.")).count();
    assert_eq!(states, 1, "{what}: the other has no key either");
    let made = stage.script.certificates();
    assert_eq!(made.values().copied().collect::<Vec<_>>(), [1], "{what}: {made:?}");
    holder
}

#[tokio::test(start_paused = true)]
async fn law_5_of_two_namespaces_in_the_same_instant_one_gets_the_name_a_hundred_times() {
    let mut holders = std::collections::BTreeSet::new();
    for seed in 0..100 {
        let stage = stage().await;
        stage.gate.weave(seed);
        let name = "api.both.example";
        ask(&stage, LEFT, name);
        ask(&stage, RIGHT, name);
        stage.settle().await;
        stage.pass(2).await;
        holders.insert(one_holds(&stage, name, name, &format!("seed {seed}")));
    }
    assert_eq!(holders.len(), 2, "each was the first at times");
}

#[tokio::test(start_paused = true)]
async fn law_5_two_agents_in_the_same_instant_give_it_to_one_namespace_a_hundred_times() {
    for seed in 0..100 {
        let (one, name) = (stage().await, "api.both.example");
        let two = one.beside();
        both(&two);
        one.gate.weave(seed);
        two.gate.weave(seed.wrapping_add(1_000));
        for (agent, first, second) in [(&one, LEFT, RIGHT), (&two, RIGHT, LEFT)] {
            ask(agent, first, name);
            ask(agent, second, name);
        }
        futures::future::join(one.settle(), two.settle()).await;
        futures::future::join(one.pass(30), two.pass(30)).await;
        one_holds(&one, name, name, &format!("seed {seed}"));
    }
}

#[tokio::test(start_paused = true)]
async fn law_5_a_wildcard_and_a_name_under_it_go_to_one_namespace_a_hundred_times() {
    let mut holders = std::collections::BTreeSet::new();
    for seed in 0..100 {
        let stage = stage().await;
        stage.gate.weave(seed);
        let (left, right) = ("*.both.example", "api.both.example");
        ask(&stage, LEFT, left);
        ask(&stage, RIGHT, right);
        stage.settle().await;
        stage.pass(2).await;
        holders.insert(one_holds(&stage, left, right, &format!("seed {seed}")));
    }
    assert_eq!(holders.len(), 2, "each was the first at times");
}

#[tokio::test(start_paused = true)]
async fn law_5_a_name_is_free_for_another_namespace_once_its_claim_has_ended() {
    let (stage, name) = (stage().await, "api.both.example");
    ask(&stage, LEFT, name);
    stage.settle().await;
    stage.pass(2).await;
    ask(&stage, RIGHT, name);
    stage.settle().await;
    assert_eq!(one_holds(&stage, name, name, "the first"), LEFT);
    // The first asks for another name; its old identity ends, and with it the claim.
    ask(&stage, LEFT, "other.both.example");
    stage.settle().await;
    for _ in 0..3 {
        stage.sleep(1).await;
        stage.settle().await;
    }
    let identity: WorkloadIdentity = stage.twin.stored(RIGHT, &identity_name(RIGHT, name)).unwrap();
    assert_eq!(Stage::reason(&identity), ("True", "Issued"), "{}", Stage::message(&identity));
}
