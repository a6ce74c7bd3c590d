//! Whether a push would ship what others hold back: a push takes all that Panorama runs for the group
//! (<https://docs.paloaltonetworks.com/panorama/getting-started/panorama-overview/panorama-commit-validation-and-preview-operations>).
//!
//! What others committed before the group was last seen in sync is on the firewalls already. What they committed since
//! may not be, and would go along with ours.

use jiff::{SignedDuration, Timestamp};

use crate::{firewall::JobLine, pace::later};

/// Panorama's list of firewalls may lag behind a commit by a moment, so two looks must agree.
const LAG: SignedDuration = SignedDuration::from_secs(2);

/// What is known of other administrators' commits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shipping {
    /// The newest job up to which nothing of others is held back.
    through: Option<u64>,
    /// The newest foreign commit when the group was seen in sync, and when that was.
    sighted: Option<(u64, Timestamp)>,
    /// What others committed since, as far as the list of jobs tells.
    held_back: Vec<JobLine>,
    in_sync: bool,
}

/// Whether a push may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shipment {
    /// It ships nothing but ours.
    Ours,
    /// It can be said in a moment.
    LookAgain(Timestamp),
    /// It would ship what others hold back.
    Others(String),
}

impl Shipping {
    /// What a former process knew.
    #[must_use]
    pub fn from_status(in_sync_through: Option<&str>) -> Self {
        Self { through: in_sync_through.and_then(|id| id.parse().ok()), ..Self::default() }
    }

    /// For the status: the newest job when the group was last seen in sync.
    #[must_use]
    pub fn through(&self) -> Option<String> {
        self.through.map(|id| id.to_string())
    }

    /// Takes in one look at Panorama: its jobs, and after that whether the group's firewalls are in sync.
    pub fn look(&mut self, jobs: &[JobLine], user: &str, in_sync: bool, now: Timestamp) {
        let foreign: Vec<&JobLine> =
            jobs.iter().filter(|job| job.is_commit() && job.user != user && (job.ok || !job.ended)).collect();
        let newest = foreign.iter().map(|job| job.number()).max().unwrap_or_default();
        self.in_sync = in_sync;
        if in_sync {
            match self.sighted {
                Some((seen, at)) if seen == newest => {
                    if later(at, LAG) <= now {
                        self.through = Some(newest.max(self.through.unwrap_or_default()));
                    }
                }
                Some(_) | None => self.sighted = Some((newest, now)),
            }
        } else {
            self.sighted = None;
        }
        let through = self.through;
        self.held_back =
            foreign.into_iter().filter(|job| through.is_none_or(|id| job.number() > id)).cloned().collect();
    }

    /// Whether what a push would ship is ours. `ours`: something of ours is committed and not pushed, which is why the
    /// group is out of sync.
    #[must_use]
    pub fn judge(&self, ours: bool) -> Shipment {
        if self.through.is_some() && self.held_back.is_empty() && (self.in_sync || ours) {
            return Shipment::Ours;
        }
        if let Some((_, at)) = self.sighted {
            return Shipment::LookAgain(later(at, LAG));
        }
        Shipment::Others(self.words())
    }

    fn words(&self) -> String {
        let told: Vec<String> =
            self.held_back.iter().map(|job| format!("job {} by {} ({})", job.id, job.user, job.at)).collect();
        let whose = if told.is_empty() {
            "the firewalls of the group are out of sync with Panorama, and not because of us".to_owned()
        } else {
            format!("other administrators committed and did not push: {}", told.join(", "))
        };
        format!("{whose}; a push would ship that too: push the group, or set Firewall.spec.push.shipOthers")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn commit(id: u64, user: &str) -> JobLine {
        JobLine {
            id: id.to_string(),
            kind: "Commit".into(),
            user: user.into(),
            ended: true,
            ok: true,
            at: "12:01:07".into(),
        }
    }

    fn settled(jobs: &[JobLine]) -> Shipping {
        let mut shipping = Shipping::default();
        shipping.look(jobs, "sallyport", true, at(0));
        assert_eq!(shipping.judge(false), Shipment::LookAgain(at(2)), "one look is not enough");
        shipping.look(jobs, "sallyport", true, at(2));
        shipping
    }

    #[test]
    fn law_9_what_others_committed_since_the_group_was_in_sync_is_named() {
        let mut shipping = settled(&[commit(7, "alice")]);
        assert_eq!((shipping.judge(false), shipping.through()), (Shipment::Ours, Some("7".into())));
        let jobs = [commit(7, "alice"), commit(8, "sallyport")];
        shipping.look(&jobs, "sallyport", false, at(10));
        assert_eq!(shipping.judge(true), Shipment::Ours, "only our commit is not pushed");
        shipping.look(&[&jobs[..], &[commit(9, "bob")]].concat(), "sallyport", false, at(20));
        let Shipment::Others(words) = shipping.judge(true) else { panic!("bob's commit would be shipped") };
        assert!(words.contains("job 9 by bob") && !words.contains("alice"), "{words}");
        let mut restarted = Shipping::from_status(shipping.through().as_deref());
        restarted.look(&[commit(9, "bob")], "sallyport", false, at(30));
        assert!(matches!(restarted.judge(true), Shipment::Others(_)), "a restart forgets nothing");
    }

    #[test]
    fn law_9_a_group_that_is_out_of_sync_without_us_is_left_alone() {
        let mut shipping = Shipping::default();
        shipping.look(&[], "sallyport", false, at(0));
        assert!(matches!(shipping.judge(false), Shipment::Others(_)), "nobody knows whose it is");
        let mut shipping = settled(&[]);
        shipping.look(&[], "sallyport", false, at(9));
        assert!(matches!(shipping.judge(false), Shipment::Others(_)));
        assert_eq!(shipping.judge(true), Shipment::Ours, "unless it is our own commit");
    }

    #[test]
    fn a_commit_in_between_needs_two_more_looks() {
        let mut shipping = settled(&[commit(7, "alice")]);
        shipping.look(&[commit(9, "bob")], "sallyport", true, at(10));
        assert_eq!(shipping.judge(false), Shipment::LookAgain(at(12)), "the list may lag");
        shipping.look(&[commit(9, "bob")], "sallyport", true, at(12));
        assert_eq!((shipping.judge(false), shipping.through()), (Shipment::Ours, Some("9".into())));
    }
}
