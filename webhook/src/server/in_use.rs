//! The certificate in use: swapped without a restart. A broken one changes nothing.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use futures::StreamExt as _;
use rustls::{
    crypto::CryptoProvider,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use sallyport_process::{clock::Clock, readiness::Handle, report, shutdown::Stop, tasks::TaskResult};

use crate::{
    certificate::{ServingCertificate, Usable},
    metrics::Metrics,
};

/// The certificate in use. Clones are one.
#[derive(Clone, Default)]
pub struct InUse(Arc<RwLock<Option<Arc<CertifiedKey>>>>);

impl InUse {
    /// Serves this one from the next handshake on.
    pub fn swap(&self, usable: Usable) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(usable.key);
    }
}

impl ResolvesServerCert for InUse {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for InUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InUse")
    }
}

/// Keeps the certificate in use up to date until the stop; the first good one makes us ready.
///
/// # Errors
/// The source ended.
pub async fn keep(
    in_use: InUse,
    source: Arc<dyn ServingCertificate>,
    provider: Arc<CryptoProvider>,
    clock: Clock,
    metrics: Metrics,
    ready: Handle,
    stop: Stop,
) -> TaskResult {
    let mut updates = source.updates();
    let mut ready = Some(ready);
    loop {
        let pem = tokio::select! {
            () = stop.wait() => return Ok(()),
            pem = updates.next() => pem.ok_or("nothing tells of the serving certificate any more")?,
        };
        match Usable::read(&pem, clock.now(), &provider) {
            Ok(usable) => {
                tracing::info!(not_after = %usable.not_after, "serving certificate in use");
                metrics.certificate_in_use(usable.not_after);
                in_use.swap(usable);
                if let Some(ready) = ready.take() {
                    ready.done();
                }
            }
            Err(error) => {
                metrics.certificate_refused();
                let goes_on = ready.is_none();
                let error = report::chain(&error);
                tracing::error!(
                    error,
                    goes_on,
                    "serving certificate cannot be used; the one before goes on if there is one"
                );
            }
        }
    }
}
