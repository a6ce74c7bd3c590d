//! One management interface, or the two of a pair: calls go to the active one, and follow a failover.
//!
//! Who is active: <https://docs.paloaltonetworks.com/ngfw/administration/high-availability/ha-firewall-states>, in the
//! places where <https://github.com/PaloAltoNetworks/pan-os-python/blob/develop/panos/base.py> looks for it.

use std::{sync::Arc, time::Duration};

use sallyport_contract::{Reason, object::FirewallTls};
use tokio::{sync::Mutex, time::Instant};

use super::{
    Pool,
    envelope::{Reply, Status},
    fate,
    session::{Parameters, Session},
};
use crate::{
    firewall::{Fate, Fault},
    metrics::Metrics,
    world::Login,
    xml::Element,
};

/// For so long a peer is taken to be the active one still.
const ASKED_AGAIN_AFTER: Duration = Duration::from_secs(5);
const WHO_IS_ACTIVE: &str = "<show><high-availability><state/></high-availability></show>";

/// The management interfaces of one firewall or pair.
pub(super) struct Peers {
    all: Vec<Peer>,
    active: Mutex<Option<Known>>,
}

/// Who was active, and when that was asked.
#[derive(Clone, Copy)]
struct Known {
    at: usize,
    asked: Instant,
}

struct Peer {
    host: String,
    session: Session,
}

impl Peers {
    pub(super) fn new(
        hosts: &[String],
        tls: &FirewallTls,
        login: &Arc<Login>,
        metrics: &Metrics,
    ) -> Result<Self, Fault> {
        let peer = |host: &String| {
            Ok(Peer {
                host: host.clone(),
                session: Session::new(host, tls, Arc::clone(login), metrics.clone())?,
            })
        };
        let all = hosts.iter().map(peer).collect::<Result<_, Fault>>()?;
        Ok(Self { all, active: Mutex::new(None) })
    }

    /// Makes one call; an answer that is not success is a fault.
    pub(super) async fn call(&self, doing: &str, parameters: &Parameters<'_>) -> Result<Reply, Fault> {
        let (at, peer) = self.active().await?;
        let result = peer.session.call(doing, parameters).await;
        self.follow(at, result).await
    }

    /// Makes one call and hands back what came, whether success or not.
    pub(super) async fn ask(&self, doing: &str, parameters: &Parameters<'_>) -> Result<Reply, Fault> {
        self.ask_with(doing, parameters, None).await
    }

    /// The same of a list, whose entries are shared with what the pool knows.
    pub(super) async fn ask_list(
        &self,
        doing: &str,
        parameters: &Parameters<'_>,
        pool: &Pool,
    ) -> Result<Reply, Fault> {
        self.ask_with(doing, parameters, Some(pool)).await
    }

    async fn ask_with(
        &self,
        doing: &str,
        parameters: &Parameters<'_>,
        pool: Option<&Pool>,
    ) -> Result<Reply, Fault> {
        let (at, peer) = self.active().await?;
        let reply = self.follow(at, peer.session.ask(doing, parameters, pool).await).await?;
        if reply.status != Status::Success {
            // What is asked for is the answer itself; the fault in it only tells whom to ask next.
            drop(self.follow(at, Err(fate::fault(&reply, doing))).await);
        }
        Ok(reply)
    }

    /// Has the next call ask who is active. A peer that has become passive goes on answering reads, so that no fault
    /// would tell.
    pub(super) async fn look_again(&self) {
        self.active.lock().await.take();
    }

    /// The host that answers, where there are two.
    pub(super) async fn active_host(&self) -> Result<Option<String>, Fault> {
        let (_, peer) = self.active().await?;
        Ok((self.all.len() > 1).then(|| peer.host.clone()))
    }

    /// After a fault that a failover explains, the next call looks anew who is active.
    async fn follow(&self, at: usize, result: Result<Reply, Fault>) -> Result<Reply, Fault> {
        let lost = |fault: &Fault| {
            matches!(fault.fate, Fate::Retry(Reason::FirewallUnreachable) | Fate::Wait(Reason::HASyncing))
        };
        if result.as_ref().is_err_and(lost) {
            let mut active = self.active.lock().await;
            active.take_if(|known| known.at == at);
        }
        result
    }

    async fn active(&self) -> Result<(usize, &Peer), Fault> {
        let nobody = || Fault {
            fate: Fate::Stop(Reason::Malformed),
            message: "the Firewall object names no host".to_owned(),
        };
        if let [only] = self.all.as_slice() {
            return Ok((0, only));
        }
        let mut active = self.active.lock().await;
        // A peer that has become passive still answers questions about its jobs.
        let known = match *active {
            Some(known) if known.asked.elapsed() < ASKED_AGAIN_AFTER => known,
            Some(_) | None => Known { at: self.discover().await?, asked: Instant::now() },
        };
        *active = Some(known);
        Ok((known.at, self.all.get(known.at).ok_or_else(nobody)?))
    }

    /// Asks each peer what it is. One that cannot be reached is no reason not to work with the other.
    async fn discover(&self) -> Result<usize, Fault> {
        let mut told = Vec::new();
        for (at, peer) in self.all.iter().enumerate() {
            let parameters = [("type", "op"), ("cmd", WHO_IS_ACTIVE)];
            match peer.session.call("asking which peer is active", &parameters).await {
                Ok(reply) => {
                    let state = state(&reply);
                    if is_active(&state) {
                        tracing::debug!(host = peer.host, state, "the active peer");
                        return Ok(at);
                    }
                    told.push(format!("{} is {state}", peer.host));
                }
                Err(fault) if matches!(fault.fate, Fate::Stop(_)) => return Err(fault),
                Err(fault) => told.push(fault.message),
            }
        }
        let message = format!("no peer of the pair is active: {}", told.join("; "));
        Err(Fault { fate: Fate::Retry(Reason::FirewallUnreachable), message })
    }
}

/// What a peer says that it is.
fn state(reply: &Reply) -> String {
    let result = reply.result();
    let enabled = result.and_then(|result| result.text_of("enabled"));
    let local = |element: &Element| {
        let local = element.child("local-info").or_else(|| element.at(&["group", "local-info"]))?;
        local.text_of("state").map(ToOwned::to_owned)
    };
    match (enabled, result.and_then(local)) {
        (_, Some(state)) => state,
        (Some("no"), None) => "without high availability".to_owned(),
        (_, None) => "silent about its state".to_owned(),
    }
}

/// Firewalls say `active` and `active-primary`, Panorama `primary-active` and `secondary-active`.
fn is_active(state: &str) -> bool {
    matches!(state, "active" | "active-primary" | "primary-active" | "secondary-active")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_found_on_firewalls_and_on_panorama() {
        for (inner, said, active) in [
            (
                "<enabled>yes</enabled><group><local-info><state>active</state></local-info></group>",
                "active",
                true,
            ),
            (
                "<enabled>yes</enabled><group><local-info><state>passive</state></local-info></group>",
                "passive",
                false,
            ),
            (
                "<enabled>yes</enabled><group><local-info><state>active-secondary</state></local-info></group>",
                "active-secondary",
                false,
            ),
            (
                "<enabled>yes</enabled><local-info><state>primary-active</state></local-info>",
                "primary-active",
                true,
            ),
            ("<local-info><state>secondary-passive</state></local-info>", "secondary-passive", false),
            ("<enabled>no</enabled>", "without high availability", false),
            ("", "silent about its state", false),
        ] {
            let body = format!(r#"<response status="success"><result>{inner}</result></response>"#);
            let state = state(&Reply::read(&body).unwrap());
            assert_eq!((state.as_str(), is_active(&state)), (said, active));
        }
    }
}
