//! Gives what refuses requests an owner, so that it leaves with what it needs.

use k8s_openapi::{
    api::{
        admissionregistration::v1::{
            MutatingWebhookConfiguration, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
        },
        core::v1::Namespace,
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use sallyport_contract::keys;

use super::agent::Agent;
use crate::{
    cluster::{Cluster, ClusterError, Kind},
    house::leaving::{BINDINGS_DEFINITION, END_STATE, NAMESPACES, POLICIES_DEFINITION, is_owned, own},
};

impl<C: Cluster> Agent<C> {
    /// The webhook goes with the namespace of the programs, and so does the policy that stands in for it; each binding goes
    /// with the definition of its parameters. A policy without a binding refuses nothing, and neither does a binding without
    /// its policy.
    pub(super) async fn leaving(&self) -> Result<(), ClusterError> {
        let system = &self.settings.system;
        self.owned::<MutatingWebhookConfiguration, Namespace>(keys::WEBHOOK_CONFIGURATION, system).await?;
        self.owned::<ValidatingAdmissionPolicy, Namespace>(END_STATE, system).await?;
        self.owned::<ValidatingAdmissionPolicyBinding, CustomResourceDefinition>(
            END_STATE,
            BINDINGS_DEFINITION,
        )
        .await?;
        self.owned::<ValidatingAdmissionPolicyBinding, CustomResourceDefinition>(
            NAMESPACES,
            POLICIES_DEFINITION,
        )
        .await
    }

    /// Writes one owner where it is not yet. What is not installed needs none.
    async fn owned<K: Kind, Owner: Kind>(&self, name: &str, owner: &str) -> Result<(), ClusterError> {
        let Some(object) = self.cluster.get::<K>("", name).await? else { return Ok(()) };
        if is_owned::<Owner>(object.meta(), owner) {
            return Ok(());
        }
        let Some(owner) = self.cluster.get::<Owner>("", owner).await? else { return Ok(()) };
        let Some(operations) = own(object.meta(), &owner) else { return Ok(()) };
        self.cluster.patch::<K>("", name, &operations).await?;
        tracing::info!(kind = %K::kind(&()), name, "wrote what it goes with");
        Ok(())
    }
}
