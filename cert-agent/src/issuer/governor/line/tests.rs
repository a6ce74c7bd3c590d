//! Who goes next, by table and by many random crowds.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::{GRACE, HOLD, LONGEST, Line};
use crate::issuer::{Caller, Class, Turn};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn caller(class: Class, namespace: &str, name: &str, since: i64) -> Caller {
    Caller { class, namespace: namespace.to_owned(), name: name.to_owned(), since: at(since) }
}

/// Class, namespace, name, since when.
type Waits<'a> = (Class, &'a str, &'a str, i64);

/// A line whose bucket is empty.
fn drained(per_second: u32, now: Instant) -> Line {
    let mut line = Line::new(per_second, now);
    for number in 0.. {
        let someone = caller(Class::New, "drain", &number.to_string(), 0);
        if line.ask(&someone, now) == Turn::Now {
            line.used(&someone);
        } else {
            line.give_up(&someone);
            return line;
        }
    }
    line
}

/// Lets everybody come back when he was told to, until all have gone; tells the order, and when each went.
fn go(line: &mut Line, crowd: &[Caller], start: Instant) -> Vec<(usize, Duration)> {
    let mut due: BTreeMap<(Instant, usize), ()> = (0..crowd.len()).map(|who| ((start, who), ())).collect();
    let mut gone = Vec::new();
    let mut asked = 0;
    while let Some(((now, who), ())) = due.pop_first() {
        asked += 1;
        assert!(asked < 100 * crowd.len(), "they ask for ever");
        match line.ask(&crowd[who], now) {
            Turn::Now => {
                line.used(&crowd[who]);
                gone.push((who, now - start));
            }
            Turn::In(wait) => {
                due.insert((now + wait.max(Duration::from_millis(1)), who), ());
            }
        }
    }
    gone
}

fn names(gone: &[(usize, Duration)], crowd: &[Caller]) -> String {
    gone.iter().map(|(who, _)| crowd[*who].name.as_str()).collect::<Vec<_>>().join(" ")
}

#[test]
fn about_to_expire_then_new_then_ordinary_renewals_and_namespaces_take_turns() {
    use Class::{Expiring, New, Renewal};
    let cases: [(&str, &[Waits], &str); 5] = [
        ("classes", &[(Renewal, "a", "r", 0), (New, "a", "n", 5), (Expiring, "a", "e", 9)], "e n r"),
        (
            "the end decides",
            &[(Expiring, "a", "e2", 2), (Expiring, "a", "e3", 3), (Expiring, "b", "e1", 1)],
            "e1 e2 e3",
        ),
        (
            "a large namespace does not hold up a small one",
            &[(New, "a", "a1", 1), (New, "a", "a2", 2), (New, "a", "a3", 3), (New, "b", "b1", 4)],
            "a1 b1 a2 a3",
        ),
        (
            "inside a namespace the oldest",
            &[
                (Renewal, "a", "a2", 2),
                (Renewal, "b", "b4", 4),
                (Renewal, "a", "a1", 1),
                (Renewal, "b", "b3", 3),
            ],
            "a1 b3 a2 b4",
        ),
        (
            "turns go round",
            &[(New, "c", "c", 0), (New, "b", "b", 0), (New, "a", "a", 0), (New, "a", "a2", 1)],
            "a b c a2",
        ),
    ];
    for (what, crowd, order) in cases {
        let start = Instant::now();
        let mut line = drained(1, start);
        line.class(New).last = "z".to_owned();
        let crowd: Vec<Caller> = crowd
            .iter()
            .map(|(class, namespace, name, since)| caller(*class, namespace, name, *since))
            .collect();
        // All are here before the first may go.
        let gone = go(&mut line, &crowd, start);
        assert_eq!(names(&gone, &crowd), order, "{what}");
    }
}

#[test]
fn who_was_told_to_go_has_a_token_until_it_is_used_or_forgotten() {
    let start = Instant::now();
    let mut line = Line::new(2, start);
    let [one, two, three] = ["1", "2", "3"].map(|name| caller(Class::New, "a", name, 0));
    assert_eq!(
        (line.ask(&one, start), line.ask(&one, start)),
        (Turn::Now, Turn::Now),
        "one token, told twice"
    );
    line.used(&one);
    assert!(matches!(line.ask(&two, start), Turn::In(_)));
    assert!(matches!(line.ask(&three, start), Turn::In(_)));
    assert_eq!(line.waiting(Class::New), 2);
    let late = start + Duration::from_millis(500);
    assert!(matches!(line.ask(&three, late), Turn::In(_)), "the second is before it");
    line.give_up(&two);
    assert_eq!(line.ask(&three, late), Turn::Now);
    assert_eq!(line.waiting(Class::New), 0);
    assert!(matches!(line.ask(&three, late + HOLD + Duration::from_millis(1)), Turn::Now), "a new turn");
}

#[test]
fn who_does_not_come_back_holds_nobody_up() {
    let start = Instant::now();
    let mut line = drained(1, start);
    for number in 0..100 {
        let gone = caller(Class::Expiring, "a", &number.to_string(), 0);
        assert!(matches!(line.ask(&gone, start), Turn::In(_)));
    }
    let stays = caller(Class::New, "b", "stays", 0);
    let gone = go(&mut line, std::slice::from_ref(&stays), start);
    assert!(gone[0].1 < 2 * LONGEST + GRACE, "a hundred who are away: {gone:?}");
}

#[test]
fn a_crowd_without_bounds_is_told_to_come_back() {
    let start = Instant::now();
    let mut line = drained(1, start);
    line.places.reserve(super::MOST);
    for number in 0..super::MOST + 10 {
        // Each in a namespace of its own would make the test slow, not the line longer.
        let someone = caller(Class::New, "a", &format!("{number:06}"), -i64::try_from(number).unwrap());
        assert!(matches!(line.ask(&someone, start), Turn::In(_)));
    }
    assert_eq!(line.waiting(Class::New), super::MOST);
}

/// A small generator, so that a failure can be repeated by its seed.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

fn crowd(draw: &mut Draw) -> Vec<Caller> {
    let classes = [Class::Expiring, Class::New, Class::Renewal];
    let count = 1 + draw.below(200);
    let one = |number: u64, draw: &mut Draw| {
        let class = classes[usize::try_from(draw.below(3)).unwrap()];
        let namespace = format!("ns-{}", draw.below(7));
        caller(class, &namespace, &format!("{number:03}"), i64::try_from(draw.below(10_000)).unwrap())
    };
    (0..count).map(|number| one(number, draw)).collect()
}

/// For each seed a crowd, how it went, and how many a second may go.
fn crowds() -> impl Iterator<Item = (u64, u32, Vec<Caller>, Vec<(usize, Duration)>)> {
    (0..60).map(|seed| {
        let mut draw = Draw(seed);
        let per_second = u32::try_from(1 + draw.below(20)).unwrap();
        let crowd = crowd(&mut draw);
        let start = Instant::now();
        let mut line = drained(per_second, start);
        let gone = go(&mut line, &crowd, start);
        (seed, per_second, crowd, gone)
    })
}

#[test]
fn law_8_never_more_than_the_rate_and_nearly_as_many() {
    for (seed, per_second, crowd, gone) in crowds() {
        assert_eq!(gone.len(), crowd.len(), "seed {seed}: each goes once");
        let rate = f64::from(per_second);
        for (sent, (_, after)) in gone.iter().enumerate() {
            let most = after.as_secs_f64() * rate + 1.001;
            assert!(
                f64::from(u32::try_from(sent + 1).unwrap()) <= most,
                "seed {seed}: {sent} after {after:?}"
            );
        }
        let all = f64::from(u32::try_from(gone.len()).unwrap());
        let last = gone.last().unwrap().1.as_secs_f64();
        assert!(last <= all / rate * 1.02 + 0.2, "seed {seed}: {all} at {rate} a second took {last} s");
    }
}

#[test]
fn nobody_goes_before_one_who_is_more_urgent() {
    for (seed, _, crowd, gone) in crowds() {
        let urgency = |who: usize| {
            let one = &crowd[who];
            (one.class as usize, if one.class == Class::Expiring { Some(one.since) } else { None })
        };
        let order: Vec<_> = gone.iter().map(|(who, _)| urgency(*who)).collect();
        assert!(order.is_sorted(), "seed {seed}: {order:?}");
    }
}

#[test]
fn no_namespace_goes_twice_while_another_of_its_class_waits() {
    for (seed, _, crowd, gone) in crowds() {
        for class in [Class::New, Class::Renewal] {
            let went: Vec<&Caller> =
                gone.iter().map(|(who, _)| &crowd[*who]).filter(|one| one.class == class).collect();
            for (place, one) in went.iter().enumerate() {
                let Some(again) = went[place + 1..].iter().position(|next| next.namespace == one.namespace)
                else {
                    continue;
                };
                let between = &went[place + 1..=place + again];
                let waits =
                    |namespace: &str| went[place + again + 1..].iter().any(|c| c.namespace == namespace);
                let namespaces = (0..7).map(|number| format!("ns-{number}"));
                for namespace in
                    namespaces.filter(|namespace| *namespace != one.namespace && waits(namespace))
                {
                    assert!(
                        between.iter().any(|c| c.namespace == namespace),
                        "seed {seed}: {namespace} waited"
                    );
                }
                assert!(went[place + 1 + again].since >= one.since, "seed {seed}: the oldest first");
            }
        }
    }
}

#[test]
fn law_8_five_thousand_that_are_due_after_an_outage_are_in_time_by_their_end_and_no_storm() {
    const CROWD: usize = 5_000;
    const PER_SECOND: u32 = 2;
    let (mut draw, start) = (Draw(7), Instant::now());
    let mut below = |end: u64| i64::try_from(draw.below(end)).unwrap();
    // Each lives for ten hours; the first has ended 50 minutes after the authority is back.
    let ends: Vec<i64> = (0..CROWD).map(|_| 3_000 + below(3_000)).collect();
    let mut line = drained(PER_SECOND, start);
    let mut due: BTreeMap<(Instant, usize), ()> = (0..CROWD)
        .map(|who| ((start + Duration::from_millis(below(10_000).unsigned_abs()), who), ()))
        .collect();
    let mut gone: Vec<(usize, Duration)> = Vec::new();
    while let Some(((now, who), ())) = due.pop_first() {
        let second = i64::try_from((now - start).as_secs()).unwrap();
        let class = Class::of(Some((at(ends[who] - 36_000), at(ends[who]))), at(second));
        let one = caller(class, &format!("ns-{}", who % 10), &who.to_string(), ends[who]);
        match line.ask(&one, now) {
            Turn::Now => {
                line.used(&one);
                gone.push((who, now - start));
            }
            Turn::In(wait) => drop(due.insert((now + wait.max(Duration::from_millis(1)), who), ())),
        }
    }
    assert_eq!(gone.len(), CROWD);
    for (sent, (who, after)) in gone.iter().enumerate() {
        assert!(after.as_secs() < ends[*who].unsigned_abs(), "{who} had ended");
        let most = after.as_secs_f64() * f64::from(PER_SECOND) + 2.0;
        assert!(f64::from(u32::try_from(sent).unwrap()) <= most, "{sent} after {after:?}");
    }
    // Once all are in the line and about to expire, the order is by the end alone.
    let settled = gone.iter().filter(|(_, after)| after.as_secs() > 1_600).map(|(who, _)| ends[*who]);
    let settled: Vec<i64> = settled.collect();
    assert!(settled.len() > 1_000 && settled.is_sorted(), "{} are in order", settled.len());
    let last = gone.last().unwrap().1;
    assert!(last.as_secs_f64() < 1.02 * 2_500.0 + 10.0, "{last:?}");
}
