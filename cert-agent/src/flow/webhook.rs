//! Keeps the webhook able to serve and the API server able to trust it.

use std::time::Duration;

use k8s_openapi::api::{admissionregistration::v1::MutatingWebhookConfiguration, core::v1::Secret};
use sallyport_contract::keys;
use sallyport_process::report;

use super::{
    agent::{Agent, Next},
    namespace::resync,
};
use crate::{
    cluster::{Cluster, ClusterError},
    house::webhook_tls::{CA_SECRET, Ca, TlsError, bundle_in, names, trust},
};

/// The configuration is looked for so often until it is there.
const ABSENT: Duration = Duration::from_secs(1);
/// How soon it is looked again whether a new CA may sign.
const UNSETTLED: Duration = Duration::from_secs(5);

impl<C: Cluster> Agent<C> {
    /// The CA first, then the trust in it, then what it signed: at no moment is something served that is
    /// not trusted. What it all goes with comes last, for the webhook serves without.
    pub(super) async fn webhook(&self) -> Result<Next, ClusterError> {
        let ca = self.webhook_ca().await?;
        let trusted = self.webhook_trust(&ca).await?;
        let settled = self.webhook_serving(&ca).await?;
        self.leaving().await?;
        Ok(Next::after(match (trusted, settled) {
            (false, _) => ABSENT,
            (true, false) => UNSETTLED,
            (true, true) => resync(self.settings.resync, "webhook", "webhook"),
        }))
    }

    async fn webhook_ca(&self) -> Result<Ca, ClusterError> {
        let (system, now) = (&self.settings.system, self.clock.now());
        let found = self.cluster.get::<Secret>(system, CA_SECRET).await?;
        if let Some(ca) = found.as_ref().and_then(|found| Ca::read(found, now)) {
            return Ok(ca);
        }
        let serving = self.cluster.get::<Secret>(system, keys::WEBHOOK_SERVING_SECRET).await?;
        let before = bundle_in(found.as_ref(), serving.as_ref()).unwrap_or_default();
        let ca = Ca::make(&before, now).map_err(cannot)?;
        let version = found.and_then(|found| found.metadata.resource_version);
        self.put(&ca.to_secret(system, version)).await?;
        tracing::info!("made a new CA for the webhook");
        Ok(ca)
    }

    /// Whether the configuration is there and every entry trusts the CA.
    async fn webhook_trust(&self, ca: &Ca) -> Result<bool, ClusterError> {
        let name = keys::WEBHOOK_CONFIGURATION;
        let Some(found) = self.cluster.get::<MutatingWebhookConfiguration>("", name).await? else {
            return Ok(false);
        };
        if let Some(operations) = trust(&found, &ca.bundle) {
            self.cluster.patch::<MutatingWebhookConfiguration>("", name, &operations).await?;
            tracing::info!("wrote the webhook's caBundle");
        }
        Ok(true)
    }

    /// Whether what is served is signed by this CA, and not for a while yet by the one before.
    async fn webhook_serving(&self, ca: &Ca) -> Result<bool, ClusterError> {
        let (system, now) = (&self.settings.system, self.clock.now());
        let names = names(system, &self.settings.webhook_names);
        let found = self.cluster.get::<Secret>(system, keys::WEBHOOK_SERVING_SECRET).await?;
        if found.as_ref().is_some_and(|found| ca.serves(found, &names, now)) {
            return Ok(true);
        }
        if found.as_ref().is_some_and(|found| ca.waits_beside(found, &names, now)) {
            return Ok(false);
        }
        let version = found.and_then(|found| found.metadata.resource_version);
        self.put(&ca.serve(system, &names, now, version).map_err(cannot)?).await?;
        tracing::info!("made a new serving certificate for the webhook");
        Ok(true)
    }

    async fn put(&self, secret: &Secret) -> Result<(), ClusterError> {
        let stored = match &secret.metadata.resource_version {
            Some(_) => self.cluster.replace(secret).await,
            None => self.cluster.create(secret).await,
        };
        stored.map(drop)
    }
}

fn cannot(error: TlsError) -> ClusterError {
    ClusterError::Refused(report::chain(&error))
}
