//! Runs the tests on one ground and shows the state of the cluster when one fails.

use std::{future::Future, io::Write as _, pin::Pin, process::ExitCode, sync::Arc, time::Instant};

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};
use node::NodeGround;
use tokio::{
    runtime::Runtime,
    sync::{OnceCell, RwLock},
};

/// A test: its name, whether it breaks what others use, and what it does on the ground.
pub(crate) struct Test {
    name: &'static str,
    alone: bool,
    /// Whether it needs a network that obeys NetworkPolicies.
    policies: bool,
    body: Body,
}

/// What a test does; it gives what it saw, for the person who reads the run.
type Body =
    Box<dyn for<'g> Fn(&'g NodeGround) -> Pin<Box<dyn Future<Output = Result<String>> + Send + 'g>> + Send>;

/// A test that shares the ground with others.
pub(crate) fn test<F>(name: &'static str, body: F) -> Test
where
    F: for<'g> Fn(&'g NodeGround) -> Pin<Box<dyn Future<Output = Result<String>> + Send + 'g>>
        + Send
        + 'static,
{
    Test { name, alone: false, policies: false, body: Box::new(body) }
}

/// A test that needs a network that obeys NetworkPolicies; elsewhere it is left out.
pub(crate) fn where_policies_are_obeyed<F>(name: &'static str, body: F) -> Test
where
    F: for<'g> Fn(&'g NodeGround) -> Pin<Box<dyn Future<Output = Result<String>> + Send + 'g>>
        + Send
        + 'static,
{
    Test { policies: true, ..test(name, body) }
}

/// A test that breaks what others use, and so runs alone.
pub(crate) fn alone<F>(name: &'static str, body: F) -> Test
where
    F: for<'g> Fn(&'g NodeGround) -> Pin<Box<dyn Future<Output = Result<String>> + Send + 'g>>
        + Send
        + 'static,
{
    Test { name, alone: true, policies: false, body: Box::new(body) }
}

struct Shared {
    runtime: Runtime,
    ground: OnceCell<NodeGround>,
    /// Readers share the ground; a writer has it alone.
    turn: RwLock<()>,
}

/// Lays the ground when the first test needs it and runs all. The namespaces clear it away.
pub(crate) fn all(tests: Vec<Test>) -> ExitCode {
    let arguments = Arguments::from_args();
    let Ok(runtime) = Runtime::new() else { return ExitCode::FAILURE };
    let shared = Arc::new(Shared { runtime, ground: OnceCell::new(), turn: RwLock::new(()) });
    let trials = tests.into_iter().map(|test| {
        let shared = Arc::clone(&shared);
        let left_out = test.policies && !node::obeys_policies();
        Trial::test(test.name, move || shared.run(&test)).with_ignored_flag(left_out)
    });
    if libtest_mimic::run(&arguments, trials.collect()).has_failed() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

impl Shared {
    fn run(&self, test: &Test) -> Result<(), Failed> {
        self.runtime.block_on(async {
            let begun = Instant::now();
            let laid = self.ground.get_or_try_init(|| async {
                NodeGround::start("node", |what| {
                    say(&format!("  · {:5.1} s: {what}", begun.elapsed().as_secs_f64()))
                })
                .await
            });
            let ground = laid.await.map_err(|error| format!("no ground: {error:#}"))?;
            let (begun, seen) = if test.alone {
                let _turn = self.turn.write().await;
                (Instant::now(), (test.body)(ground).await)
            } else {
                let _turn = self.turn.read().await;
                (Instant::now(), (test.body)(ground).await)
            };
            match seen {
                Ok(seen) => {
                    let lines: Vec<String> = seen.lines().map(|line| format!("      {line}")).collect();
                    say(&format!(
                        "  {} ({:.1} s):\n{}",
                        test.name,
                        begun.elapsed().as_secs_f64(),
                        lines.join("\n")
                    ));
                    Ok(())
                }
                Err(error) => Err(Failed::from(format!("{error:#}\n{}", state(ground, test.name).await))),
            }
        })
    }
}

/// Prints what a reader of the run wants to see.
fn say(text: &str) {
    // A closed pipe ends the reading, not the tests.
    drop(writeln!(std::io::stdout(), "{text}"));
}

/// What there is in the cluster, for the person who reads the failure.
async fn state(ground: &NodeGround, name: &str) -> String {
    let mut text = format!("── state after {name}; logs in {}\n", ground.folder.display());
    for args in [
        vec!["get", "nodes,pods", "-A", "-o", "wide"],
        vec!["get", "fw,ca,idpol,nclaim", "-o", "wide"],
        vec!["get", "wid,nsb", "-A"],
        vec!["get", "events.events.k8s.io", "-A", "--sort-by=.metadata.creationTimestamp"],
    ] {
        if let Ok(output) = ground.cluster.kubectl.attempt(&args, None).await {
            text.push_str(&output.stdout);
        }
    }
    text
}
