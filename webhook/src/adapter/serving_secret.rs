//! The Secret with the serving certificate, watched by its one name.

use futures::{StreamExt as _, stream::BoxStream};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client, ResourceExt as _,
    runtime::{
        WatchStreamExt as _,
        watcher::{self, Event},
    },
};
use sallyport_contract::keys;
use sallyport_process::report;

use crate::certificate::{Pem, ServingCertificate};

/// The Secret that cert-agent keeps for us.
pub struct ServingSecret {
    client: Client,
    namespace: String,
}

impl ServingSecret {
    /// The Secret in this namespace.
    #[must_use]
    pub const fn new(client: Client, namespace: String) -> Self {
        Self { client, namespace }
    }
}

impl ServingCertificate for ServingSecret {
    fn updates(&self) -> BoxStream<'static, Pem> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        let only_ours =
            watcher::Config::default().fields(&format!("metadata.name={}", keys::WEBHOOK_SERVING_SECRET));
        kube::runtime::watcher(api, only_ours)
            .default_backoff()
            .filter_map(|event| std::future::ready(pem(event)))
            .boxed()
    }
}

fn pem(event: watcher::Result<Event<Secret>>) -> Option<Pem> {
    match event {
        Ok(Event::Apply(secret) | Event::InitApply(secret)) => {
            tracing::debug!(secret = secret.name_any(), "serving certificate arrived");
            let mut data = secret.data.unwrap_or_default();
            let mut take = |key| data.remove(key).map(|bytes| bytes.0).unwrap_or_default();
            Some(Pem { certificate: take("tls.crt"), key: take("tls.key") })
        }
        Ok(Event::Delete(_)) => {
            tracing::warn!(
                "the Secret with the serving certificate was deleted; the certificate in use goes on"
            );
            None
        }
        Ok(Event::Init | Event::InitDone) => None,
        Err(error) => {
            let error = report::chain(&error);
            tracing::warn!(error, "watch of the serving certificate broke off; it is tried again");
            None
        }
    }
}
