//! Faults that a test plants: where they strike, what they do, how often.

use serde::{Deserialize, Serialize};
use std::sync::{Mutex, PoisonError};
use tokio::sync::watch;

/// Which kind of request a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Where {
    /// A new TCP connection, before TLS.
    Connect,
    /// `type=keygen`.
    Keygen,
    /// `type=config`, whatever its action.
    Config,
    /// `action=get`.
    Get,
    /// `action=show`.
    Show,
    /// `action=set`.
    Set,
    /// `action=edit`.
    Edit,
    /// `action=delete`.
    Delete,
    /// `action=move`.
    Move,
    /// `action=multi-config`.
    MultiConfig,
    /// `type=commit`.
    Commit,
    /// `type=op`, whatever the command.
    Op,
    /// `show jobs …`: how a client waits for its commit.
    JobPoll,
    /// `type=user-id`.
    UserId,
    /// A commit job when it starts.
    Job,
}

/// What a fault does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The device answers with this code and text; nothing is done.
    Refuse {
        /// The `code` attribute.
        code: u16,
        /// The message line.
        text: String,
    },
    /// An HTTP status with a body that is not XML, as a proxy sends it; nothing is done.
    HttpStatus(u16),
    /// The request waits this many milliseconds, then goes its way.
    DelayMs(u64),
    /// The connection ends without an answer; nothing is done.
    DropBefore,
    /// The request is done, the connection ends without an answer.
    DropAfter,
    /// The request is done, the connection ends in the middle of the answer.
    CutMidway,
    /// The request is done, the answer is cut in half.
    Truncate,
    /// The request is done, the answer is not XML.
    Garbage,
    /// The job fails with this detail line.
    FailJob(String),
    /// The job stays active until the faults are cleared.
    NeverFinish,
    /// The commit succeeds, but signatures of these Apps (none named: of all) do not compile.
    CommitNotCompiled(Vec<String>),
}

/// How often a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Times {
    /// Until the faults are cleared.
    Forever,
    /// Each time by chance, as the dice of this seed fall: the same in every run.
    #[serde(untagged)]
    Chance {
        /// How likely, from 0 to 1.
        chance: Chance,
        /// Another seed is another run of luck.
        seed: u64,
    },
    /// So many times.
    #[serde(untagged)]
    Count(u32),
}

/// A probability, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Chance(u32);

impl TryFrom<f64> for Chance {
    type Error = String;

    fn try_from(chance: f64) -> Result<Self, String> {
        if !(0.0..=1.0).contains(&chance) {
            return Err(format!("a chance lies between 0 and 1, not at {chance}"));
        }
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it lies between 0 and a million"
        )]
        let millionths = (chance * 1e6).round() as u32;
        Ok(Self(millionths))
    }
}

impl From<Chance> for f64 {
    fn from(chance: Chance) -> f64 {
        f64::from(chance.0) / 1e6
    }
}

impl Chance {
    /// Does it strike the nth time? By the mixing function of `SplitMix64` (<https://prng.di.unimi.it/splitmix64.c>).
    fn strikes(self, seed: u64, nth: u64) -> bool {
        let mut mixed = seed.wrapping_add(nth.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % 1_000_000 < u64::from(self.0)
    }
}

/// A planted fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Which requests.
    #[serde(rename = "where")]
    pub place: Where,
    /// What happens.
    pub action: Action,
    /// How often; once if not said.
    #[serde(default = "once")]
    pub times: Times,
    /// Only requests whose xpath, element or command contains this.
    #[serde(rename = "match", default, skip_serializing_if = "Option::is_none")]
    pub matching: Option<String>,
}

fn once() -> Times {
    Times::Count(1)
}

/// All planted faults, oldest first.
#[derive(Debug)]
pub(crate) struct Faults {
    planted: Mutex<Vec<Planted>>,
    cleared: watch::Sender<u64>,
}

/// A fault, and how many requests it was meant for so far.
#[derive(Debug)]
struct Planted {
    fault: Fault,
    met: u64,
}

impl Faults {
    pub(crate) fn new() -> Self {
        Self { planted: Mutex::default(), cleared: watch::Sender::new(0) }
    }

    pub(crate) fn plant(&self, fault: Fault) {
        self.lock().push(Planted { fault, met: 0 });
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
        self.cleared.send_modify(|generation| *generation += 1);
    }

    pub(crate) fn list(&self) -> Vec<Fault> {
        self.lock().iter().map(|planted| planted.fault.clone()).collect()
    }

    /// Waits until somebody clears the faults.
    pub(crate) fn watch_cleared(&self) -> watch::Receiver<u64> {
        self.cleared.subscribe()
    }

    /// The actions that strike this request, each used up by one. `places`: all that the request is.
    pub(crate) fn strike(&self, places: &[Where], subject: &str) -> Vec<Action> {
        let mut planted = self.lock();
        let mut struck = Vec::new();
        for Planted { fault, met } in planted.iter_mut() {
            let matches = fault.matching.as_deref().is_none_or(|m| subject.contains(m));
            let meant = places.contains(&fault.place) && matches;
            if !meant {
                continue;
            }
            let nth = *met;
            *met += 1;
            if let Times::Chance { chance, seed } = fault.times
                && !chance.strikes(seed, nth)
            {
                continue;
            }
            struck.push(fault.action.clone());
            if let Times::Count(count) = &mut fault.times {
                *count = count.saturating_sub(1);
            }
        }
        planted.retain(|planted| planted.fault.times != Times::Count(0));
        struck
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Planted>> {
        self.planted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_read_from_json_strike_as_often_as_they_say() {
        let faults = Faults::new();
        for json in [
            r#"{"where":"config","action":{"refuse":{"code":13,"text":"later"}},"times":2,"match":"tag"}"#,
            r#"{"where":"op","action":"drop_after","times":"forever"}"#,
            r#"{"where":"job","action":{"commit_not_compiled":["a"]}}"#,
        ] {
            faults.plant(serde_json::from_str(json).unwrap());
        }
        assert_eq!(faults.strike(&[Where::Config], "/config/address"), []);
        let refuse = [Action::Refuse { code: 13, text: "later".to_owned() }];
        assert_eq!(faults.strike(&[Where::Config], "/config/tag"), refuse);
        assert_eq!(faults.strike(&[Where::Config], "/config/tag"), refuse);
        assert_eq!(faults.strike(&[Where::Config], "/config/tag"), []);
        for _ in 0..5 {
            assert_eq!(faults.strike(&[Where::Op], ""), [Action::DropAfter]);
        }
        assert_eq!(faults.strike(&[Where::Job], "").len(), 1);
        assert_eq!(faults.list().len(), 1);
        faults.clear();
        assert_eq!(faults.strike(&[Where::Op], ""), []);
    }

    #[test]
    fn chance_strikes_about_as_often_as_it_says_and_alike_for_one_seed() {
        let run = |chance: &str, seed: u32| -> Vec<bool> {
            let faults = Faults::new();
            let json = format!(
                r#"{{"where":"op","action":"drop_before","times":{{"chance":{chance},"seed":{seed}}}}}"#
            );
            faults.plant(serde_json::from_str(&json).unwrap());
            assert_eq!(serde_json::to_value(faults.list()).unwrap()[0]["times"]["seed"], seed);
            (0..2000).map(|_| !faults.strike(&[Where::Op], "").is_empty()).collect()
        };
        let struck = |run: &[bool]| run.iter().filter(|struck| **struck).count();
        assert_eq!(run("0.1", 7), run("0.1", 7));
        assert_ne!(run("0.1", 7), run("0.1", 8));
        for (chance, least, most) in [("0", 0, 0), ("0.1", 150, 250), ("0.5", 900, 1100), ("1", 2000, 2000)] {
            let count = struck(&run(chance, 7));
            assert!((least..=most).contains(&count), "{chance}: {count} of 2000");
        }
        let wrong = r#"{"where":"op","action":"drop_before","times":{"chance":1.5,"seed":7}}"#;
        serde_json::from_str::<Fault>(wrong).unwrap_err();
    }
}
