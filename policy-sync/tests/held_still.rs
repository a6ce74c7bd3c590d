//! Something is due and must wait: a firewall is asked about it now and then, however long that takes.
#![cfg(test)]

mod support;

use std::time::Duration;

use jiff::SignedDuration;
use panos_sim::{Action as Deed, Options, Where};
use sallyport_contract::Reason;
use sallyport_policy_sync::cycle::{Cycle, Ports, Settings};
use sallyport_process::clock::Clock;
use serde_json::{Value, json};
use support::{Colleague, Ground, VSYS, always, edge, options, pass_time, ports};

const WEB: &str = "web.shop.corp.example";
const PAY: &str = "pay.shop.corp.example";
/// As the program is set by default.
const SETTINGS: Settings =
    Settings { job_poll: SignedDuration::from_secs(2), resync: SignedDuration::from_mins(1) };
/// How long nothing happens.
const LONG: SignedDuration = SignedDuration::from_mins(30);
/// A full look at each resync, and as many steps between them.
const MOST_STEPS: usize = 2 * 30 + 10;
/// What one full look asks, and a little.
const MOST_QUESTIONS: usize = 30 * 45;

/// A firewall whose commits take no time, and a clock that stands until it is moved.
struct Stage {
    ground: Ground,
    clock: Clock,
}

impl Stage {
    async fn new(change: impl FnOnce(&mut Value)) -> Self {
        let swift = Options { commit_time: Duration::from_millis(1), ..options() };
        let mut ground = Ground::with(swift, |spec| {
            spec["commit"] = json!({});
            change(spec);
        })
        .await;
        let clock = Clock::manual(Clock::system().now());
        let ports = Ports { clock: clock.clone(), ..ports(&ground.twin, &ground.board) };
        ground.cycle = Cycle::new(edge(&ground.twin), ports, SETTINGS);
        // What is wanted from now on is new.
        ground.step().await;
        Self { ground, clock }
    }

    /// Lets time pass until a name stands so.
    async fn until(&mut self, name: &str, reason: Reason) {
        for _ in 0..50_000 {
            if self.ground.reason(&support::dns(name)) == Some(reason) {
                return;
            }
            let wake = self.ground.step().await;
            pass_time(&self.clock, wake).await;
        }
        panic!("{name} is not {}: {}", reason.code(), self.ground.twin.describe());
    }

    /// Lets time pass while nothing happens: few steps, few questions, nothing written.
    async fn rests(&mut self, why: &str) {
        let is_test = |cmd: &str| cmd.contains("<security-policy-match>");
        let end = self.clock.now() + LONG;
        let before = self.ground.sim.log_lines().len();
        let mut steps = 0;
        while self.clock.now() < end {
            let wake = self.ground.step().await;
            steps += 1;
            assert!(
                steps <= MOST_STEPS,
                "{why}: {steps} steps, and {} are left",
                end.duration_since(self.clock.now())
            );
            let moment = SignedDuration::from_millis(1);
            self.clock.advance(wake.min(end).duration_since(self.clock.now()).max(moment));
        }
        let asked: Vec<_> = self.ground.sim.log_lines().into_iter().skip(before).collect();
        let looks = asked.iter().filter(|line| !is_test(&line.cmd)).count();
        assert!(looks <= MOST_QUESTIONS, "{why}: {looks} questions");
        // A commit that the device refuses is how we learn that it is still locked.
        let writes = asked.iter().filter(|line| line.action == "multi-config" || line.kind == "commit");
        let taken: Vec<_> = writes.filter(|line| line.status == "success").collect();
        assert!(taken.is_empty(), "{why}: {taken:?}");
    }

    fn want(&self, identity: &str, name: &str) {
        self.ground.twin.want(identity, &[name], "Allow");
    }

    fn change(&self, change: impl FnOnce(&mut Value)) {
        self.ground.twin.change_firewall(change);
    }
}

fn freeze() -> Value {
    json!({"freezes": [{"from": "2020-01-01T00:00:00Z", "until": "2099-01-01T00:00:00Z", "reason": "year end"}]})
}

#[tokio::test]
async fn law_9_a_newcomer_at_a_firewall_that_is_held_still_makes_no_haste() {
    type Brake = (&'static str, Reason, fn(&mut Value));
    let brakes: [Brake; 3] = [
        ("suspended", Reason::Suspended, |spec| spec["suspend"] = true.into()),
        ("frozen", Reason::OutsideWindow, |spec| spec["commit"] = freeze()),
        ("no anchor", Reason::AnchorMissing, |spec| spec["rules"] = json!({"before": "nobody-made-it"})),
    ];
    for (why, reason, brake) in brakes {
        let mut stage = Stage::new(brake).await;
        stage.want("web-1", WEB);
        stage.until(WEB, reason).await;
        stage.rests(why).await;
    }
}

#[tokio::test]
async fn law_9_who_leaves_a_firewall_that_is_held_still_makes_no_haste() {
    type Brake = (&'static str, fn(&mut Value));
    let brakes: [Brake; 3] = [
        ("suspended", |spec| spec["suspend"] = true.into()),
        ("frozen", |spec| spec["commit"] = freeze()),
        ("more than may go", |spec| spec["commit"] = json!({"maxRemovals": 1})),
    ];
    for (why, brake) in brakes {
        let mut stage = Stage::new(|spec| spec["removal"]["quarantine"] = "1m".into()).await;
        for (identity, name) in [("web-1", WEB), ("pay-1", PAY)] {
            stage.want(identity, name);
        }
        stage.until(PAY, Reason::Enforced).await;
        stage.change(brake);
        stage.ground.twin.unwant("web-1");
        stage.ground.twin.unwant("pay-1");
        stage.ground.step().await;
        stage.clock.advance(SignedDuration::from_mins(2));
        stage.rests(why).await;
    }
}

#[tokio::test]
async fn law_9_what_a_colleague_holds_up_is_asked_about_now_and_then() {
    let mut stage = Stage::new(|_| ()).await;
    let colleague = Colleague::new(&stage.ground.sim).await;
    let rule = format!("{VSYS}/rulebase/security/rules/entry[@name='allow-legacy']");
    colleague.config("set", &rule, "<description>not finished</description>").await;
    let lock = "<request><commit-lock><add><comment>change 77</comment></add></commit-lock></request>";
    colleague.send(&[("type", "op"), ("cmd", lock)]).await;
    stage.want("web-1", WEB);
    stage.until(WEB, Reason::LockedByOther).await;
    let (_, words) = stage.ground.state(&support::dns(WEB)).unwrap();
    assert!(words.contains("admin holds a commit lock on shared (change 77)"), "{words}");
    stage.rests("a colleague's lock").await;
}

/// The policy test takes this address for `any`; a foreign rule for it alone hides ours from the test and from nothing else.
const PROBED: &str = "<source><member>192.0.2.1</member></source>";
/// More names than are tested in one pass.
const MANY: usize = 510;

#[tokio::test]
async fn law_9_a_policy_test_that_says_otherwise_is_repeated_now_and_then() {
    let mut stage = Stage::new(|spec| {
        spec["bounds"]["maxNames"] = 2000.into();
        spec["commit"]["maxChanges"] = 2000.into();
    })
    .await;
    let colleague = Colleague::new(&stage.ground.sim).await;
    let rules = format!("{VSYS}/rulebase/security/rules/entry[@name='deny-one-host']");
    let any: String = ["from", "to", "destination", "application", "service"]
        .map(|field| format!("<{field}><member>any</member></{field}>"))
        .concat();
    colleague.config("set", &rules, &format!("{any}{PROBED}<action>deny</action>")).await;
    colleague.send(&[("type", "config"), ("action", "move"), ("xpath", &rules), ("where", "top")]).await;
    colleague.commit().await;
    let names: Vec<String> = (0..MANY).map(|n| format!("n{n:03}.shop.corp.example")).collect();
    for name in &names {
        stage.want(&name[..4], name);
    }
    for name in [names.first(), names.last()].into_iter().flatten() {
        stage.until(name, Reason::ShadowedByForeignRule).await;
    }
    let tests = |stage: &Stage| {
        stage
            .ground
            .sim
            .log_lines()
            .iter()
            .filter(|line| line.cmd.contains("<security-policy-match>"))
            .count()
    };
    let before = tests(&stage);
    stage.rests("the policy test says otherwise").await;
    let asked = tests(&stage) - before;
    assert!((MANY..=7 * MANY).contains(&asked), "{asked} tests of {MANY} names: every five minutes at most");
    // The colleague takes the rule away: then it is another policy, and each is asked at once.
    colleague.config("delete", &rules, "").await;
    colleague.commit().await;
    stage.until(names.last().unwrap(), Reason::Enforced).await;
}

#[tokio::test]
async fn law_9_a_device_that_is_away_is_called_now_and_then() {
    let mut stage = Stage::new(|_| ()).await;
    stage.ground.sim.plant(always(Where::Show, Deed::DropBefore));
    stage.want("web-1", WEB);
    stage.until(WEB, Reason::FirewallUnreachable).await;
    stage.rests("away").await;
}
