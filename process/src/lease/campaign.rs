//! The campaign for a Lease: take it when it is free, renew it, give it back at the end.

use std::time::Duration;

use futures::TryFutureExt as _;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{Api, Client, api::PostParams};
use tokio::time::{Instant, sleep, timeout};

use super::{
    fence::Leadership,
    rules::{Seen, Turn, period, turn, valid_for},
};
use crate::{
    clock::Clock,
    kubernetes::{is_conflict, is_not_found},
    report::chain,
    shutdown::Stop,
    tasks::TaskResult,
};

/// What a program is told about its Lease.
#[derive(clap::Args, Clone, Debug)]
pub struct LeaseArgs {
    /// Who holds the Lease: the pod's name. A container that starts anew in its pod goes on at once.
    #[arg(long, env = "HOSTNAME")]
    pub lease_holder: String,
    /// For how many seconds a Lease that is not renewed still keeps others out.
    #[arg(long, env = "SALLYPORT_LEASE_SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u16).range(3..=3600))]
    pub lease_seconds: u16,
}

/// Why the campaign is over.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Somebody else holds what we held.
    #[error("Lease {lease} is held by {holder} now; this replica starts anew and waits")]
    Taken {
        /// The Lease.
        lease: String,
        /// Who holds it.
        holder: String,
    },
    /// It could not be renewed in time.
    #[error("Lease {lease} could not be renewed in time; another replica may lead, so this one starts anew")]
    Late {
        /// The Lease.
        lease: String,
        /// What kept us.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A candidate for one Lease.
#[derive(Clone)]
pub struct Campaign {
    api: Api<Lease>,
    name: String,
    me: String,
    seconds: u16,
    clock: Clock,
    leadership: Leadership,
}

/// A try that came to nothing.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("the API server gave no answer in time")]
    Late,
    #[error(transparent)]
    Kube(#[from] kube::Error),
}

impl Campaign {
    /// A candidate for the Lease `name`. `client` must not be fenced by this very Lease.
    #[must_use]
    pub fn new(client: Client, namespace: &str, name: &str, args: LeaseArgs, clock: Clock) -> Self {
        let LeaseArgs { lease_holder: me, lease_seconds: seconds } = args;
        let api = Api::namespaced(client, namespace);
        Self { api, name: name.to_owned(), me, seconds, clock, leadership: Leadership::new() }
    }

    /// Whether we lead.
    #[must_use]
    pub fn leadership(&self) -> Leadership {
        self.leadership.clone()
    }

    /// Waits for the Lease and keeps it until the stop.
    ///
    /// # Errors
    /// It was lost, so whatever this process remembers may be old: it has to end.
    pub async fn run(self, stop: Stop) -> TaskResult {
        tokio::select! {
            () = stop.wait() => Ok(()),
            lost = self.hold() => Err(lost.into()),
        }
    }

    /// Gives the Lease back, so that the next one need not wait. For the very end, when nothing is written
    /// any more.
    pub async fn give_back(self) {
        self.leadership.end();
        let given = timeout(self.patience(), async {
            let lease = self.api.get(&self.name).await?;
            if holder(&lease).as_deref() != Some(self.me.as_str()) {
                return Ok(());
            }
            let mut lease = lease;
            if let Some(spec) = &mut lease.spec {
                spec.holder_identity = None;
                spec.renew_time = Some(MicroTime(self.clock.now()));
            }
            self.api.replace(&self.name, &PostParams::default(), &lease).await.map(drop)
        });
        match given.await {
            Ok(Ok(())) => tracing::info!(lease = self.name, "the Lease is given back"),
            Ok(Err(error)) => {
                tracing::warn!(lease = self.name, error = chain(&error), "the Lease is not given back")
            }
            Err(_) => tracing::warn!(lease = self.name, "the Lease is not given back: no answer in time"),
        }
    }

    async fn hold(&self) -> LeaseError {
        let mut lease = self.win().await;
        tracing::info!(lease = self.name, holder = self.me, "this replica leads");
        loop {
            sleep(self.period()).await;
            match self.renew(&lease).await {
                Ok(renewed) => lease = renewed,
                Err(lost) => return lost,
            }
        }
    }

    /// Waits until the Lease is ours.
    async fn win(&self) -> Lease {
        let mut before: Option<Seen> = None;
        loop {
            match self.bid(&mut before).await {
                Ok(Some(lease)) => return lease,
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(lease = self.name, error = chain(&error), "the Lease cannot be had yet");
                }
            }
            sleep(self.period()).await;
        }
    }

    /// One look at the Lease, and if it is free a bid for it.
    async fn bid(&self, before: &mut Option<Seen>) -> Result<Option<Lease>, Failed> {
        let Some(lease) = self.asked(self.api.get_opt(&self.name)).await? else {
            return self.write(None).await;
        };
        let seen = self.seen(&lease).after(before.take());
        let turn = turn(&seen, &self.me, Instant::now());
        *before = Some(seen);
        match turn {
            Turn::Take => self.write(Some(&lease)).await,
            Turn::Wait => Ok(None),
        }
    }

    /// Renews what is ours until it succeeds, is lost or is too late.
    async fn renew(&self, lease: &Lease) -> Result<Lease, LeaseError> {
        let mut lease = lease.clone();
        loop {
            let failed = match self.write(Some(&lease)).await {
                Ok(Some(renewed)) => return Ok(renewed),
                // Somebody wrote to it: look who.
                Ok(None) => match self.asked(self.api.get(&self.name)).await {
                    Ok(found) => match holder(&found) {
                        Some(holder) if holder == self.me => {
                            lease = found;
                            continue;
                        }
                        holder => return Err(self.taken(holder)),
                    },
                    Err(Failed::Kube(error)) if is_not_found(&error) => return Err(self.taken(None)),
                    Err(failed) => failed,
                },
                Err(Failed::Kube(error)) if is_not_found(&error) => return Err(self.taken(None)),
                Err(failed) => failed,
            };
            tracing::warn!(lease = self.name, error = chain(&failed), "the Lease is not renewed yet");
            let left = self
                .leadership
                .until()
                .map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                self.leadership.end();
                return Err(LeaseError::Late { lease: self.name.clone(), source: failed.into() });
            }
            sleep(self.period().min(left)).await;
        }
    }

    fn taken(&self, holder: Option<String>) -> LeaseError {
        self.leadership.end();
        let holder = holder.unwrap_or_else(|| "nobody".to_owned());
        LeaseError::Taken { lease: self.name.clone(), holder }
    }

    /// Writes our name. `None`: somebody was faster.
    async fn write(&self, lease: Option<&Lease>) -> Result<Option<Lease>, Failed> {
        let sent = Instant::now();
        let ours = self.ours(lease);
        let params = PostParams::default();
        let written = match lease {
            Some(_) => self.asked(self.api.replace(&self.name, &params, &ours)).await,
            None => self.asked(self.api.create(&params, &ours)).await,
        };
        match written {
            Ok(written) => {
                self.leadership.extend(sent + valid_for(self.duration()));
                Ok(Some(written))
            }
            Err(Failed::Kube(error)) if is_conflict(&error) => Ok(None),
            Err(failed) => Err(failed),
        }
    }

    /// The Lease with our name in it. A change of holders counts as a transition.
    fn ours(&self, before: Option<&Lease>) -> Lease {
        let now = MicroTime(self.clock.now());
        let mut lease = before.cloned().unwrap_or_else(|| Lease {
            metadata: ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() },
            spec: None,
        });
        let spec = lease.spec.take().unwrap_or_default();
        let stays = spec.holder_identity.as_deref() == Some(self.me.as_str());
        let transitions = spec.lease_transitions.unwrap_or(0);
        lease.spec = Some(LeaseSpec {
            holder_identity: Some(self.me.clone()),
            lease_duration_seconds: Some(i32::from(self.seconds)),
            acquire_time: spec.acquire_time.filter(|_| stays).or_else(|| Some(now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(if stays { transitions } else { transitions.saturating_add(1) }),
            ..spec
        });
        lease
    }

    fn seen(&self, lease: &Lease) -> Seen {
        let seconds = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
        let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
        Seen {
            version: lease.metadata.resource_version.clone().unwrap_or_default(),
            holder: holder(lease),
            duration: seconds.map_or_else(|| self.duration(), Duration::from_secs),
            since: Instant::now(),
        }
    }

    async fn asked<T>(&self, call: impl Future<Output = kube::Result<T>>) -> Result<T, Failed> {
        match timeout(self.patience(), call.err_into()).await {
            Ok(answer) => answer,
            Err(_) => Err(Failed::Late),
        }
    }

    fn duration(&self) -> Duration {
        Duration::from_secs(u64::from(self.seconds))
    }

    fn period(&self) -> Duration {
        period(self.duration())
    }

    /// A call that takes longer is given up and tried again.
    fn patience(&self) -> Duration {
        self.period() * 2
    }
}

/// Who holds it; an empty name is nobody.
fn holder(lease: &Lease) -> Option<String> {
    let spec = lease.spec.as_ref()?;
    spec.holder_identity.clone().filter(|holder| !holder.is_empty())
}
