//! One cell: a journey that is held at a place, what goes wrong there, and how it ends.

use std::pin::pin;

use futures::{StreamExt as _, stream};
use serde_json::Value;

use super::{
    AT_ONCE, Call, Fault, Shape,
    faults::call_at,
    field::{Field, OLD, PAY, Start, WEB},
    support::{
        counts, foreign, one_in, stands_once,
        turns::{Replica, Turns},
    },
};

/// Steps in which every cell must come to its end.
const MOST_STEPS: usize = 1500;
/// Steps for which a fault goes on that somebody has to lift.
const LASTS: usize = 12;

/// A place of the journey, and how many of the same name were passed before it.
type Place = (String, usize);

/// Which places of one name are columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Columns {
    /// Each that differs: before the write, after it, and after the commit.
    Each,
    /// The first, for faults that are told apart by their words alone.
    First,
}

/// Runs every fault at every place of an undisturbed journey.
pub(crate) async fn matrix(shape: Shape, columns: Columns, faults: &[Fault]) {
    let start = Start::new(shape).await;
    let mut places = places(&start).await;
    places.retain(|(place, times)| match columns {
        Columns::Each => *times < if place.ends_with(" jobs") { 3 } else { 2 },
        Columns::First => *times == 0,
    });
    let cells: Vec<(Fault, Place, Option<Call>)> = faults
        .iter()
        .flat_map(|fault| places.iter().map(move |place| (fault.clone(), place.clone())))
        .map(|(fault, place)| (fault, place.clone(), call_at(&place.0)))
        .filter(|(fault, _, call)| !fault.strikes_a_call() || call.is_some())
        .collect();
    assert!(cells.len() >= faults.len() * 10, "{} cells", cells.len());
    let cells: Vec<_> = cells.into_iter().step_by(one_in()).collect();
    let count = cells.len();
    let run = |(fault, place, call)| cell(&start, fault, place, call);
    let missed: Vec<_> = stream::iter(cells).map(run).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await;
    // How often a job is asked about varies, so the last of those places need not be reached.
    let missed: Vec<_> = missed.into_iter().flatten().collect();
    assert!(missed.iter().all(|(_, times)| *times > 0) && missed.len() * 4 < count, "{missed:?}");
}

/// The places of a journey that nobody disturbs.
async fn places(start: &Start) -> Vec<Place> {
    let field = Field::new(start).await;
    let mut replica = field.replica(Turns::free());
    for _ in 0..MOST_STEPS {
        if settled(&field, &replica) {
            break;
        }
        replica.step().await;
    }
    let passed = replica.turns.passed();
    let last = passed.iter().rposition(|place| place == "after policy test").unwrap();
    let before = |n: usize| passed.iter().take(n).filter(|place| **place == passed[n]).count();
    (0..=last).map(|n| (passed[n].clone(), before(n))).collect()
}

/// Whether everything is as it is wanted, as far as our own words go.
fn settled(field: &Field, replica: &Replica) -> bool {
    [WEB, PAY].iter().all(|name| replica.enforces(name)) && field.twin.entry(OLD).is_none()
}

/// Whether the cell may end: nothing is still to be lifted, and what took over has had the time to be looked at.
fn over(field: &Field, fault: &Fault, since: Option<usize>) -> bool {
    let lifted = since.is_none_or(|since| since > LASTS || !fault.lasts());
    lifted && (!fault.changes_devices() || field.holds(&[WEB, PAY]))
}

/// What others hold on the device that is not committed: the configuration without ours, and what is pending.
async fn others(field: &Field) -> (String, Vec<Value>) {
    let device = field.device();
    (foreign(&device.candidate_xml()), field.colleague.pending(device, "admin").await)
}

/// Runs one cell; hands back its place if the journey did not come there.
async fn cell(start: &Start, fault: Fault, place: Place, call: Option<Call>) -> Option<Place> {
    let field = Field::new(start).await;
    let mut before = others(&field).await;
    let mut replica = field.replica(Turns::hold_at(&place.0, place.1));
    let turns = replica.turns.clone();
    let mut since = None;
    let mut steps = 0;
    while !(settled(&field, &replica) && over(&field, &fault, since)) {
        steps += 1;
        assert!(steps < MOST_STEPS, "{fault:?} {place:?}: {}\n{}", field.twin.describe(), log(&field));
        let struck = {
            let mut step = pin!(replica.step());
            let struck = tokio::select! {
                biased;
                () = &mut step => false,
                () = turns.held(), if since.is_none() => true,
            };
            if struck {
                fault.strike(&field, call).await;
                before = others(&field).await;
                turns.go();
                if !matches!(fault, Fault::Killed) {
                    step.await;
                }
            }
            struck
        };
        if struck && matches!(fault, Fault::Killed) {
            replica = field.replica(Turns::free());
        }
        since = if struck { Some(0) } else { since.map(|since| since + 1) };
        if since == Some(LASTS) && fault.lasts() {
            fault.lift(&field).await;
            before = others(&field).await;
        }
    }
    judge(&field, &fault, &place, before).await;
    since.is_none().then_some(place)
}

/// The end: the names that are wanted stand, the other is gone, and others' work is as they left it.
async fn judge(field: &Field, fault: &Fault, place: &Place, before: (String, Vec<Value>)) {
    let device = field.device();
    for name in [WEB, PAY] {
        stands_once(device, &field.twin, name);
    }
    for xml in [device.candidate_xml(), device.running_xml()] {
        assert_eq!(counts(&xml, OLD), (0, 0), "{fault:?} {place:?}");
    }
    assert_eq!(foreign(&device.running_xml()), field.running, "{fault:?} {place:?}");
    assert_eq!(others(field).await, before, "{fault:?} {place:?}");
    let commits = field.commits();
    let most = fault.most_commits();
    assert!((1..=most).contains(&commits), "{fault:?} {place:?}: {commits} commits\n{}", log(field));
}

/// What was asked of the device, for whoever reads a failure.
fn log(field: &Field) -> String {
    let lines = field.device().log_lines();
    let recent = lines.iter().skip(lines.len().saturating_sub(40));
    recent.map(|line| format!("{} {} {} {}\n", line.kind, line.action, line.cmd, line.status)).collect()
}
