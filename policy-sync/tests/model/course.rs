//! One sequence: events, the steps of each cluster between them, and the laws after each.

use std::{collections::BTreeSet, pin::pin, sync::Arc, time::Duration};

use jiff::SignedDuration;
use panos_sim::{Accounts, Options, Running, Simulator};
use sallyport_contract::Reason;
use sallyport_process::clock::Clock;

use super::{
    device::Device,
    dice::Dice,
    events::{Act, Brake, Event, draw},
    hand::{Hand, app_path, rule_path},
    laws::{self, Broken, Look, Step},
    party::{Party, Who},
    support::{PASSWORD, USER},
    switches::{End, Position},
};

/// Rounds in which everything settles once nobody disturbs any more.
const MOST_ROUNDS: usize = 400;
/// Longest time of one step.
const STEP_DEADLINE: Duration = Duration::from_secs(60);
const ANCHOR: &str = "deny-east-west";
/// App-IDs and rules that the device has at first.
const AT_FIRST: [&str; 3] = ["legacy-corp", "allow-legacy", ANCHOR];

const CLUSTERS: [Who; 2] = [
    Who { cluster: "prod-eu-1", user: USER, password: PASSWORD, domain: "corp.example" },
    Who { cluster: "prod-eu-2", user: "sallyport-2", password: "battery staple", domain: "other.example" },
];

/// The device, whoever works on it, and what has happened.
pub(crate) struct Course {
    scene: Scene,
    parties: Vec<Party>,
    dice: Dice,
    position: Position,
    pub(crate) steps: Vec<String>,
}

/// The device and what others hold on it.
struct Scene {
    sim: Running,
    hand: Hand,
    owned: BTreeSet<String>,
    /// How it was when somebody else than us last did something.
    left: Look,
}

impl Scene {
    /// How it is now.
    fn look(&self) -> Look {
        look(&self.sim, &self.owned, Some(&self.left))
    }

    /// Something happens on the device; what others hold is what it is then.
    async fn act(&mut self, act: &Act) {
        match act {
            Act::Address => self.hand.address().await,
            Act::Rule => self.hand.rule().await,
            Act::Commit => self.hand.commit(&self.sim).await,
            Act::Revert => self.hand.revert().await,
            Act::DeleteLast => self.hand.delete_last().await,
            Act::Clone(path) => self.hand.clone_of(path).await,
            Act::Place(rule, place) => self.hand.place(rule, place).await,
            Act::Edit(path, element) => self.hand.edit(path, element).await,
            Act::Delete(path) => self.hand.delete(path).await,
            Act::Greedy(pattern) => self.hand.app(pattern).await,
            Act::Lock(lock, what) => self.hand.lock(lock, what).await,
            Act::Fault(fault) => self.sim.plant(fault.clone()),
            Act::ClearFaults => self.sim.clear_faults(),
            Act::KeysExpire => self.sim.expire_keys(),
            Act::Restart => self.sim.restart(Duration::from_millis(10)),
        }
        self.left = self.look();
    }

    /// Whatever could hold us back goes: faults, locks, others' entries, places behind the anchor.
    async fn tidy_up(&mut self) {
        self.sim.clear_faults();
        let Look { candidate, running } = self.look();
        let foreign = |name: &&String| !self.owned.contains(*name) && !AT_FIRST.contains(&name.as_str());
        let rules: Vec<&String> = [&candidate, &running]
            .into_iter()
            .flat_map(|device| &device.rules)
            .map(|rule| &rule.name)
            .collect();
        let apps = [&candidate, &running].into_iter().flat_map(|device| device.apps.keys());
        let theirs: Vec<String> = apps
            .filter(foreign)
            .map(|name| app_path(name))
            .chain(rules.iter().copied().filter(foreign).map(|name| rule_path(name)))
            .collect();
        let behind: Vec<String> = candidate
            .rules
            .iter()
            .skip_while(|rule| rule.name != ANCHOR)
            .map(|rule| rule.name.clone())
            .filter(|name| self.owned.contains(name))
            .collect();
        self.hand.tidy_up(&self.sim, &theirs, &behind).await;
        self.left = self.look();
    }
}

/// Both configurations, read anew where they are not as they were.
fn look(sim: &Running, owned: &BTreeSet<String>, known: Option<&Look>) -> Look {
    let read = |xml: String, known: Option<&Arc<Device>>| match known {
        Some(known) if known.xml == xml => Arc::clone(known),
        Some(_) | None => Arc::new(Device::read(xml, owned)),
    };
    let candidate = read(sim.candidate_xml(), known.map(|look| &look.candidate));
    let running = read(sim.running_xml(), known.map(|look| &look.running));
    Look { candidate, running }
}

impl Course {
    /// A device with one switch in this position, and two clusters.
    pub(crate) async fn new(seed: u64, position: Position) -> Self {
        let accounts = CLUSTERS.map(|who| (who.user.to_owned(), who.password.to_owned()));
        let options = Options {
            accounts: Accounts::new(accounts.into_iter().chain([("admin".to_owned(), "admin".to_owned())])),
            commit_time: Duration::from_millis(2),
            quirks: position.quirks(),
            ..Options::default()
        };
        let sim = Simulator::start(options).await.unwrap();
        let clock = Clock::manual("2026-11-21T09:00:00Z".parse().unwrap());
        let parties: Vec<Party> = CLUSTERS.iter().map(|who| Party::new(*who, &sim, &clock)).collect();
        let owned: BTreeSet<String> = parties.iter().flat_map(Party::owned).collect();
        let hand = Hand::new(&sim).await;
        let left = look(&sim, &owned, None);
        let scene = Scene { sim, hand, owned, left };
        Self { scene, parties, dice: Dice::new(seed), position, steps: Vec::new() }
    }

    /// The last writes and commits, for whoever reads a failure.
    pub(crate) async fn last_writes(&self) -> String {
        let state = self.scene.hand.state(&self.scene.sim).await;
        let lines = self.scene.sim.log_lines();
        let writes: Vec<_> = lines
            .iter()
            .filter(|line| {
                matches!(line.kind.as_str(), "commit" | "config")
                    && !matches!(line.action.as_str(), "get" | "show")
            })
            .map(|line| {
                format!(
                    "{} {} {} {} {} {} {}\n",
                    line.user, line.kind, line.action, line.xpath, line.element, line.newname, line.status
                )
            })
            .collect();
        let last: String = writes.iter().skip(writes.len().saturating_sub(8)).cloned().collect();
        format!("{last}{state}\n")
    }

    /// So many events, and then the end.
    pub(crate) async fn run(&mut self, events: usize) -> Broken {
        for _ in 0..events {
            let event = draw(&mut self.dice, &self.parties, &self.scene.look().candidate);
            self.steps.push(format!("{event:?}"));
            self.happen(event).await?;
            for at in 0..self.parties.len() {
                for _ in 0..self.dice.below(3) {
                    self.steps.push(format!("  step of {at}"));
                    self.step(at, None).await?;
                }
            }
        }
        self.steps.push("the end".to_owned());
        self.settle().await
    }

    async fn happen(&mut self, event: Event) -> Broken {
        let party = match &event {
            Event::Want { party, .. }
            | Event::Unwant { party, .. }
            | Event::Tighten { party, .. }
            | Event::Brake { party, .. } => self.parties.get_mut(*party),
            Event::Act(_) | Event::Within { .. } | Event::Killed { .. } | Event::Time { .. } => {
                self.parties.first_mut()
            }
        };
        let Some(one) = party else { return Ok(()) };
        match event {
            Event::Want { identity, names, action, .. } => one.want(&identity, &names, action),
            Event::Unwant { identity, .. } => one.unwant(&identity),
            Event::Tighten { tight, .. } => one.tighten(tight),
            Event::Brake { brake, .. } => one.brake(|brakes| match brake {
                Brake::Suspend(suspend) => brakes.suspend = suspend,
                Brake::Frozen(frozen) => brakes.frozen = frozen,
                Brake::Blocked(names) => brakes.blocked = names,
                Brake::MaxChanges(max) => brakes.max_changes = max,
                Brake::MaxRemovals(max) => brakes.max_removals = max,
            }),
            Event::Time { minutes } => one.pass(SignedDuration::from_mins(minutes)),
            Event::Act(act) => self.scene.act(&act).await,
            Event::Within { party, place, act } => self.step(party, Some((place, Some(act)))).await?,
            Event::Killed { party, place } => self.step(party, Some((place, None))).await?,
        }
        Ok(())
    }

    /// One step of one cluster, and the laws after it. `meanwhile`: the place of the step at which something happens, or
    /// at which the process ends.
    async fn step(&mut self, at: usize, meanwhile: Option<(usize, Option<Act>)>) -> Broken {
        let before = self.scene.look();
        let left = self.scene.left.clone();
        let Some(party) = self.parties.get_mut(at) else { return Ok(()) };
        let proofs = party.proofs();
        let turns = party.replica.turns.clone();
        let act = meanwhile.as_ref().and_then(|(_, act)| act.clone());
        let ends = meanwhile.is_some() && act.is_none();
        if let Some((place, _)) = &meanwhile {
            turns.hold_later(*place);
        }
        let mut disturbed = false;
        {
            let mut step = pin!(tokio::time::timeout(STEP_DEADLINE, party.replica.step()));
            let held = tokio::select! {
                biased;
                done = &mut step => { done.map_err(|_| "a step did not end".to_owned())?; false }
                () = turns.held(), if meanwhile.is_some() => true,
            };
            turns.hold_nowhere();
            if let (true, Some(act)) = (held, &act) {
                disturbed = !act.leaves_decisions();
                laws::others_are_left(&left, &self.scene.look())?;
                self.scene.act(act).await;
                turns.go();
                step.await.map_err(|_| "a step did not end".to_owned())?;
            }
        }
        if ends {
            party.restart();
        }
        let after = self.scene.look();
        laws::others_are_left(&self.scene.left, &after)?;
        let step = Step { before: &before, after: &after, proofs: &proofs, disturbed };
        laws::of_the_device(&self.parties, &after)?;
        for (n, party) in self.parties.iter().enumerate() {
            if n == at {
                laws::of_a_step(party, &step)?;
            } else {
                laws::untouched(party, &step)?;
            }
        }
        Ok(())
    }

    /// Nobody disturbs any more: all settles.
    async fn settle(&mut self) -> Broken {
        self.scene.tidy_up().await;
        for party in &mut self.parties {
            party.calm();
        }
        for round in 1..=MOST_ROUNDS {
            // What the colleague took back may not fit any more until we have repaired it.
            if round % 20 == 0 {
                self.scene.act(&Act::Commit).await;
            }
            let look = self.scene.look();
            if self.parties.iter().all(|party| self.settled(party, &look).is_ok()) {
                return Ok(());
            }
            for at in 0..self.parties.len() {
                self.step(at, None).await?;
            }
        }
        let look = self.scene.look();
        self.parties.iter().try_for_each(|party| self.settled(party, &look))
    }

    /// Whether a cluster is where it should be, or what is not.
    fn settled(&self, party: &Party, look: &Look) -> Broken {
        let end = self.position.end();
        for name in party.names() {
            let state = party.reason(&name);
            let enforced = matches!(state, Some((Reason::Enforced, _)));
            let named = match end {
                End::Enforced => false,
                End::Named(reasons) => state.as_ref().is_some_and(|(reason, _)| reasons.contains(reason)),
            };
            if party.wants(&name) {
                if !enforced && !named {
                    return Err(format!("{name} is wanted, and is {state:?}: {}", party.twin.describe()));
                }
            } else if end == End::Enforced && party.twin.entry(&name).is_some() {
                return Err(format!("{name} is not wanted, and stands: {}", party.twin.describe()));
            }
        }
        let owned = party.owned();
        let equal = end != End::Enforced || look.candidate.only(&owned) == look.running.only(&owned);
        if equal { Ok(()) } else { Err("what is ours differs in the candidate and in force".to_owned()) }
    }
}
