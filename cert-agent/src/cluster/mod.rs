//! The port to Kubernetes: few verbs, every kind.

pub mod kube_api;
#[cfg(test)]
pub(crate) mod turnstile;
#[cfg(test)]
pub mod twin;

use std::{fmt::Debug, future::Future};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{observe::wanted::About, uid::Uid};

/// A kind of object that is known when the program is compiled.
pub trait Kind:
    Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static
{
}

impl<K> Kind for K where
    K: Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static
{
}

/// Why the API server did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// Somebody else was faster: the object has another version, or there is one already.
    #[error("somebody else was faster: {0}")]
    Conflict(String),
    /// We may not; a right that was just given takes a moment.
    #[error("the API server does not let us: {0}")]
    Forbidden(String),
    /// The object, or its namespace, is not there.
    #[error("the API server does not have it: {0}")]
    Gone(String),
    /// The API server refuses the object.
    #[error("the API server refuses it: {0}")]
    Refused(String),
    /// The API server is away, or too slow.
    #[error("the API server cannot be reached: {0}")]
    Away(String),
}

/// Something to tell people by an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The object that it is about.
    pub about: About,
    /// Whether it is a warning.
    pub warning: bool,
    /// A code of the closed list.
    pub reason: &'static str,
    /// What was being done.
    pub action: &'static str,
    /// For people.
    pub note: String,
}

/// Exactly this object, for a deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exactly {
    /// Its UID.
    pub uid: String,
    /// Its version.
    pub resource_version: String,
}

impl Exactly {
    /// The object of this UID in this version; none if one of them is not known.
    #[must_use]
    pub fn of(uid: Option<&Uid>, version: u64) -> Option<Self> {
        let uid = uid?.to_string();
        (version > 0).then(|| Self { uid, resource_version: version.to_string() })
    }
}

/// The version of an object, of which the later is the greater
/// (<https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions>); 0 if it is not told.
#[must_use]
pub fn version_of(meta: &ObjectMeta) -> u64 {
    meta.resource_version.as_ref().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// The API server. Namespaces are empty for cluster-wide kinds. Every call has a deadline.
pub trait Cluster: Clone + Send + Sync + 'static {
    /// One object.
    fn get<K: Kind>(
        &self,
        namespace: &str,
        name: &str,
    ) -> impl Future<Output = Result<Option<K>, ClusterError>> + Send;

    /// Makes an object.
    fn create<K: Kind>(&self, object: &K) -> impl Future<Output = Result<K, ClusterError>> + Send;

    /// Replaces an object in the version that it carries.
    fn replace<K: Kind>(&self, object: &K) -> impl Future<Output = Result<K, ClusterError>> + Send;

    /// Replaces the status of an object in the version that it carries.
    fn replace_status<K: Kind>(&self, object: &K) -> impl Future<Output = Result<K, ClusterError>> + Send;

    /// Server-side apply of our fields, by force: they are ours.
    fn apply<K: Kind>(&self, object: &K) -> impl Future<Output = Result<K, ClusterError>> + Send;

    /// Server-side apply of our fields of the status.
    fn apply_status<K: Kind>(&self, object: &Value) -> impl Future<Output = Result<K, ClusterError>> + Send;

    /// A JSON patch (RFC 6902).
    fn patch<K: Kind>(
        &self,
        namespace: &str,
        name: &str,
        operations: &Value,
    ) -> impl Future<Output = Result<(), ClusterError>> + Send;

    /// Deletes exactly this object; one that is gone is no error.
    fn delete<K: Kind>(
        &self,
        namespace: &str,
        name: &str,
        exactly: &Exactly,
    ) -> impl Future<Output = Result<(), ClusterError>> + Send;

    /// The names of the pods that carry an identity, asked of the API server itself.
    fn carriers(
        &self,
        namespace: &str,
        identity: &str,
    ) -> impl Future<Output = Result<Vec<String>, ClusterError>> + Send;

    /// What `keep` keeps of the metadata of each state Secret; there may be many, and they are read page by page.
    fn states<T: Send>(
        &self,
        namespace: &str,
        keep: impl FnMut(ObjectMeta) -> Option<T> + Send,
    ) -> impl Future<Output = Result<Vec<T>, ClusterError>> + Send;

    /// Tells people. Losing an event loses nothing: state stands in conditions.
    fn tell(&self, notice: &Notice) -> impl Future<Output = Result<(), ClusterError>> + Send;
}
