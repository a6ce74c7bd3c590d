//! Writing a batch: in one multi-config request, or where the device does not take those, in single calls.

use std::sync::atomic::Ordering;

use super::{
    Panos,
    envelope::{Reply, Status},
    fate::{self, Code},
    malformed,
};
use crate::{
    firewall::{Fault, MayWrite},
    operation::{Batch, Call, Change},
};

impl Panos {
    /// Writes one batch. Multi-config came with 10.0, switched off
    /// (<https://docs.paloaltonetworks.com/pan-os/10-0/pan-os-panorama-api/pan-os-xml-api-request-types/configuration-api/multi-config-request-api>).
    pub(super) async fn write_batch(&self, batch: &Batch, may: &MayWrite<'_>) -> Result<(), Fault> {
        if self.single_calls.load(Ordering::Relaxed) {
            return self.write_singly(batch, may).await;
        }
        may()?;
        let doing = "writing a batch";
        let parameters = [("type", "config"), ("action", "multi-config"), ("element", batch.body.as_str())];
        let reply = self.peers.ask(doing, &parameters).await?;
        match reply.status {
            Status::Success => Ok(()),
            Status::Error if unknown_here(&reply) => {
                tracing::warn!(
                    words = reply.words,
                    "the firewall takes no multi-config requests; single calls are made instead"
                );
                self.single_calls.store(true, Ordering::Relaxed);
                self.write_singly(batch, may).await
            }
            Status::Error | Status::Unauthorised => Err(fate::fault(&reply, doing)),
        }
    }

    /// The same changes in the same order, up to the first that is refused. What was written before it stays in the
    /// candidate, where it is found again.
    async fn write_singly(&self, batch: &Batch, may: &MayWrite<'_>) -> Result<(), Fault> {
        let doing = "writing a change";
        for (place, operation) in batch.operations.iter().enumerate() {
            let Call { action, xpath, element, place: position, sibling } =
                operation.call(&self.site).map_err(malformed)?;
            let mut parameters = vec![("type", "config"), ("action", action), ("xpath", xpath.as_str())];
            parameters.extend(element.as_deref().map(|element| ("element", element)));
            parameters.extend(position.map(|position| ("where", position)));
            parameters.extend(sibling.as_deref().map(|sibling| ("dst", sibling)));
            may()?;
            let reply = self.peers.ask(doing, &parameters).await?;
            let gone =
                matches!(operation.change, Change::Delete(_)) && Code::from(reply.code) == Code::NotPresent;
            match reply.status {
                Status::Success => {}
                Status::Error if gone => {}
                Status::Error | Status::Unauthorised => return Err(fate::fault_at(&reply, doing, place)),
            }
        }
        Ok(())
    }
}

/// Whether a device says that it knows no such request, rather than that something in it is wrong: then it names none
/// of the operations.
fn unknown_here(reply: &Reply) -> bool {
    reply.nested().is_empty() && matches!(Code::from(reply.code), Code::UnknownCommand | Code::InvalidCommand)
}
