//! A world from files: one firewall, some policies and a few names to try, as cert-agent would make them from workloads.

use std::{collections::BTreeMap, path::Path, path::PathBuf, str::FromStr, sync::Arc};

use sallyport_contract::{
    DnsName,
    identity::claim_of,
    object::{
        Action, Delivery, Firewall, IdentityPolicy, NameClaim, NameClaimSpec, WorkloadIdentity,
        WorkloadIdentitySpec,
    },
    policy::Policy,
};
use sallyport_policy_sync::world::{Key, Login, Proof, World};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

/// A name to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trial {
    namespace: Option<String>,
    name: DnsName,
    action: Action,
}

impl FromStr for Trial {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (rest, action) = match text.rsplit_once('=') {
            None => (text, Action::Allow),
            Some((rest, "allow")) => (rest, Action::Allow),
            Some((rest, "deny")) => (rest, Action::Deny),
            Some((_, other)) => return Err(format!("{other:?} is no action; allow and deny are")),
        };
        let (namespace, name) = match rest.split_once('/') {
            Some((namespace, name)) => (Some(namespace.to_owned()), name),
            None => (None, rest),
        };
        Ok(Self { namespace, name: super::normal(name)?, action })
    }
}

/// The login by user and password file. Its password stands on no command line, where every process could read it.
pub(crate) fn login(user: Option<String>, password_file: Option<PathBuf>) -> Result<Login, String> {
    let (Some(user), Some(file)) = (user, password_file) else {
        return Err("--firewall FILE needs --user and --password-file".to_owned());
    };
    let text = read(&file).map(Zeroizing::new)?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(format!("{} is empty; it must hold the password of {user}", file.display()));
    }
    Ok(Login { user, proof: Proof::Password(Zeroizing::new(password.to_owned())), version: String::new() })
}

/// The world of one firewall, and its name.
pub(crate) fn world(
    firewall: &Path,
    policies: &[PathBuf],
    trials: &[Trial],
    login: Login,
) -> Result<(String, World), String> {
    let firewall: Firewall = object(firewall, "Firewall")?;
    let policies = policies.iter().map(|file| object::<IdentityPolicy>(file, "IdentityPolicy"));
    let policies = policies.collect::<Result<Vec<_>, _>>()?;
    compose(firewall, policies, trials, login)
}

fn compose(
    firewall: Firewall,
    policies: Vec<IdentityPolicy>,
    trials: &[Trial],
    login: Login,
) -> Result<(String, World), String> {
    let name = firewall.metadata.name.clone().unwrap_or_default();
    if name.is_empty() {
        return Err("the Firewall object has no metadata.name".to_owned());
    }
    let (mut identities, mut claims) = (BTreeMap::new(), BTreeMap::new());
    for trial in trials {
        let (namespace, policy) = giver(trial, &policies)?;
        let policy_name = policy.metadata.name.clone().unwrap_or_default();
        if policy.spec.firewall != name {
            return Err(format!(
                "{} comes under IdentityPolicy {policy_name}, whose spec.firewall is {}, not {name}; give the files that belong together",
                trial.name, policy.spec.firewall
            ));
        }
        let mut identity = WorkloadIdentity::new(
            trial.name.as_str(),
            WorkloadIdentitySpec {
                dns_names: vec![trial.name.to_string()],
                delivery: Delivery::Secret,
                action: trial.action,
                policy: policy_name,
                certificate: policy.spec.certificate.clone(),
                firewall: name.clone(),
            },
        );
        identity.metadata.namespace = Some(namespace.clone());
        identities.insert(Key::new(&namespace, trial.name.as_str()), Arc::new(identity.into()));
        let claim = claim_of(&trial.name);
        let spec = NameClaimSpec { dns_name: trial.name.to_string(), namespace };
        claims.insert(claim.clone(), Arc::new(NameClaim::new(&claim, spec).into()));
    }
    let secret = firewall.spec.credentials.secret_name.clone();
    let named = |policy: IdentityPolicy| Some((policy.metadata.name.clone()?, Arc::new(policy)));
    let world = World {
        firewalls: Arc::new([(name.clone(), Arc::new(firewall))].into()),
        identities: Arc::new(identities),
        claims: Arc::new(claims),
        overrides: Arc::default(),
        path_reports: Arc::default(),
        policies: policies.into_iter().filter_map(named).collect::<BTreeMap<_, _>>().into(),
        namespaces: Arc::default(),
        logins: Arc::new([(secret, Arc::new(login))].into()),
    };
    Ok((name, world))
}

/// The namespace and the policy under which a name is tried: one that gives it, else the first one that is named, so that
/// the refusal is told with the policy's own rules.
fn giver<'a>(trial: &Trial, policies: &'a [IdentityPolicy]) -> Result<(String, &'a IdentityPolicy), String> {
    let named = policies.iter().flat_map(|policy| {
        let all = policy.spec.namespaces.iter().flatten();
        all.filter(|namespace| trial.namespace.as_ref().is_none_or(|wanted| wanted == *namespace))
            .map(move |namespace| (namespace.clone(), policy))
    });
    let named: Vec<(String, &IdentityPolicy)> = named.collect();
    let gives = |(namespace, policy): &&(String, &IdentityPolicy)| {
        let name = policy.metadata.name.as_deref().unwrap_or_default();
        let read = Policy::read(name, &policy.spec);
        read.is_ok_and(|policy| policy.patterns().any(|pattern| pattern.may_allow(&trial.name, namespace)))
    };
    named.iter().find(gives).or(named.first()).cloned().ok_or_else(|| match &trial.namespace {
        Some(namespace) => format!(
            "no --policy names namespace {namespace} in spec.namespaces; policies that select namespaces by label take a cluster"
        ),
        None => format!(
            "no --policy names a namespace in spec.namespaces, so it cannot be told where {} would be; policies that select \
             namespaces by label take a cluster",
            trial.name
        ),
    })
}

fn object<K: DeserializeOwned>(file: &Path, kind: &str) -> Result<K, String> {
    let text = read(file)?;
    serde_saphyr::from_str(&text).map_err(|error| format!("{} is no {kind}: {error}", file.display()))
}

fn read(file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(text: &str) -> Trial {
        text.parse().unwrap()
    }

    fn example<K: DeserializeOwned>(name: &str) -> K {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/examples");
        object(&folder.join(name), name).unwrap()
    }

    fn composed(trials: &[Trial]) -> Result<(String, World), String> {
        let login = Login {
            user: "u".into(),
            proof: Proof::Password(Zeroizing::new("p".into())),
            version: String::new(),
        };
        compose(example("firewall.yaml"), vec![example("identity-policy.yaml")], trials, login)
    }

    #[test]
    fn a_trial_is_a_name_with_or_without_namespace_and_action() {
        assert_eq!(trial("web.shop.corp.example"), trial("web.shop.corp.example=allow"));
        assert_eq!(trial("shop/web.shop.corp.example=deny").namespace.as_deref(), Some("shop"));
        assert!("web.shop.corp.example=block".parse::<Trial>().unwrap_err().contains("allow and deny are"));
        assert!("WEB.shop=allow".parse::<Trial>().unwrap_err().contains("did you mean web.shop?"));
    }

    #[test]
    fn names_come_under_the_policy_that_gives_them() {
        let (name, world) = composed(&[trial("web.shop.corp.example=deny")]).unwrap();
        assert_eq!(name, "edge");
        let identity = &world.identities[&Key::new("shop", "web.shop.corp.example")];
        assert_eq!((identity.policy.as_str(), identity.action), ("shop", Action::Deny));
        assert_eq!(world.claims.len(), 1);
        let error = composed(&[trial("bill/web.bill.corp.example")]).err().unwrap();
        assert!(error.contains("no --policy names namespace bill"), "{error}");
    }
}
