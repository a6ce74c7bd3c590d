//! `sallyport explain`: why a pod is not Ready, on one screen: each stage, whose turn it is, and what to do.
//!
//! [`scene`] reads the objects, [`story`] tells what they say.

mod scene;
mod story;

use std::{io::Write as _, process::ExitCode};

use sallyport_process::clock::Clock;

/// Why a pod is not Ready, on one screen: each stage, whose turn it is, and what to do. Reads only.
///
/// Exit codes: 0 the gate is open or the pod has none to wait for, 1 it waits.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The pod: `NAME`, or `pod/NAME` as kubectl prints it.
    pod: String,
    /// Its namespace.
    #[arg(long, short, default_value = "default")]
    namespace: String,
}

/// Tells one pod's story.
///
/// # Errors
/// The cluster could not be asked, there is no such pod, or nobody reads what is told.
pub(crate) fn run(args: &Args) -> Result<ExitCode, String> {
    let pod = match args.pod.split_once('/') {
        None | Some(("pod" | "pods" | "po", _)) => args.pod.rsplit('/').next().unwrap_or_default(),
        Some((kind, _)) => {
            return Err(format!("{kind:?} cannot be explained; give one of its pods: pod/NAME"));
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let scene = runtime.block_on(scene::read(&args.namespace, pod))?;
    let story = story::of(&scene, Clock::system().now());
    std::io::stdout().write_all(story.text.as_bytes()).map_err(|error| format!("cannot tell: {error}"))?;
    Ok(if story.waits { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
