//! What an identity says of the certificates of its pods. The requests themselves are cleaned away half an
//! hour after they were made, so what was seen of them is remembered; and after a restart of ours a pod that
//! runs has a certificate, because its kubelet does not begin without.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sallyport_contract::object::PodCertificates;

/// What is known of one living pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OnePod {
    /// Whether its containers have begun.
    pub running: bool,
    /// When its certificate ends, if that was seen.
    pub ends: Option<Timestamp>,
}

/// Counts the living pods that have a certificate. `before` is what was told last.
#[must_use]
pub fn tally(
    pods: &BTreeMap<String, OnePod>,
    before: Option<&PodCertificates>,
    now: Timestamp,
) -> PodCertificates {
    let has = |pod: &&OnePod| pod.ends.map_or(pod.running, |ends| now < ends);
    let count = pods.values().filter(has).count();
    let unseen = pods.values().filter(has).any(|pod| pod.ends.is_none());
    let told = before.and_then(|before| before.earliest_not_after).filter(|ends| unseen && now < *ends);
    let seen = pods.values().filter(has).filter_map(|pod| pod.ends);
    PodCertificates {
        count: i64::try_from(count).unwrap_or(i64::MAX),
        earliest_not_after: seen.chain(told).min(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn pods_count_by_what_was_seen_or_because_they_run() {
        let before = |second| PodCertificates { count: 1, earliest_not_after: Some(at(second)) };
        for (what, pods, told, count, earliest) in [
            ("nobody", vec![], None, 0, None),
            ("one that waits", vec![(false, None)], None, 0, None),
            ("one that has it and is about to run", vec![(false, Some(9))], None, 1, Some(9)),
            ("the first that ends", vec![(true, Some(9)), (true, Some(5))], None, 2, Some(5)),
            ("one that has ended", vec![(true, Some(-1)), (true, Some(5))], None, 1, Some(5)),
            ("after a restart", vec![(true, None)], Some(before(7)), 1, Some(7)),
            ("after a restart, and renewed", vec![(true, Some(9))], Some(before(7)), 1, Some(9)),
            ("after a long absence", vec![(true, None)], Some(before(-7)), 1, None),
        ] {
            let pods: BTreeMap<String, OnePod> = pods
                .into_iter()
                .enumerate()
                .map(|(n, (running, ends)): (usize, (bool, Option<i64>))| {
                    (n.to_string(), OnePod { running, ends: ends.map(at) })
                })
                .collect();
            let expected = PodCertificates { count, earliest_not_after: earliest.map(at) };
            assert_eq!(tally(&pods, told.as_ref(), at(0)), expected, "{what}");
        }
    }
}
