//! The cluster as one list of each kind, and the few fields of a `Firewall` that are written from here.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{Patch, PatchParams},
};
use sallyport_contract::{
    DnsName,
    identity::claim_of,
    keys,
    object::{Firewall, IdentityPolicy, NameClaim, WorkloadIdentity},
};
use sallyport_policy_sync::{
    observe::login,
    world::{Key, Login, World},
};
use sallyport_process::kubernetes::{in_time, is_conflict};
use serde_json::{Value, json};

use crate::cluster::{client, list, refused, timely};

use super::{
    block::{self, Wish},
    status::View,
};

/// How often a patch is tried that somebody else's write outran.
const TRIES: usize = 3;

/// Everything that decides what the firewall called `name` is to hold.
pub(crate) async fn world(name: &str) -> Result<World, String> {
    world_as(name, None).await
}

/// The same; a login that is given stands in for the Secret, which is not read then.
pub(crate) async fn world_as(name: &str, given: Option<Login>) -> Result<World, String> {
    let client = client().await?;
    let firewall = get_firewall(&client, name).await?;
    let secret = firewall.spec.credentials.secret_name.clone();
    let logins = match given {
        Some(login) => [(secret, Arc::new(login))].into(),
        None => login_of(&client, &secret).await?,
    };
    let identities = list::<WorkloadIdentity>(&client).await?.into_iter();
    let claims = list::<NameClaim>(&client).await?.into_iter();
    let policies = list::<IdentityPolicy>(&client).await?.into_iter();
    let namespaces = list::<Namespace>(&client).await?.into_iter();
    let labels = |namespace: Namespace| {
        (namespace.name_any(), Arc::new(namespace.metadata.labels.unwrap_or_default()))
    };
    Ok(World {
        firewalls: Arc::new([(name.to_owned(), Arc::new(firewall))].into()),
        identities: Arc::new(identities.map(|one| (Key::of(&one.metadata), Arc::new(one.into()))).collect()),
        claims: Arc::new(claims.map(|one| (one.name_any(), Arc::new(one.into()))).collect()),
        overrides: Arc::default(),
        path_reports: Arc::default(),
        policies: by_name(policies).into(),
        namespaces: Arc::new(namespaces.map(labels).collect()),
        logins: Arc::new(logins),
    })
}

/// What the status of one firewall, or of all, is told from.
pub(crate) async fn view(name: Option<&str>) -> Result<View, String> {
    let client = client().await?;
    let firewalls = match name {
        Some(name) => vec![get_firewall(&client, name).await?],
        None => list::<Firewall>(&client).await?,
    };
    let (identities, claims) = (list(&client).await?, list(&client).await?);
    Ok(View { firewalls, identities, claims })
}

/// What a command writes into a `Firewall`, and what it says about it.
pub(crate) struct Edit {
    /// Fields of the spec; nothing if they are so already.
    pub(crate) change: Option<Value>,
    /// For people.
    pub(crate) words: String,
}

/// Adds or takes out one entry of `spec.blocked`.
pub(crate) async fn block(firewall: &str, name: &DnsName, wish: Wish) -> Result<String, String> {
    let client = client().await?;
    let claims: Api<NameClaim> = Api::all(client.clone());
    let claimed = timely("read NameClaims", claims.get_opt(&claim_of(name))).await?.is_some();
    edit(&client, firewall, |found| {
        let list = block::list(&found.spec.blocked, name, wish);
        let words = block::words(found, name, wish, list.is_some(), claimed);
        Ok(Edit { change: list.map(|list| json!({"blocked": list})), words })
    })
    .await
}

/// Changes a `Firewall` as `decide` says of the version that was read.
pub(crate) async fn change(
    firewall: &str,
    decide: impl Fn(&Firewall) -> Result<Edit, String>,
) -> Result<String, String> {
    edit(&client().await?, firewall, decide).await
}

async fn edit(
    client: &Client,
    firewall: &str,
    decide: impl Fn(&Firewall) -> Result<Edit, String>,
) -> Result<String, String> {
    let api: Api<Firewall> = Api::all(client.clone());
    for _ in 0..TRIES {
        let found = get_firewall(client, firewall).await?;
        let Edit { change, words } = decide(&found)?;
        let Some(spec) = change else { return Ok(words) };
        let body = json!({"metadata": {"resourceVersion": found.resource_version()}, "spec": spec});
        let patch = Patch::Merge(&body);
        match in_time(api.patch(firewall, &PatchParams::default(), &patch)).await {
            Ok(Ok(_)) => return Ok(words),
            Ok(Err(error)) if is_conflict(&error) => {}
            Ok(Err(error)) => return Err(refused(&format!("patch Firewall {firewall}"), &error)),
            Err(late) => {
                return Err(format!(
                    "{late} to the patch of Firewall {firewall}; it may have been taken: look with status"
                ));
            }
        }
    }
    Err(format!(
        "somebody else writes Firewall {firewall} all the time ({TRIES} tries); nothing was changed, try again"
    ))
}

async fn get_firewall(client: &Client, name: &str) -> Result<Firewall, String> {
    let api: Api<Firewall> = Api::all(client.clone());
    match timely(&format!("read Firewall {name}"), api.get_opt(name)).await? {
        Some(firewall) => Ok(firewall),
        None => {
            let there: Vec<String> =
                list::<Firewall>(client).await?.iter().map(ResourceExt::name_any).collect();
            let there = if there.is_empty() {
                "there is none".to_owned()
            } else {
                format!("there are: {}", there.join(", "))
            };
            Err(format!("there is no Firewall {name}; {there}"))
        }
    }
}

async fn login_of(client: &Client, name: &str) -> Result<BTreeMap<String, Arc<Login>>, String> {
    let api: Api<Secret> = Api::namespaced(client.clone(), keys::FIREWALL_NAMESPACE);
    let what = format!("read Secret {}/{name}", keys::FIREWALL_NAMESPACE);
    let call = async {
        match api.get_opt(name).await {
            Err(kube::Error::Api(status)) if status.code == 403 => Ok(Err(status.message)),
            answer => answer.map(Ok),
        }
    };
    let found = timely(&what, call).await?.map_err(|why| {
        format!(
            "cannot {what}: {why}; policy-sync reads it, and whom the platform team gave the right: as somebody else, use \
             sallyport firewall diff or preflight with --user NAME --password-file FILE, which do not read it"
        )
    })?;
    let login = found.and_then(login);
    Ok(login.into_iter().map(|login| (name.to_owned(), Arc::new(login))).collect())
}

fn by_name<K: Resource>(objects: impl Iterator<Item = K>) -> BTreeMap<String, Arc<K>> {
    objects.map(|object| (object.name_any(), Arc::new(object))).collect()
}
