//! Takes away what is left, in the order of its kinds.

use std::time::Duration;

use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams},
};
use sallyport_contract::{keys, object::Firewall};
use serde_json::json;

use super::{
    kinds::KINDS,
    left::{self, Held, Left, Object, api, read},
};
use crate::cluster::timely;

/// What the API server ends by itself, definitions and namespaces above all, is waited for so long.
const PATIENCE: Duration = Duration::from_secs(60);
const BETWEEN: Duration = Duration::from_millis(500);

/// Which objects go: those that people's own hang on only if `purge`.
pub(super) fn chosen(left: &Left, purge: bool) -> Vec<Object> {
    let goes = |object: &&Object| KINDS.get(object.kind).is_some_and(|kind| purge || !kind.purges);
    left.objects.iter().filter(goes).cloned().collect()
}

/// Which Firewalls are let go: those that wait for a program that goes, or all.
pub(super) fn released(left: &Left, purge: bool) -> Vec<Held> {
    left.held.iter().filter(|held| purge || held.going).cloned().collect()
}

/// Does it, and tells each step; ends when nothing of it stands any more.
pub(super) async fn run(
    client: &Client,
    left: &Left,
    purge: bool,
    tell: impl Fn(&str),
) -> Result<(), String> {
    // Programs first: policy-sync would put its finalizer back.
    let (ours, purged): (Vec<Object>, Vec<Object>) = chosen(left, purge)
        .into_iter()
        .partition(|object| KINDS.get(object.kind).is_some_and(|kind| !kind.purges));
    for object in &ours {
        delete(client, object, &tell).await?;
    }
    for held in released(left, purge) {
        release(client, &held.name).await?;
        tell(&format!("took our finalizer off firewall {}", held.name));
    }
    for object in &purged {
        delete(client, object, &tell).await?;
    }
    gone(client, purge).await
}

async fn delete(client: &Client, object: &Object, tell: &impl Fn(&str)) -> Result<(), String> {
    let Some(kind) = KINDS.get(object.kind) else { return Ok(()) };
    let api = api(client, &kind.resource(), object.namespace.as_deref());
    let what = format!("delete {}", name(object));
    let call = async { found(api.delete(&object.name, &DeleteParams::background()).await) };
    timely(&what, call).await?;
    tell(&format!("deleted {}", name(object)));
    Ok(())
}

/// Takes our finalizer off, and no other.
async fn release(client: &Client, name: &str) -> Result<(), String> {
    let api: Api<Firewall> = Api::all(client.clone());
    let what = format!("take the finalizer off firewall {name}");
    let Some(firewall) = timely(&what, async { api.get_metadata_opt(name).await }).await? else {
        return Ok(());
    };
    let before = firewall.metadata.finalizers.unwrap_or_default();
    let after: Vec<&String> =
        before.iter().filter(|finalizer| *finalizer != keys::REMOVE_FROM_FIREWALL).collect();
    let patch =
        json!({"metadata": {"resourceVersion": firewall.metadata.resource_version, "finalizers": after}});
    let patch = Patch::Merge(&patch);
    let call = async { found(api.patch_metadata(name, &PatchParams::default(), &patch).await) };
    timely(&what, call).await.map(drop)
}

/// What is gone already needs nothing.
fn found<T>(answer: Result<T, kube::Error>) -> Result<Option<T>, kube::Error> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(error),
    }
}

/// Waits until nothing that was deleted stands any more.
async fn gone(client: &Client, purge: bool) -> Result<(), String> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut ticks = tokio::time::interval(BETWEEN);
    loop {
        ticks.tick().await;
        let left = read(client).await;
        let still: Vec<String> = chosen(&left, purge).iter().map(name).collect();
        if still.is_empty() && left.unread.is_empty() {
            return Ok(());
        }
        if tokio::time::Instant::now() > deadline {
            let what = if still.is_empty() { left.unread } else { still };
            return Err(format!(
                "still there after {} s: {}. Something else keeps them: see metadata.finalizers of each",
                PATIENCE.as_secs(),
                what.join(", ")
            ));
        }
    }
}

/// `kind/name`, with its namespace.
pub(super) fn name(object: &left::Object) -> String {
    let plural = KINDS.get(object.kind).map_or("object", |kind| kind.plural);
    let place = object.namespace.as_ref().map_or_else(String::new, |namespace| format!(" in {namespace}"));
    format!("{plural}/{}{place}", object.name)
}
