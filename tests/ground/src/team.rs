//! A test's own world on the shared ground: a namespace, a policy, a CA and a firewall of its own.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::{NamespaceResourceScope, api::core::v1::Pod};
use kube::{Api, Resource, api::ListParams};
use sallyport_contract::object::WorkloadIdentity;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    Site,
    firewall::{ADMINISTRATOR, FirewallOptions, FirewallSim},
    interposer::{Interposer, call::FarSide},
    manifests,
    network::Server,
    wait,
};

/// Which CA a team's certificates come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    /// cert-agent's own.
    Embedded,
    /// AWS Private CA.
    Aws,
}

/// A namespace and all that holds it. Objects are called by the team's name.
pub struct Team<'a> {
    /// The name of the namespace, the policy, the CA and the firewall.
    pub name: String,
    /// The team's own firewall.
    pub firewall: FirewallSim,
    /// The proxy between policy-sync and the firewall, if there is one.
    pub before_firewall: Option<Interposer>,
    /// The server behind the firewall.
    pub server: Server,
    ground: &'a dyn Site,
}

/// How a team is set up.
#[derive(Clone, Debug)]
pub struct TeamOptions {
    /// Its CA.
    pub authority: Authority,
    /// Merged into the `CertificateAuthority`'s spec.
    pub authority_spec: Value,
    /// How long its firewall's commits take.
    pub commit_time: Duration,
    /// Further flags of its firewall.
    pub firewall_args: Vec<String>,
    /// Merged into the `Firewall`'s spec.
    pub firewall_spec: Value,
    /// Merged into the `IdentityPolicy`'s spec.
    pub policy_spec: Value,
    /// Whether a proxy stands between policy-sync and the firewall.
    pub interposed: bool,
}

impl Default for TeamOptions {
    fn default() -> Self {
        Self {
            authority: Authority::Embedded,
            authority_spec: json!({}),
            commit_time: Duration::from_millis(300),
            firewall_args: Vec::new(),
            firewall_spec: json!({}),
            policy_spec: json!({}),
            interposed: false,
        }
    }
}

impl<'a> Team<'a> {
    /// Sets a team up: its firewall, and its objects made from the examples.
    ///
    /// # Errors
    /// Something was refused.
    pub async fn start(ground: &'a dyn Site, name: &str, options: TeamOptions) -> Result<Self> {
        let team = Self::lay(ground, name, &options).await?;
        team.arrive(&options).await?;
        Ok(team)
    }

    /// Sets up the team's firewall, of which the cluster knows nothing yet.
    ///
    /// # Errors
    /// It does not start.
    pub async fn lay(ground: &'a dyn Site, name: &str, options: &TeamOptions) -> Result<Self> {
        let server = Server::start().await?;
        let firewall = FirewallOptions {
            name: format!("firewall-{name}"),
            listen: ground.management_interface(),
            commit_time: options.commit_time,
            upstream: server.address,
            more: options.firewall_args.clone(),
        };
        let firewall = FirewallSim::start(ground.folder(), &firewall).await?;
        let before_firewall = if options.interposed {
            Some(Interposer::start(FarSide::Firewall, firewall.api, &firewall.ca_pem).await?)
        } else {
            None
        };
        Ok(Self { name: name.to_owned(), firewall, before_firewall, server, ground })
    }

    /// Applies the team's objects.
    ///
    /// # Errors
    /// Something was refused.
    pub async fn arrive(&self, options: &TeamOptions) -> Result<()> {
        let objects = [
            self.credentials(ADMINISTRATOR.1)?,
            self.authority(options.authority, &options.authority_spec)?,
            self.firewall_object(&options.firewall_spec)?,
            self.policy(&options.policy_spec)?,
            self.namespace()?,
        ];
        self.ground.cluster().kubectl.apply(&manifests::stream(&objects)).await?;
        Ok(())
    }

    /// Writes the Secret with the firewall's credentials.
    ///
    /// # Errors
    /// It was refused.
    pub async fn apply_credentials(&self, password: &str) -> Result<()> {
        self.ground.cluster().kubectl.apply(&self.credentials(password)?.to_string()).await?;
        Ok(())
    }

    fn credentials(&self, password: &str) -> Result<Value> {
        let mut secret = manifests::example("firewall-credentials")?;
        secret["metadata"]["name"] = json!(self.name);
        secret["stringData"] = json!({"user": ADMINISTRATOR.0, "password": password});
        Ok(secret)
    }

    fn authority(&self, kind: Authority, more: &Value) -> Result<Value> {
        let mut object = match kind {
            Authority::Embedded => manifests::example("certificate-authority-embedded")?,
            Authority::Aws => {
                let mut object = manifests::example("certificate-authority-aws")?;
                object["spec"]["awsPrivateCA"]["arn"] = json!(self.ground.pca().ca_arn);
                object
            }
        };
        object["metadata"]["name"] = json!(self.name);
        manifests::merge(&mut object["spec"], more);
        Ok(object)
    }

    fn firewall_object(&self, more: &Value) -> Result<Value> {
        let mut object = manifests::example("firewall")?;
        object["metadata"]["name"] = json!(self.name);
        let spec = &mut object["spec"];
        let (host, ca) = match &self.before_firewall {
            Some(interposer) => (interposer.address, &interposer.ca_pem),
            None => (self.firewall.api, &self.firewall.ca_pem),
        };
        spec["standalone"]["host"] = json!(host.to_string());
        spec["clusterName"] = json!(self.name);
        spec["credentials"]["secretName"] = json!(self.name);
        spec["tls"] = json!({"caBundle": ca});
        spec["bounds"]["policies"] = json!([self.name]);
        spec["commit"] = json!({"coalesce": "0s", "longestWait": "0s"});
        spec["drift"] = json!({"period": "5s"});
        manifests::merge(spec, more);
        Ok(object)
    }

    fn policy(&self, more: &Value) -> Result<Value> {
        let mut object = manifests::example("identity-policy")?;
        object["metadata"]["name"] = json!(self.name);
        let spec = &mut object["spec"];
        spec["namespaces"] = json!([self.name]);
        spec["dnsNames"]["allowed"] = json!([format!("*.{}.corp.example", self.name)]);
        spec["certificate"]["authority"] = json!(self.name);
        spec["firewall"] = json!(self.name);
        manifests::merge(spec, more);
        Ok(object)
    }

    fn namespace(&self) -> Result<Value> {
        let mut object = manifests::example("namespace")?;
        object["metadata"]["name"] = json!(self.name);
        Ok(object)
    }

    /// Applies a change to an object of the team's by `kubectl patch --type=merge`.
    ///
    /// # Errors
    /// It was refused.
    pub async fn patch(&self, kind: &str, spec: &Value) -> Result<()> {
        let patch = json!({"spec": spec}).to_string();
        let args = ["patch", kind, &self.name, "--type=merge", "-p", &patch];
        self.ground.cluster().kubectl.run(&args).await?;
        Ok(())
    }

    /// A Deployment of the team's that asks for nothing but what `annotations` say.
    #[must_use]
    pub fn deployment(&self, name: &str, replicas: u32, annotations: &Value) -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": name, "namespace": self.name},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": {
                "metadata": {"labels": {"app": name}, "annotations": annotations},
                "spec": {"containers": [{"name": "nginx", "image": "nginx"}]}}},
        })
    }

    /// The full name of a workload that asks for none.
    #[must_use]
    pub fn dns_name(&self, workload: &str) -> String {
        format!("{workload}.{}.corp.example", self.name)
    }

    /// The identity with this DNS name, once it is there.
    ///
    /// # Errors
    /// It does not come.
    pub async fn identity(&self, dns_name: &str) -> Result<Value> {
        wait::until(&format!("the identity of {dns_name}"), wait::GENEROUS, || async {
            let items = self.list::<WorkloadIdentity>("").await?;
            let found = items.iter().find(|item| item["spec"]["dnsNames"][0] == dns_name);
            found.cloned().with_context(|| format!("{} identities, none of that name", items.len()))
        })
        .await
    }

    /// The pods with a label `app`.
    ///
    /// # Errors
    /// The API server does not answer.
    pub async fn pods(&self, app: &str) -> Result<Vec<Value>> {
        self.list::<Pod>(&format!("app={app}")).await
    }

    /// The team's objects of one kind with these labels. Tests ask so often that a kubectl for each
    /// question would be most of what the machine does.
    async fn list<K>(&self, labels: &str) -> Result<Vec<Value>>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + std::fmt::Debug
            + DeserializeOwned
            + Serialize,
    {
        let api: Api<K> = Api::namespaced(self.ground.cluster().client.clone(), &self.name);
        let list = api.list(&ListParams::default().labels(labels)).await?;
        list.items.into_iter().map(|item| Ok(serde_json::to_value(item)?)).collect()
    }

    /// Waits until so many pods of an app are Ready.
    ///
    /// # Errors
    /// They do not become Ready.
    pub async fn ready(&self, app: &str, count: usize) -> Result<Vec<Value>> {
        self.ready_within(wait::GENEROUS, app, count).await
    }

    /// The same, with so much patience.
    ///
    /// # Errors
    /// They do not.
    pub async fn ready_within(&self, patience: Duration, app: &str, count: usize) -> Result<Vec<Value>> {
        wait::until(&format!("{count} Ready pods of {}/{app}", self.name), patience, || async {
            let pods = self.pods(app).await?;
            let is_ready = |pod: &&Value| condition(pod, "Ready").is_some_and(|c| c["status"] == "True");
            let ready = pods.iter().filter(is_ready).count();
            let gates: Vec<_> = pods.iter().map(|pod| gate(pod).map(|c| c["message"].clone())).collect();
            ensure!(
                ready == count && pods.len() == count,
                "{ready} of {} are Ready; gates: {gates:?}",
                pods.len()
            );
            Ok(pods)
        })
        .await
    }

    /// Waits until the gate of an app's first pod is open. It may be open long before the pod is Ready:
    /// after a failed mount a kubelet waits up to two minutes.
    ///
    /// # Errors
    /// It does not open.
    pub async fn gate_opens(&self, app: &str) -> Result<()> {
        self.gate_opens_within(wait::GENEROUS * 2, app).await
    }

    /// The same, with so much patience.
    ///
    /// # Errors
    /// It does not.
    pub async fn gate_opens_within(&self, patience: Duration, app: &str) -> Result<()> {
        wait::until(&format!("the gate of {}/{app} to open", self.name), patience, || async {
            let pods = self.pods(app).await?;
            let gate = pods.first().and_then(gate).context("no gate condition yet")?;
            ensure!(gate["status"] == "True", "{}", gate["message"]);
            Ok(())
        })
        .await
    }

    /// Waits until a pod's gate, closed, gives this reason with this text in its message.
    ///
    /// # Errors
    /// It does not come to that.
    pub async fn gate_waits(&self, app: &str, reason: &str, text: &str) -> Result<Value> {
        wait::until(
            &format!("gate of {}/{app} to say {reason} … {text}", self.name),
            wait::GENEROUS,
            || async {
                let pods = self.pods(app).await?;
                let pod = pods.first().context("no pod yet")?;
                let gate = gate(pod).context("no gate condition yet")?;
                let said = gate["message"].as_str().unwrap_or_default();
                ensure!(
                    gate["status"] == "False" && gate["reason"] == reason && said.contains(text),
                    "{} {}: {said}",
                    gate["status"],
                    gate["reason"]
                );
                Ok(gate.clone())
            },
        )
        .await
    }

    /// What an identity's Secret delivers: chain, key, CA.
    ///
    /// # Errors
    /// It is not there.
    pub async fn certificate(&self, identity: &str) -> Result<Delivered> {
        let kubectl = &self.ground.cluster().kubectl;
        let secret = kubectl.get(&["secret", "-n", &self.name, &format!("{identity}-tls")]).await?;
        let part = |key: &str| -> Result<String> {
            let text = secret["data"][key].as_str().with_context(|| format!("the Secret has no {key}"))?;
            Ok(String::from_utf8(base64(text)?)?)
        };
        Ok(Delivered { chain: part("tls.crt")?, key: part("tls.key")?, ca: part("ca.crt")? })
    }

    /// A file of the team's on the ground.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.ground.folder().join(format!("{}-{name}", self.name))
    }
}

/// A team that is done takes its objects along: a firewall that is gone would be missed for ever.
impl Drop for Team<'_> {
    fn drop(&mut self) {
        let kubectl = &self.ground.cluster().kubectl;
        let objects = ["firewall", "namespace", "identitypolicy"].map(|kind| format!("{kind}/{}", self.name));
        let deleted = std::process::Command::new(&kubectl.program)
            .args(kubectl.own())
            .args(["delete", "--wait=false", "--ignore-not-found"])
            .args(objects)
            .output();
        // Whoever drops a team has nothing left to tell it to.
        drop(deleted);
    }
}

/// What a Secret delivers, in PEM.
#[derive(Clone)]
pub struct Delivered {
    /// `tls.crt`.
    pub chain: String,
    /// `tls.key`.
    pub key: String,
    /// `ca.crt`.
    pub ca: String,
}

/// A pod's condition of a type.
#[must_use]
pub fn condition<'v>(object: &'v Value, kind: &str) -> Option<&'v Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// The condition of a pod's readiness gate.
#[must_use]
pub fn gate(pod: &Value) -> Option<&Value> {
    condition(pod, sallyport_contract::keys::GATE)
}

fn base64(text: &str) -> Result<Vec<u8>> {
    use base64::Engine as _;
    Ok(base64::engine::general_purpose::STANDARD.decode(text)?)
}
