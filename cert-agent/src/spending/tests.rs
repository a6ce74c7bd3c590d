//! Counts and caps, by table, and over a restart.

use jiff::{SignedDuration, Timestamp};
use sallyport_contract::object::{Caps, CertificateAuthorityStatus};

use super::{LIFETIME, Ledger, Reached, Spent, day_of};

const CAPS: Caps = Caps { per_identity_per_hour: 2, per_namespace_per_hour: 3, per_day: 5 };

fn at(minute: i64) -> Timestamp {
    "2027-01-01T10:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minute)
}

fn spend(ledger: &mut Ledger, identity: (&str, &str), minute: i64) -> Result<(), (&'static str, String)> {
    let result = ledger.spend("ca", Some(CAPS), identity, at(minute));
    result.map_err(|Reached { cap, free_at, .. }| (cap, free_at.to_string()))
}

#[test]
fn each_cap_stops_what_is_its_own_and_nothing_else() {
    let mut ledger = Ledger::default();
    let free = |time: &str| format!("2027-01-{time}:00Z");
    let mut go = |what: &str, namespace, identity, minute, cap: Option<(&'static str, &str)>| {
        let expected = cap.map_or(Ok(()), |(cap, time)| Err((cap, free(time))));
        assert_eq!(spend(&mut ledger, (namespace, identity), minute), expected, "{what}");
    };
    go("first", "a", "1", 0, None);
    go("second", "a", "1", 10, None);
    go("the identity's cap", "a", "1", 20, Some(("perIdentityPerHour", "01T11:00")));
    go("another identity goes on", "a", "2", 20, None);
    go("the namespace's cap", "a", "3", 30, Some(("perNamespacePerHour", "01T11:00")));
    go("another namespace goes on", "b", "1", 30, None);
    go("an hour after the first", "a", "1", 60, None);
    go("the day's cap", "c", "1", 61, Some(("perDay", "02T00:00")));
    go("on the next day", "c", "1", 14 * 60, None);
    assert!(ledger.spend("other", Some(CAPS), ("c", "1"), at(61)).is_ok(), "another authority");
    assert!((0..99).all(|_| ledger.spend("free", None, ("c", "1"), at(61)).is_ok()), "without caps");
}

#[test]
fn a_cap_is_told_once_until_there_is_room() {
    let mut ledger = Ledger::default();
    let mut ask =
        |minute| ledger.spend("ca", Some(CAPS), ("a", "1"), at(minute)).map_err(|reached| reached.first);
    let answers: Vec<_> = [0, 1, 2, 3, 59, 60, 62, 63].into_iter().map(&mut ask).collect();
    assert_eq!(answers, [Ok(()), Ok(()), Err(true), Err(false), Err(false), Ok(()), Ok(()), Err(true)]);
}

#[test]
fn law_8_counts_survive_a_restart() {
    let mut before = Ledger::default();
    let mut states = std::collections::BTreeMap::<(&str, &str), Spent>::new();
    for (identity, minute) in [(("a", "1"), 0), (("a", "1"), 50), (("a", "2"), 55), (("b", "1"), 56)] {
        assert_eq!(spend(&mut before, identity, minute), Ok(()));
        let spent = Spent::and_one(states.get(&identity), "ca", at(minute));
        let stored = serde_json::to_string(&spent).unwrap();
        states.insert(identity, serde_json::from_str(&stored).unwrap());
    }
    let status = |today: i64, day: Timestamp, total: i64| CertificateAuthorityStatus {
        issued_today: Some(today),
        issued_on: Some(day_of(day)),
        issued_total: Some(total),
        ..CertificateAuthorityStatus::default()
    };
    for (what, status, today, total) in [
        ("behind", status(3, at(0), 103), 4, 104),
        ("even", status(4, at(0), 104), 4, 104),
        ("it remembers the deleted", status(9, at(0), 109), 9, 109),
        ("of yesterday", status(9, at(-24 * 60), 109), 4, 113),
        ("new", CertificateAuthorityStatus::default(), 4, 4),
    ] {
        let spent = states.iter().map(|((namespace, name), spent)| (*namespace, *name, spent.clone()));
        let mut after = Ledger::recall(at(57), spent, [("ca", &status)]);
        let count = after.count("ca", at(57));
        assert_eq!((count.today, count.total), (today, total), "{what}");
    }
    let spent = || states.iter().map(|((namespace, name), spent)| (*namespace, *name, spent.clone()));
    let mut after = Ledger::recall(at(57), spent(), []);
    let cap = |result: Result<(), (&'static str, String)>| result.unwrap_err().0;
    assert_eq!(cap(spend(&mut after, ("a", "1"), 57)), "perIdentityPerHour");
    assert_eq!(cap(spend(&mut after, ("a", "3"), 57)), "perNamespacePerHour");
    assert_eq!(spend(&mut after, ("b", "1"), 57), Ok(()), "the control");
    assert_eq!(cap(spend(&mut after, ("b", "2"), 57)), "perDay");
}

#[test]
fn what_a_state_remembers_is_of_one_authority_and_one_day() {
    let one = Spent::and_one(None, "ca", at(0));
    let two = Spent::and_one(Some(&one), "ca", at(30));
    assert_eq!((two.today, two.hour.len()), (2, 2));
    let later = Spent::and_one(Some(&two), "ca", at(61));
    assert_eq!((later.today, later.hour), (3, vec![at(30), at(61)]));
    assert_eq!(Spent::and_one(Some(&two), "ca", at(24 * 60)).today, 1, "the next day");
    assert_eq!(Spent::and_one(Some(&two), "other", at(31)).today, 1, "another authority");
}

#[test]
fn people_are_warned_long_before_a_ca_may_issue_no_more() {
    let mut ledger = Ledger::default();
    let mut count = ledger.count("ca", at(0));
    for (total, warned) in [(0, false), (LIFETIME * 8 / 10 - 1, false), (LIFETIME * 8 / 10, true)] {
        count.total = total;
        assert_eq!(count.nears_the_end(), warned, "{total}");
    }
}
