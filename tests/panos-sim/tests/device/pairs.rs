//! Pairs: who may be written to, how a commit reaches the peer, and what a failover or a restart leaves behind.

use crate::{
    managed::{FW_1, group, topology},
    support::{Client, Reply, between, hang, options},
    traffic::{End, PATIENCE, client_hello, echo, flow, say},
};
use panos_sim::{Options, PanoramaOptions, Quirks, Running, RunningPair, Simulator};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const TAG: &str = "/tag/entry[@name='ours']";
const COLOR: &str = "<color>color1</color>";
const STATE: &str = "<show><high-availability><state/></high-availability></show>";

struct Pair {
    running: RunningPair,
    first: Client,
    second: Client,
}

async fn pair_with(quirks: &Quirks) -> Pair {
    let options = || Options { quirks: quirks.clone(), ..options() };
    let running = Simulator::start_pair(options(), options()).await.unwrap();
    let first = Client::login(&running.first, "sallyport", "s3cret").await;
    let second = Client::login(&running.second, "sallyport", "s3cret").await;
    Pair { running, first, second }
}

async fn pair() -> Pair {
    pair_with(&Quirks::default()).await
}

/// Waits until a command's answer holds a text.
async fn comes(who: &Client, cmd: &str, text: &str) -> Reply {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match who.try_send(&[("type", "op"), ("cmd", cmd)]).await {
            Ok(reply) if reply.body.contains(text) => return reply,
            Ok(_) | Err(_) => assert!(Instant::now() < deadline, "{text} does not come"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn synchronized(who: &Client) {
    comes(who, STATE, "<running-sync>synchronized</running-sync>").await;
}

fn local_state(reply: &Reply) -> String {
    between(&between(&reply.body, "<local-info>", "</local-info>"), "<state>", "</state>")
}

#[tokio::test]
async fn both_tell_their_role_and_only_the_active_one_is_written_to() {
    let Pair { running, first, second } = pair().await;
    first.op(STATE).await.has("<enabled>yes</enabled><group><mode>Active-Passive</mode>");
    assert_eq!(local_state(&first.op(STATE).await), "active");
    assert_eq!(local_state(&second.op(STATE).await), "passive");
    second.config("set", TAG, COLOR).await.has("code=\"15\"");
    second.commit("<commit><force/></commit>").await.has("code=\"15\"");
    second.op("<revert><config/></revert>").await.has("code=\"15\"");
    second.config("get", "/tag", "").await.has("legacy");
    first.config("set", TAG, COLOR).await.has("code=\"20\"");
    running.fail_over();
    assert_eq!(running.active().serial, running.second.serial);
    assert_eq!(local_state(&first.op(STATE).await), "passive");
    first.config("set", "/tag/entry[@name='late']", COLOR).await.has("code=\"15\"");
    second.config("set", TAG, COLOR).await.has("code=\"20\"");
}

#[tokio::test]
async fn a_commit_goes_to_the_peer_and_a_candidate_does_not() {
    let Pair { running, first, second } = pair().await;
    let alice = Client::login(&running.first, "alice", "wonder").await;
    alice.config("set", "/tag/entry[@name='hers']", COLOR).await.has("code=\"20\"");
    first.config("set", TAG, COLOR).await.has("code=\"20\"");
    second.config("get", TAG, "").await.has("code=\"7\"");
    running.second.plant(hang());
    first.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    comes(&second, "<show><jobs><all/></jobs></show>", "<type>HA-Sync</type>").await;
    for client in [&first, &second] {
        client.op(STATE).await.has("<running-sync>synchronization in progress</running-sync>");
    }
    second.config("set", TAG, COLOR).await.has("code=\"13\"").has("Another sync is in progress");
    second.config("show", TAG, "").await.has("No such node");
    first.config("set", "/tag/entry[@name='next']", COLOR).await.has("code=\"20\"");
    running.second.clear_faults();
    synchronized(&second).await;
    second.config("show", TAG, "").await.has("color1");
    second.config("show", "/tag/entry[@name='next']", "").await.has("No such node");
    second.config("get", "/tag/entry[@name='next']", "").await.has("code=\"7\"");
    second.config("get", "/tag/entry[@name='hers']", "").await.has("code=\"7\"");
    first.config("get", "/tag/entry[@name='hers']", "").await.has("color1");
    second.op("<show><system><info/></system></show>").await.has("fw-sim-2");
}

#[tokio::test]
async fn a_synchronization_that_fails_is_told() {
    let Pair { running, first, second } = pair().await;
    running.second.plant(panos_sim::Fault {
        place: panos_sim::Where::Job,
        action: panos_sim::Action::FailJob("peer is busy".to_owned()),
        times: panos_sim::Times::Count(1),
        matching: None,
    });
    first.config("set", TAG, COLOR).await;
    first.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    comes(&first, STATE, "<running-sync>not synchronized</running-sync>").await;
    second.config("show", TAG, "").await.has("No such node");
    first.commit("<commit><force/></commit>").await.has("enqueued");
    synchronized(&first).await;
    second.config("show", TAG, "").await.has("color1");
}

#[tokio::test]
async fn a_failover_with_a_restart_forgets_the_running_job() {
    let Pair { running, first, second } = pair().await;
    first.config("set", TAG, COLOR).await;
    running.first.plant(hang());
    let job = between(&first.commit("<commit/>").await.body, "<job>", "</job>");
    comes(&first, "<show><jobs><all/></jobs></show>", "<status>ACT</status>").await;
    second.control("POST", "/failover", "{\"reboot\":true,\"away_ms\":150}").await;
    assert_eq!(local_state(&second.op(STATE).await), "active");
    assert!(first.try_send(&[("type", "op"), ("cmd", STATE)]).await.is_err(), "it is away");
    second.op(STATE).await.has("<conn-status>down</conn-status>");
    comes(&first, "<show><jobs><all/></jobs></show>", "<type>AutoCom</type>")
        .await
        .lacks("<type>Commit</type>");
    assert_eq!(job, "1");
    first.job(&job).await.has("<type>AutoCom</type>");
    second.config("show", TAG, "").await.has("No such node");
    second.config("set", TAG, COLOR).await.has("code=\"20\"");
    second.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    synchronized(&second).await;
    first.config("show", TAG, "").await.has("color1");
}

#[tokio::test]
async fn a_passive_device_that_was_away_catches_up() {
    let Pair { running, first, second } = pair().await;
    running.second.restart(Duration::from_millis(100));
    first.config("set", TAG, COLOR).await;
    first.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    synchronized(&first).await;
    comes(&second, STATE, "<running-sync>synchronized</running-sync>").await;
    second.config("show", TAG, "").await.has("color1");
}

#[tokio::test]
async fn traffic_goes_through_the_active_device() {
    let mut tasks = JoinSet::new();
    let upstream = echo(&mut tasks).await;
    let Pair { running, .. } = pair().await;
    let hello = client_hello("legacy.corp.example");
    let legacy = "destination=10.30.0.9";
    let (one, two) =
        (flow(&running.first, upstream, legacy).await, flow(&running.second, upstream, legacy).await);
    assert_eq!(say(&running.first, one, &hello).await, End::Echoed);
    running.fail_over();
    assert_eq!(say(&running.second, two, &hello).await, End::Echoed);
    let before = running.first.sessions().len();
    let mut refused = tokio::net::TcpStream::connect(one).await.unwrap();
    let mut buffer = [0; 1];
    let end = tokio::io::AsyncReadExt::read(&mut refused, &mut buffer).await;
    assert_eq!(end.map_err(|error| error.kind()), Err(std::io::ErrorKind::ConnectionReset));
    assert_eq!(running.first.sessions().len(), before);
}

#[tokio::test]
async fn pending_changes_outlive_a_synchronization_or_do_not() {
    for (replaces, left) in [(true, "code=\"7\""), (false, "color1")] {
        let quirks = Quirks { ha_sync_replaces_candidate: replaces, ..Quirks::default() };
        let Pair { running, first, second } = pair_with(&quirks).await;
        first.config("set", "/tag/entry[@name='left-behind']", COLOR).await;
        running.fail_over();
        second.config("set", TAG, COLOR).await.has("code=\"20\"");
        second.commit_of(&["sallyport"]).await.has("<result>OK</result>");
        synchronized(&first).await;
        first.config("get", TAG, "").await.has("color1");
        first.config("get", "/tag/entry[@name='left-behind']", "").await.has(left);
        let pending = if replaces { "no" } else { "yes" };
        first.op("<check><pending-changes/></check>").await.has(&format!("<result>{pending}</result>"));
    }
}

#[tokio::test]
async fn keys_hold_on_the_peer_or_do_not() {
    for (hold, http) in [(true, 200), (false, 403)] {
        let quirks = Quirks { keys_hold_on_the_peer: hold, ..Quirks::default() };
        let options = || Options { quirks: quirks.clone(), ..options() };
        let running = Simulator::start_pair(options(), options()).await.unwrap();
        let first = Client::login(&running.first, "sallyport", "s3cret").await;
        let at_peer = first.moved_to(&running.second);
        assert_eq!(at_peer.op(STATE).await.http, http);
    }
}

#[tokio::test]
async fn pending_changes_outlive_a_restart_or_do_not() {
    for (survives, left) in [(true, "color1"), (false, "code=\"7\"")] {
        let quirks = Quirks { candidate_survives_a_restart: survives, ..Quirks::default() };
        let (running, us) = crate::support::start_with(Options { quirks, ..options() }).await;
        us.config("set", TAG, COLOR).await;
        running.restart(Duration::ZERO);
        comes(&us, "<show><jobs><all/></jobs></show>", "<type>AutoCom</type>").await;
        us.config("get", TAG, "").await.has(left);
    }
}

#[tokio::test]
async fn commits_wait_until_the_start_is_over() {
    let (running, us) = crate::support::start().await;
    us.config("set", TAG, COLOR).await;
    running.plant(hang());
    running.restart(Duration::ZERO);
    us.commit("<commit/>").await.has("code=\"13\"");
    running.clear_faults();
    comes(&us, "<show><jobs><all/></jobs></show>", "<status>FIN</status>").await;
    us.commit("<commit/>").await.has("enqueued");
}

#[tokio::test]
async fn a_pair_of_panoramas_has_one_that_writes_and_pushes() {
    let options = PanoramaOptions { base: options(), topology: topology(), paired: true };
    let running = Simulator::start_panorama(options).await.unwrap();
    let login = async |running: &Running| Client::login(running, "sallyport", "s3cret").await;
    let (first, second) = (login(&running.panorama).await, login(running.peer.as_ref().unwrap()).await);
    first.op(STATE).await.lacks("<group>").has("<state>secondary-passive</state>");
    assert_eq!(local_state(&first.op(STATE).await), "primary-active");
    assert_eq!(local_state(&second.op(STATE).await), "secondary-passive");
    let tag = format!("{}{TAG}", group("prod"));
    second.at("set", &tag, COLOR).await.has("code=\"15\"");
    first.at("set", &tag, COLOR).await.has("code=\"20\"");
    first.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    synchronized(&second).await;
    second.at("show", &tag, "").await.has("color1");
    assert_eq!(second.sync_status(FW_1).await, "Out of Sync");
    running.fail_over();
    assert_eq!(local_state(&first.op(STATE).await), "primary-passive");
    assert_eq!(local_state(&second.op(STATE).await), "secondary-active");
    second.pushed("prod").await.has("<result>OK</result>").has(FW_1);
    assert_eq!(first.sync_status(FW_1).await, "In Sync");
}
