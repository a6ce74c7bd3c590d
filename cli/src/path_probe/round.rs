//! One round: two sessions to each of some other probes.

use std::net::SocketAddr;

use futures::StreamExt as _;
use sallyport_contract::object::{Met, PathOutcome};

use super::session::session;

/// Probes that are tried at once.
const AT_ONCE: usize = 8;

/// What is said under either name.
pub(super) struct Hellos {
    pub(super) control: Vec<u8>,
    pub(super) canary: Vec<u8>,
}

/// Tries them all. The control comes first: once it is answered, the canary has no other reason to fail than its name.
pub(super) async fn round(hellos: &Hellos, peers: Vec<SocketAddr>) -> Vec<Met> {
    let tries = futures::stream::iter(peers).map(|peer| async move {
        let control = session(peer, &hellos.control).await;
        let canary = match control {
            // Nobody is there to hear the other name.
            PathOutcome::NoConnection => PathOutcome::NoConnection,
            PathOutcome::Answered | PathOutcome::Reset | PathOutcome::Silent | PathOutcome::Strange => {
                session(peer, &hellos.canary).await
            }
        };
        Met { address: peer.ip().to_string(), control, canary }
    });
    let mut met: Vec<Met> = tries.buffer_unordered(AT_ONCE).collect().await;
    met.sort();
    met
}

#[cfg(test)]
mod tests;
