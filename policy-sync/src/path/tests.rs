//! Reports → condition, case by case.

use jiff::SignedDuration;
use serde_json::json;

use super::*;

const NOW: &str = "2026-11-21T12:00:00Z";
const LONG_AGO: Timestamp = Timestamp::UNIX_EPOCH;

fn at(seconds_ago: i64) -> Timestamp {
    later(NOW.parse().unwrap(), SignedDuration::from_secs(-seconds_ago))
}

/// Two networks, `a` and `b`, with a period of a minute.
fn proof() -> PathProof {
    serde_json::from_value(json!({"control": "probe.x.example", "canary": "canary.x.example", "period": "1m",
        "networks": [{"name": "a", "cidrs": ["10.0.1.0/24"]}, {"name": "b", "cidrs": ["10.0.2.0/24", "fd00:2::/64"]}]}))
    .unwrap()
}

/// A report of so many seconds ago: `10.0.1.1> 10.0.2.1 Answered Reset, 10.0.2.2 Silent Silent`.
fn report(ago: i64, text: &str) -> PathReportSpec {
    let (address, met) = text.split_once("> ").unwrap();
    let outcome = |word: &str| serde_json::from_value(word.into()).unwrap();
    let met = met.split(", ").map(|one| one.split(' ').collect::<Vec<_>>());
    let met = met.filter(|words| words.len() == 3).map(|words| Met {
        address: words[0].to_owned(),
        control: outcome(words[1]),
        canary: outcome(words[2]),
    });
    let (firewall, address) = ("edge".to_owned(), address.to_owned());
    PathReportSpec { firewall, address, at: at(ago), met: met.collect() }
}

fn judged(since: Timestamp, reports: &[(i64, &str)]) -> Path {
    let reports: Vec<PathReportSpec> = reports.iter().map(|(ago, text)| report(*ago, text)).collect();
    judge(&proof(), Ok(since), reports.iter(), at(0))
}

const BOTH: [(i64, &str); 2] =
    [(10, "10.0.1.1> 10.0.2.1 Answered Reset"), (20, "10.0.2.1> 10.0.1.1 Answered Silent")];

#[test]
fn every_pair_that_tells_the_names_apart_is_proven_and_what_is_not_shown_is_said() {
    let path = judged(LONG_AGO, &BOTH);
    assert_eq!((path.status, path.reason), (ConditionStatus::True, Reason::Accepted), "{}", path.words);
    assert!(path.words.starts_with("2 of 2 pairs of networks cross it"), "{}", path.words);
    assert!(path.words.ends_with("what stays in one network or on one node is not shown"), "{}", path.words);
    assert_eq!(path.tally, Tally { proven: 2, ..Tally::default() });
    assert_eq!(path.until, Some(at(20 - 120)), "then the older of the two shows nothing any more");
}

#[test]
fn one_answer_under_the_canary_outweighs_all_else_and_names_the_pair() {
    let mut reports = BOTH.to_vec();
    reports.push((5, "10.0.2.9> 10.0.1.1 Answered Reset, 10.0.1.2 Answered Answered"));
    let path = judged(LONG_AGO, &reports);
    assert_eq!((path.status, path.reason), (ConditionStatus::False, Reason::PathBypassed));
    let named = "1 of 2 pairs of networks have a way around the firewall: b → a (10.0.2.9 to 10.0.1.2);";
    assert!(path.words.starts_with(named), "{}", path.words);
    assert_eq!(path.tally, Tally { proven: 1, bypassed: 1, not_shown: 0 });
}

#[test]
fn what_shows_nothing_is_told_with_the_pair() {
    let nobody = "a → b: no probe has told anything from a";
    for (reports, words) in [
        (vec![], "a → b: no probe has told anything from a, b → a: no probe has told anything from b"),
        (vec![(10, "10.0.1.1> "), BOTH[1]], "a → b: no probe in a has found one in b"),
        (
            vec![(10, "10.0.1.1> 10.0.2.1 Silent Silent"), BOTH[1]],
            "a → b: from 10.0.1.1 to 10.0.2.1 the control got no answer, the canary got no answer",
        ),
        (
            vec![(10, "10.0.1.1> 10.0.2.1 Reset Reset"), BOTH[1]],
            "the control was reset, the canary was reset",
        ),
        (vec![(10, "10.0.1.1> 10.0.2.1 Answered NoConnection"), BOTH[1]], "the canary found no connection"),
        (vec![(10, "10.0.1.1> 10.0.2.1 Answered Strange"), BOTH[1]], "the canary was ended by somebody else"),
        (vec![(120, BOTH[0].1), BOTH[1]], nobody),
        (vec![(-61, BOTH[0].1), BOTH[1]], nobody),
        (vec![(10, "10.0.9.1> 10.0.2.1 Answered Reset"), BOTH[1]], nobody),
        (vec![(10, "hostile> 10.0.2.1 Answered Answered"), BOTH[1]], nobody),
        (vec![(10, "10.0.1.1> hostile Answered Answered"), BOTH[1]], "no probe in a has found one in b"),
    ] {
        let path = judged(LONG_AGO, &reports);
        assert_eq!((path.status, path.reason), (ConditionStatus::Unknown, Reason::NotShown), "{reports:?}");
        assert!(path.words.contains(words), "{reports:?}: {}", path.words);
    }
}

#[test]
fn an_answer_from_before_the_name_was_denied_accuses_nobody() {
    let reports = [(30, "10.0.1.1> 10.0.2.1 Answered Answered"), BOTH[1]];
    let path = judged(at(20), &reports);
    assert_eq!(path.status, ConditionStatus::Unknown);
    assert!(path.words.contains("10.0.2.1 answered before the firewall was known to deny"), "{}", path.words);
    assert_eq!(judged(at(31), &reports).status, ConditionStatus::False, "a round that began after it does");
}

#[test]
fn without_a_denied_canary_or_with_bad_networks_nothing_is_judged() {
    let path = judge(&proof(), Err("nobody denies it".to_owned()), [].into_iter(), at(0));
    assert_eq!((path.status, path.words.as_str()), (ConditionStatus::Unknown, "nobody denies it"));
    let mut bad = proof();
    bad.networks[1].cidrs.push("10.0.2.0/99".to_owned());
    let path = judge(&bad, Ok(LONG_AGO), [].into_iter(), at(0));
    assert_eq!((path.status, path.reason), (ConditionStatus::Unknown, Reason::Malformed));
    assert!(path.words.contains("b: \"10.0.2.0/99\" is not an IP network"), "{}", path.words);
}

#[test]
fn both_families_have_a_home_and_many_pairs_are_counted() {
    let path = judged(LONG_AGO, &[BOTH[0], (5, "fd00:2::5> 10.0.1.1 Answered Answered")]);
    assert!(path.words.contains("b → a (fd00:2::5 to 10.0.1.1)"), "{}", path.words);
    let mut many = proof();
    for n in 3..6 {
        let network = json!({"name": format!("n{n}"), "cidrs": [format!("10.0.{n}.0/24")]});
        many.networks.push(serde_json::from_value(network).unwrap());
    }
    let path = judge(&many, Ok(LONG_AGO), [].into_iter(), at(0));
    assert!(
        path.words.starts_with("20 of 20 pairs") && path.words.ends_with(", and 17 more"),
        "{}",
        path.words
    );
}

#[test]
fn a_round_that_ends_as_the_last_one_wakes_nobody() {
    let report = |ago, text| PathReport::new("node-1", report(ago, text));
    let one = report(60, "10.0.1.1> 10.0.2.1 Answered Reset");
    let other = report(0, "10.0.1.1> 10.0.2.9 Answered Reset");
    assert_eq!(outcomes(&one), outcomes(&other));
    let around = report(0, "10.0.1.1> 10.0.2.1 Answered Reset, 10.0.2.9 Answered Answered");
    assert_ne!(outcomes(&one), outcomes(&around));
}
