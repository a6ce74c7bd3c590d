//! One namespace: what is wanted there, whom to tell what is wrong, and what it is given.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use k8s_openapi::{api::rbac::v1::RoleBinding, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use sallyport_contract::{
    keys,
    object::{NamespaceBinding, NamespaceBindingSpec},
    policy::PolicyBook,
};

use super::{
    agent::{Agent, Next, lock},
    policies::Share,
    queue::Work,
};
use crate::{
    cluster::{Cluster, ClusterError, Exactly, Notice},
    fate,
    house::binding,
    observe::wanted::{Complaint, Plan, Scene, wanted},
    pod::judge::Judgement,
    step::draw,
    text::Text,
};

impl<C: Cluster> Agent<C> {
    /// Decides what is wanted in a namespace and makes due whatever differs from before.
    pub(super) async fn namespace(&self, namespace: &str, anew: bool) -> Result<Next, ClusterError> {
        let Some((scene, book)) = self.world.scene(namespace) else {
            let before = lock(&self.plans).remove(namespace);
            self.count_missed(before.as_deref(), None);
            lock(&self.bound).remove(namespace);
            self.add_up(namespace, None);
            return Ok(Next::NEVER);
        };
        let plan = Arc::new(wanted(&scene, &book));
        let before = lock(&self.plans).insert(namespace.into(), Arc::clone(&plan));
        self.add_up(namespace, Some(Share::of(&scene, &book, &plan)));
        self.count_missed(before.as_deref(), Some(&plan));
        self.compare(&scene, before.as_deref(), &plan);
        self.tell_missed(before.as_deref(), &plan).await;
        self.rights(&scene, anew).await?;
        self.tell_policy(&scene, &book).await?;
        self.tell_binding(&scene, &plan).await?;
        for complaint in &plan.complaints {
            if !before.as_ref().is_some_and(|before| before.complaints.contains(complaint)) {
                self.complain(complaint).await;
            }
        }
        self.deny(namespace, &plan).await?;
        let uninteresting = !scene.enabled && scene.made.is_empty();
        if uninteresting {
            return Ok(Next::NEVER);
        }
        let spread = draw(namespace, "namespace", 0);
        Ok(Next::look_again(fate::wait(self.settings.resync, self.settings.resync, 0, spread)))
    }

    fn compare(&self, scene: &Scene, before: Option<&Plan>, plan: &Plan) {
        let mut touched: BTreeSet<&str> = BTreeSet::new();
        let known = before.map(|before| &before.identities);
        for (name, wanted) in &plan.identities {
            if known.and_then(|known| known.get(name)) != Some(wanted) {
                touched.insert(name);
            }
        }
        touched.extend(
            known
                .into_iter()
                .flatten()
                .map(|(name, _)| name.as_str())
                .filter(|name| !plan.identities.contains_key(*name)),
        );
        for (request, judged) in &plan.requests {
            if let Judgement::Granted(identity) = judged
                && before.is_none_or(|before| before.requests.get(request) != Some(judged))
            {
                touched.insert(identity);
            }
        }
        if before.is_none() {
            touched.extend(scene.made.iter().map(|made| made.name.as_str()));
        }
        let namespace = Text::from(&scene.namespace);
        for name in touched {
            self.due(Work::Identity(namespace.clone(), name.into()), false);
        }
    }

    async fn complain(&self, complaint: &Complaint) {
        tracing::warn!(
            about = complaint.about.shown(),
            reason = complaint.reason.code(),
            why = complaint.message,
            "refused"
        );
        let notice = Notice {
            about: complaint.about.clone(),
            warning: true,
            reason: complaint.reason.code(),
            action: "Derive",
            note: complaint.message.clone(),
        };
        self.tell(&notice).await;
    }

    /// Our right to write Secrets: from the moment a namespace is turned on until it is turned off and the
    /// last identity in it is gone, for pods go on running there.
    async fn rights(&self, scene: &Scene, anew: bool) -> Result<(), ClusterError> {
        let (namespace, name) = (&scene.namespace, keys::CERTIFICATE_WRITER_ROLE);
        let wanted = scene.enabled || !scene.made.is_empty();
        let known = lock(&self.bound).get(namespace).copied();
        // A namespace that was never turned on is none of ours; only a look at it after a start tells.
        if known == Some(wanted) && !(anew && wanted) {
            return Ok(());
        }
        let found = self.cluster.get::<RoleBinding>(namespace, name).await?;
        let binding = binding::role_binding(namespace, &self.settings.system);
        match found {
            Some(found) if binding::is_ours(&found) => {
                let right = wanted && binding::gives(&found, &binding);
                if !right && let Some(exactly) = exactly(&found.metadata) {
                    self.cluster.delete::<RoleBinding>(namespace, name, &exactly).await?;
                }
                if wanted && !right {
                    self.cluster.create(&binding).await?;
                }
            }
            Some(found) if wanted && !binding::gives(&found, &binding) => {
                tracing::warn!(
                    namespace,
                    name,
                    "a RoleBinding of somebody else stands in the way; delete it"
                );
                return Ok(());
            }
            Some(_) => {}
            None if wanted => drop(self.cluster.create(&binding).await?),
            None => {}
        }
        lock(&self.bound).insert(namespace.clone(), wanted);
        Ok(())
    }

    async fn tell_policy(&self, scene: &Scene, book: &PolicyBook) -> Result<(), ClusterError> {
        let namespace = &scene.namespace;
        let found = self.world.lock().bindings.get(namespace, keys::BINDING);
        if !scene.enabled {
            if let Some(exactly) = found.as_ref().and_then(|found| exactly(&found.metadata)) {
                self.cluster.delete::<NamespaceBinding>(namespace, keys::BINDING, &exactly).await?;
            }
            return Ok(());
        }
        let spec: NamespaceBindingSpec = binding::told(namespace, &scene.labels, book);
        if found.is_some_and(|found| found.spec == spec) {
            return Ok(());
        }
        let mut object = NamespaceBinding::new(keys::BINDING, spec);
        object.metadata.namespace = Some(namespace.clone());
        let labels = [(keys::MANAGED_BY.to_owned(), keys::MANAGED_BY_SALLYPORT.to_owned())];
        object.metadata.labels = Some(labels.into());
        self.cluster.apply(&object).await.map(drop)
    }
}

/// Exactly this object, as far as it tells.
pub(super) fn exactly(meta: &ObjectMeta) -> Option<Exactly> {
    Some(Exactly { uid: meta.uid.clone()?, resource_version: meta.resource_version.clone()? })
}

/// So many identities are looked at in a second at most, so that a large cluster's API server is asked little.
const LOOKS_PER_SECOND: usize = 20;

/// How often each of so many is looked at, without having changed.
#[must_use]
pub(super) fn look_period(resync: Duration, identities: usize) -> Duration {
    let seconds = u64::try_from(identities / LOOKS_PER_SECOND).unwrap_or(u64::MAX);
    resync.max(Duration::from_secs(seconds))
}

/// The wait of something that only has to be looked at again.
pub(super) fn resync(period: Duration, namespace: &str, name: &str) -> Duration {
    fate::wait(period, period, 0, draw(namespace, name, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_identities_are_looked_at_more_rarely_each() {
        for (identities, seconds) in [(0, 60), (1200, 60), (1220, 61), (10_000, 500)] {
            let period = look_period(Duration::from_secs(60), identities);
            assert_eq!(period.as_secs(), seconds, "{identities}");
        }
    }
}
