//! `sallyport explain`: why a pod is not Ready, on one screen: each stage, whose turn it is, and what to do.
//!
//! [`scene`] reads the objects, [`story`] tells what they say.

mod scene;
mod story;

use std::process::ExitCode;

use sallyport_process::clock::Clock;

use crate::people::{self, print};

/// Why a pod is not Ready, on one screen: each stage, whose turn it is, and what to do. Reads only.
///
/// Each line is a stage: ✓ done, … under way and passes by itself, · not begun, ✗ takes a person.
///
/// Exit codes: 0 the gate is open or the pod has none to wait for, 1 it waits, 2 it could not be found out.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The pod: `NAME`, or `pod/NAME` as kubectl prints it.
    pod: String,
    /// Its namespace.
    #[arg(long, short, default_value = "default")]
    namespace: String,
}

/// Tells one pod's story; what keeps it from an answer is told and ends with 2.
pub(crate) fn run(args: &Args) -> ExitCode {
    people::run(answer(args))
}

async fn answer(args: &Args) -> Result<ExitCode, String> {
    let pod = match args.pod.split_once('/') {
        None | Some(("pod" | "pods" | "po", _)) => args.pod.rsplit('/').next().unwrap_or_default(),
        Some((kind, _)) => {
            return Err(format!("{kind:?} cannot be explained; give one of its pods: pod/NAME"));
        }
    };
    let story = story::of(&scene::read(&args.namespace, pod).await?, Clock::system().now());
    print(&story.text)?;
    Ok(if story.waits { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
