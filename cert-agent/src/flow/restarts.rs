//! Programs that read their certificate once: their workloads are restarted after a renewal, where the policy says so.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use kube::ResourceExt as _;
use sallyport_contract::Identity;

use super::{
    agent::{Agent, Key, Next, lock},
    memo::{Laid, Memo},
};
use crate::{
    cluster::{Cluster, ClusterError, Kind},
    observe::facts::{Workload, WorkloadKind},
    report::Report,
    restart,
    state::Span,
    step,
    uid::Uid,
};

/// What stood in the way is tried again so often.
const AGAIN: Duration = Duration::from_secs(60);

impl<C: Cluster> Agent<C> {
    /// Restarts the workloads of an identity whose pods began with the certificate before, when it is time.
    pub(super) async fn restart(
        &self,
        memo: &Memo,
        identity: &Identity,
        made_for: &[Uid],
        report: Report,
        next: Next,
    ) -> Result<(Report, Next), ClusterError> {
        // Only what is delivered is told of.
        let (Some(current), Some(told)) = (memo.span(), &report.certificate) else {
            return Ok((report, next));
        };
        let (namespace, name) = (&identity.namespace, identity.name.as_str());
        if identity.certificate.on_renewal.is_none() || self.older_pods(namespace, name, current) == 0 {
            return Ok((report, next));
        }
        let within = SignedDuration::try_from(self.settings.restart_within).unwrap_or(SignedDuration::MAX);
        let draw = step::draw(namespace, name, u32::MAX);
        let Some(due) = restart::due(current, within, draw) else { return Ok((report, next)) };
        let left = Duration::try_from(due.duration_since(self.clock.now())).unwrap_or_default();
        if !left.is_zero() {
            return Ok((report, sooner(next, left)));
        }
        for workload in self.workloads(namespace, made_for) {
            let Err(error) = self.restart_one(namespace, &workload, &told.serial).await else {
                continue;
            };
            let text = format!(
                "{}; pods that began before go on with the old one, for {} {} cannot be restarted: {error}. Whose rule: \
                 IdentityPolicy {} restarts workloads. Do: bind the ClusterRole sallyport-workload-restarter to the \
                 service account of cert-agent in namespace {namespace}, or restart it yourself",
                report.message,
                workload.kind.as_str(),
                workload.name,
                identity.policy
            );
            tracing::warn!(namespace, workload = %workload.name, error = %error, "cannot be restarted");
            return Ok((Report { message: text, ..report }, sooner(next, AGAIN)));
        }
        Ok((report, next))
    }

    async fn restart_one(
        &self,
        namespace: &str,
        workload: &Workload,
        serial: &str,
    ) -> Result<(), ClusterError> {
        match workload.kind {
            WorkloadKind::Deployment => self.annotate::<Deployment>(namespace, workload, serial).await,
            WorkloadKind::StatefulSet => self.annotate::<StatefulSet>(namespace, workload, serial).await,
            WorkloadKind::DaemonSet => self.annotate::<DaemonSet>(namespace, workload, serial).await,
            // Their pods end by themselves.
            WorkloadKind::ReplicaSet | WorkloadKind::Job | WorkloadKind::CronJob => Ok(()),
        }
    }

    async fn annotate<K: Kind>(
        &self,
        namespace: &str,
        workload: &Workload,
        serial: &str,
    ) -> Result<(), ClusterError> {
        let found = self.cluster.get::<K>(namespace, &workload.name).await?;
        let Some(found) =
            found.filter(|found| found.uid().is_some_and(|uid| workload.uid == Uid::from(&uid)))
        else {
            return Ok(());
        };
        let found = serde_json::to_value(&found).map_err(|error| ClusterError::Refused(error.to_string()))?;
        let Some(operations) = restart::patch(&found, serial) else { return Ok(()) };
        self.cluster.patch::<K>(namespace, &workload.name, &operations).await?;
        tracing::info!(namespace, workload = %workload.name, serial, "restarted for its new certificate");
        Ok(())
    }

    fn workloads(&self, namespace: &str, uids: &[Uid]) -> Vec<Arc<Workload>> {
        let shelves = self.world.lock();
        let all = [&shelves.deployments, &shelves.stateful_sets, &shelves.daemon_sets];
        let of_namespace = all.into_iter().flat_map(|shelf| shelf.of(namespace));
        of_namespace
            .map(|(_, workload)| workload)
            .filter(|one| uids.contains(&one.uid))
            .map(Arc::clone)
            .collect()
    }

    /// How many running pods of an identity may have read the certificate before.
    fn older_pods(&self, namespace: &str, identity: &str, current: Span) -> usize {
        let limit: Timestamp = restart::older_than(current);
        let shelves = self.world.lock();
        let carriers = shelves
            .pods
            .of(namespace)
            .map(|(_, pod)| pod)
            .filter(|pod| pod.living && pod.identity.as_deref() == Some(identity));
        carriers.filter(|pod| pod.since.is_some_and(|since| since < limit)).count()
    }

    /// Counts the pods that may go on with a certificate that was replaced.
    pub(super) fn count_older_pods(&self) {
        let replaced: Vec<(Key, Span)> = {
            let memos = lock(&self.memos);
            let current = |memo: &Laid| memo.span().filter(|one| one.replaces.is_some());
            memos.iter().filter_map(|(key, memo)| Some((key.clone(), current(memo)?))).collect()
        };
        let older =
            replaced.iter().map(|((namespace, name), current)| self.older_pods(namespace, name, *current));
        self.metrics.older_pods(older.sum());
    }
}

fn sooner(next: Next, wait: Duration) -> Next {
    Next { after: Some(next.after.map_or(wait, |after| after.min(wait))), ..next }
}
