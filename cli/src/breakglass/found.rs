//! What stands in the cluster between a pod and its start, as far as it can be read.

use k8s_openapi::api::{
    admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingAdmissionPolicyBinding},
    core::v1::Namespace,
    discovery::v1::EndpointSlice,
};
use kube::{Api, Client, api::ListParams};
use sallyport_contract::keys;

use super::words::{END_STATE, PODS_ENTRY};
use crate::cluster::{client, timely};

/// What was read. What could not be is absent, and why is told.
#[derive(Default)]
pub(super) struct Found {
    /// The webhook's entry for pods.
    pub(super) entry: Option<Entry>,
    /// What the end-state policy does with a pod that did not pass through the webhook.
    pub(super) actions: Option<Vec<String>>,
    /// How many endpoints of the webhook are ready.
    pub(super) ready: Option<usize>,
    /// How many namespaces are enabled.
    pub(super) enabled: Option<usize>,
    /// What could not be read.
    pub(super) unread: Vec<String>,
}

/// The webhook's entry for pods.
pub(super) enum Entry {
    /// There is none: nothing of Sallyport's is asked about pods.
    Absent,
    /// Its place in the configuration, and what becomes of pods when nobody answers.
    At(usize, String),
}

/// Reads it. A cluster that does not answer is no reason not to tell what to do.
pub(super) async fn read() -> Found {
    let mut found = Found::default();
    let client = match client().await {
        Ok(client) => client,
        Err(why) => {
            found.unread.push(why);
            return found;
        }
    };
    let mut unread = Vec::new();
    found.entry = kept(entry(&client).await, &mut unread);
    found.actions = kept(actions(&client).await, &mut unread);
    found.ready = kept(ready(&client).await, &mut unread);
    found.enabled = kept(enabled(&client).await, &mut unread);
    Found { unread, ..found }
}

fn kept<T>(read: Result<T, String>, unread: &mut Vec<String>) -> Option<T> {
    read.map_err(|why| unread.push(why)).ok()
}

async fn entry(client: &Client) -> Result<Entry, String> {
    let api: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    let read = api.get_opt(keys::WEBHOOK_CONFIGURATION);
    let webhooks = timely("read the webhook's configuration", read).await?.and_then(|found| found.webhooks);
    let at = webhooks.into_iter().flatten().enumerate().find(|(_, webhook)| webhook.name == PODS_ENTRY);
    Ok(at.map_or(Entry::Absent, |(place, webhook)| {
        // https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#failure-policy
        Entry::At(place, webhook.failure_policy.unwrap_or_else(|| "Fail".to_owned()))
    }))
}

async fn actions(client: &Client) -> Result<Vec<String>, String> {
    let api: Api<ValidatingAdmissionPolicyBinding> = Api::all(client.clone());
    let found = timely("read the admission policy's binding", api.get_opt(END_STATE)).await?;
    Ok(found.map(|found| found.spec.validation_actions).unwrap_or_default())
}

async fn ready(client: &Client) -> Result<usize, String> {
    let api: Api<EndpointSlice> = Api::namespaced(client.clone(), keys::SYSTEM_NAMESPACE);
    let label = format!("kubernetes.io/service-name={}", keys::WEBHOOK_SERVICE);
    let slices =
        timely("list the webhook's endpoints", api.list(&ListParams::default().labels(&label))).await?;
    let endpoints = slices.items.into_iter().flat_map(|slice| slice.endpoints.unwrap_or_default());
    let ready =
        |conditions: &k8s_openapi::api::discovery::v1::EndpointConditions| conditions.ready != Some(false);
    Ok(endpoints.filter(|endpoint| endpoint.conditions.as_ref().is_none_or(ready)).count())
}

async fn enabled(client: &Client) -> Result<usize, String> {
    let api: Api<Namespace> = Api::all(client.clone());
    let label = format!("{}={}", keys::INJECT, keys::INJECT_ENABLED);
    let found =
        timely("list the enabled namespaces", api.list(&ListParams::default().labels(&label))).await?;
    Ok(found.items.len())
}
