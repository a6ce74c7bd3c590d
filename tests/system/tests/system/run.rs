//! Runs the tests, most of them on one ground, and shows the state of the cluster when one fails.

use std::{
    future::Future,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    pin::Pin,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result};
use ground::{Ground, Options};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tokio::{
    runtime::Runtime,
    sync::{OnceCell, RwLock},
};

use crate::served::{Kind, Where};

/// A test: its name, and what it does on the ground.
pub(crate) struct Test {
    name: String,
    place: Place,
    clusters: Where,
    body: Body,
}

impl Test {
    /// The same, run only where this is served.
    pub(crate) fn needs(self, kind: Kind) -> Self {
        Self { clusters: Where::Served(kind), ..self }
    }

    /// The same, run only where this is not served.
    pub(crate) fn without(self, kind: Kind) -> Self {
        Self { clusters: Where::NotServed(kind), ..self }
    }
}

/// Where a test runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// On the ground that most share.
    Shared,
    /// There, but with nobody beside it.
    Alone,
    /// On a ground that it lays itself.
    Own,
    /// On a second ground, with proxies between the programs and what they call.
    Interposed,
}

type Body = Box<dyn for<'g> Fn(&'g Ground) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'g>> + Send>;

/// A test that shares the ground with others.
pub(crate) fn test<F>(name: &'static str, body: F) -> Test
where
    F: for<'g> Fn(&'g Ground) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'g>> + Send + 'static,
{
    made(name.to_owned(), Place::Shared, Box::new(body))
}

/// A test that breaks what others use, and so runs alone.
pub(crate) fn alone<F>(name: &'static str, body: F) -> Test
where
    F: for<'g> Fn(&'g Ground) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'g>> + Send + 'static,
{
    made(name.to_owned(), Place::Alone, Box::new(body))
}

/// A test that lays a ground for itself; the one that it is handed is the others'.
pub(crate) fn by_itself<F>(name: &'static str, body: F) -> Test
where
    F: for<'g> Fn(&'g Ground) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'g>> + Send + 'static,
{
    made(name.to_owned(), Place::Own, Box::new(body))
}

/// A test on the ground with proxies.
pub(crate) fn interposed<F>(name: String, body: F) -> Test
where
    F: for<'g> Fn(&'g Ground) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'g>> + Send + 'static,
{
    made(name, Place::Interposed, Box::new(body))
}

fn made(name: String, place: Place, body: Body) -> Test {
    Test { name, place, clusters: Where::All, body }
}

/// Of the cells of a sweep, which together take many minutes, a run takes one in so many, as `tests/run.sh` says; which ones
/// is decided by their names, so that a new cell moves no other.
pub(crate) fn part_of(sweep: Vec<Test>) -> Vec<Test> {
    let one_in = std::env::var("SALLYPORT_ONE_IN").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    sweep.into_iter().filter(|test| place_in_line(&test.name).is_multiple_of(one_in)).collect()
}

fn place_in_line(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

/// Two rows of tests as one, in which both are spread evenly.
pub(crate) fn by_turns(one: Vec<Test>, other: Vec<Test>) -> Vec<Test> {
    let ranked = |row: Vec<Test>| {
        let length = row.len();
        row.into_iter().enumerate().map(move |(place, test)| (place * 10_000 / length, test))
    };
    let mut all: Vec<(usize, Test)> = ranked(one).chain(ranked(other)).collect();
    all.sort_by_key(|(rank, _)| *rank);
    all.into_iter().map(|(_, test)| test).collect()
}

struct Shared {
    runtime: Runtime,
    ground: OnceCell<Ground>,
    interposed: OnceCell<Ground>,
    /// Readers share the ground; a writer has it alone.
    turn: RwLock<()>,
}

/// Lays the ground when the first test needs it, runs all, clears away.
pub(crate) fn all(tests: Vec<Test>) -> ExitCode {
    let arguments = Arguments::from_args();
    let Ok(runtime) = Runtime::new() else { return ExitCode::FAILURE };
    let shared = Arc::new(Shared {
        runtime,
        ground: OnceCell::new(),
        interposed: OnceCell::new(),
        turn: RwLock::new(()),
    });
    let trials = tests.into_iter().map(|test| {
        let shared = Arc::clone(&shared);
        Trial::ignorable_test(test.name.clone(), move || shared.run(&test))
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    if let Some(Shared { runtime, ground, interposed, turn: _ }) = Arc::into_inner(shared) {
        for ground in [ground, interposed].into_iter().filter_map(OnceCell::into_inner) {
            drop(runtime.block_on(ground.stop()));
        }
    }
    if conclusion.has_failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

impl Shared {
    fn run(&self, test: &Test) -> Result<Completion, Failed> {
        self.runtime.block_on(async {
            let laid = match test.place {
                Place::Shared | Place::Alone | Place::Own => {
                    self.ground.get_or_try_init(|| lay("system", false)).await
                }
                Place::Interposed => self.interposed.get_or_try_init(|| lay("interposed", true)).await,
            };
            let ground = laid.map_err(|error| format!("no ground: {error:#}"))?;
            let left_out = test.clusters.left_out(ground).await.map_err(|error| format!("{error:#}"))?;
            if let Some(why) = left_out {
                return Ok(Completion::ignored_with(why));
            }
            let result = async {
                match test.place {
                    Place::Interposed | Place::Own => (test.body)(ground).await,
                    Place::Alone => {
                        let _turn = self.turn.write().await;
                        (test.body)(ground).await
                    }
                    Place::Shared => {
                        let _turn = self.turn.read().await;
                        (test.body)(ground).await
                    }
                }
            };
            let result = tokio::select! {
                result = result => result,
                broken = ground.keeps_running() => broken.map(|never| match never {}),
            };
            match result {
                Ok(()) => Ok(Completion::Completed),
                Err(error) => Err(Failed::from(format!("{error:#}\n{}", state(ground, &test.name).await))),
            }
        })
    }
}

async fn lay(name: &str, interposed: bool) -> Result<Ground> {
    let mut options = Options::fresh(name)?;
    options.interposed = interposed;
    options.job_poll = Duration::from_millis(300);
    options.identity_grace = Duration::from_secs(2);
    options.resync = Duration::from_secs(15);
    options.log = "info,sallyport=debug".to_owned();
    Ground::start(options, |_| {}).await.context("the ground could not be laid")
}

/// What there is in the cluster, for the person who reads the failure.
async fn state(ground: &Ground, name: &str) -> String {
    let mut text = format!("── state after {name}; logs in {}\n", ground.folder.display());
    for args in [
        vec!["get", "fw,ca,idpol,nclaim", "-o", "wide"],
        vec!["get", "wid,nsb,pods", "-A"],
        vec!["get", "events.events.k8s.io", "-A", "--sort-by=.metadata.creationTimestamp"],
    ] {
        if let Ok(output) = ground.cluster.kubectl.attempt(&args, None).await {
            text.push_str(&output.stdout);
        }
    }
    text
}
