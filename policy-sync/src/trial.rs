//! Commits that fail for what they carry.
//!
//! A candidate that does not pass validation stops everybody's commits, a colleague's too. So after some failures in a
//! row our new names are taken back out of it, and come again in halves; a single name whose commit fails is set aside,
//! as an entry is that the device refuses.

use crate::firewall::JobLine;

/// Commits that may fail in a row before what they carry is doubted: the device may have been busy.
const PATIENCE: u32 = 3;
/// Once this many names go out in one commit, nothing is doubted any more.
const TRUSTED: usize = 2_000;

/// What is known of commits that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trial {
    failures: u32,
    words: String,
    most: Option<usize>,
    /// The newest failed commit of somebody else that is known.
    seen: Option<u64>,
}

/// What is to be done with the new names that failed commits carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They stay.
    Stay,
    /// They are taken back, and come again with fewer others.
    TakeBack,
    /// There is only one: it is taken back and set aside, for this reason.
    SetAside(String),
}

impl Trial {
    /// A commit of ours failed, in these words.
    pub fn failed(&mut self, words: &str) {
        self.failures += 1;
        words.clone_into(&mut self.words);
    }

    /// Commits of others failed: those that are new while the candidate carries names of ours speak against them too.
    pub fn witness<'a>(&mut self, carried: usize, failed: impl Iterator<Item = &'a JobLine>) {
        let seen = self.seen.unwrap_or(u64::MAX);
        let mut newest = 0;
        for job in failed {
            newest = newest.max(job.number());
            if carried > 0 && job.number() > seen {
                self.failed(&format!(
                    "commit job {} of {} failed while the candidate configuration held new names of ours",
                    job.id, job.user
                ));
            }
        }
        // Numbers begin again after a reboot.
        self.seen = Some(newest);
    }

    /// What we wrote came into force.
    pub fn succeeded(&mut self) {
        self.failures = 0;
        self.most = self.most.map(|most| most.saturating_mul(2)).filter(|most| *most < TRUSTED);
    }

    /// What is to be done before the next write. `carried`: how many names the candidate holds that are not in force.
    pub fn judge(&mut self, carried: usize) -> Verdict {
        let patience = if self.most.is_some() { 1 } else { PATIENCE };
        if self.failures < patience || carried == 0 {
            return Verdict::Stay;
        }
        self.failures = 0;
        self.most = Some((carried / 2).max(1));
        match carried {
            1 => Verdict::SetAside(self.words.clone()),
            _ => Verdict::TakeBack,
        }
    }

    /// How many new names one commit may carry for now, and why; `None` if nothing is doubted.
    #[must_use]
    pub fn most(&self) -> Option<(usize, String)> {
        let most = self.most?;
        Some((most, format!("{}; its names come again in smaller commits, {most} in the next", self.words)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_names_come_again_in_halves_until_one_is_found() {
        let mut trial = Trial::default();
        let mut fails = |carried: usize| {
            trial.failed("commit job 7 failed");
            trial.judge(carried)
        };
        assert_eq!([fails(5), fails(5)], [Verdict::Stay, Verdict::Stay], "the device may have been busy");
        assert_eq!(fails(5), Verdict::TakeBack);
        assert_eq!(fails(2), Verdict::TakeBack, "from now on every failure counts");
        assert_eq!(fails(1), Verdict::SetAside("commit job 7 failed".to_owned()));
        let (most, words) = trial.most().unwrap();
        assert_eq!((most, words.starts_with("commit job 7 failed; ")), (1, true));
    }

    #[test]
    fn a_colleagues_failure_counts_while_names_of_ours_are_in_the_candidate() {
        let job = |id: &str| JobLine {
            id: id.to_owned(),
            kind: "Commit".to_owned(),
            user: "admin".to_owned(),
            ended: true,
            ok: false,
            at: String::new(),
        };
        let (old, new) = ([job("3")], ["4", "5", "6"].map(job));
        let mut trial = Trial::default();
        trial.witness(2, old.iter());
        assert_eq!(trial.judge(2), Verdict::Stay, "it failed before we looked");
        trial.witness(0, old.iter().chain(&new));
        assert_eq!(trial.judge(2), Verdict::Stay, "nothing of ours was there");
        trial.seen = Some(3);
        trial.witness(2, old.iter().chain(&new));
        assert_eq!(trial.judge(2), Verdict::TakeBack);
        assert!(trial.most().unwrap().1.starts_with("commit job 6 of admin failed while"));
        trial.witness(2, old.iter().chain(&new));
        assert_eq!(trial.judge(2), Verdict::Stay, "each counts once");
    }

    #[test]
    fn success_trusts_twice_as_many_names() {
        let mut trial = Trial { failures: 1, most: Some(700), ..Trial::default() };
        trial.succeeded();
        assert_eq!(trial.most().unwrap().0, 1400);
        trial.succeeded();
        assert_eq!(trial, Trial::default());
    }

    #[test]
    fn a_commit_that_carries_nothing_new_is_only_tried_again() {
        let mut trial = Trial { failures: 9, ..Trial::default() };
        assert_eq!(trial.judge(0), Verdict::Stay);
        assert_eq!(trial.most(), None);
    }
}
