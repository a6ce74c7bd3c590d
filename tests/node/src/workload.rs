//! What runs in the test's pods: servers that answer TLS with the certificate mounted into them, and a client.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use ground::{control_plane::ControlPlane, wait};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::settings::POD_IMAGE;

/// The pod template of a server with these annotations. Its readiness probe is a TLS call to it, patient enough that a
/// busy machine takes no server out of its Service.
#[must_use]
pub fn template(name: &str, annotations: &Value) -> Value {
    json!({
        "metadata": {"labels": {"app": name}, "annotations": annotations},
        "spec": {"terminationGracePeriodSeconds": 10, "containers": [{
            "name": "server", "image": POD_IMAGE, "args": ["serve"],
            "ports": [{"containerPort": 8443}],
            "readinessProbe": {"httpGet": {"scheme": "HTTPS", "path": "/", "port": 8443},
                "periodSeconds": 1, "timeoutSeconds": 10, "failureThreshold": 10}}]},
    })
}

/// A Deployment of servers.
#[must_use]
pub fn deployment(namespace: &str, name: &str, replicas: u32, annotations: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template(name, annotations)},
    })
}

/// The Service before the pods of an app.
#[must_use]
pub fn service(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"app": name}, "ports": [{"port": 443, "targetPort": 8443}]},
    })
}

/// Where a Service is.
///
/// # Errors
/// It has no address.
pub async fn address(cluster: &ControlPlane, namespace: &str, name: &str) -> Result<SocketAddr> {
    let service = cluster.kubectl.get(&["service", name, "-n", namespace]).await?;
    let ip = service["spec"]["clusterIP"].as_str().context("the Service has no address")?.parse()?;
    Ok(SocketAddr::new(ip, 443))
}

/// The addresses that a Service sends its callers to.
///
/// # Errors
/// The API server does not tell.
pub async fn endpoints(cluster: &ControlPlane, namespace: &str, name: &str) -> Result<Vec<String>> {
    let label = format!("kubernetes.io/service-name={name}");
    let slices = cluster.kubectl.get(&["endpointslices", "-n", namespace, "-l", &label]).await?;
    let slices = slices["items"].as_array().context("no list of slices")?;
    let all = slices.iter().filter_map(|slice| slice["endpoints"].as_array()).flatten();
    let ready = all.filter(|endpoint| endpoint["conditions"]["ready"] == true);
    let addresses = ready.filter_map(|endpoint| endpoint["addresses"][0].as_str());
    Ok(addresses.map(str::to_owned).collect())
}

/// A serial number as clients tell it: hex without colons or leading zeros.
#[must_use]
pub fn serial(of_leaf: &str) -> String {
    of_leaf.replace(':', "").trim_start_matches('0').to_lowercase()
}

/// What a client saw of one call.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Seen {
    /// Counts the calls in the order in which they began.
    pub number: usize,
    /// `verified`, `reset`, `closed`, `refused`, `silence` or `failed`.
    pub outcome: String,
    /// What the server answered, or the error.
    pub said: String,
    /// The served leaf's serial number in hex.
    #[serde(default)]
    pub serial: String,
}

/// Calls once from a pod, by namespace and name, of our image: says `name`, trusts `roots` alone.
///
/// # Errors
/// The pod itself cannot be asked.
pub async fn call_from(
    cluster: &ControlPlane,
    (namespace, pod): (&str, &str),
    address: SocketAddr,
    name: &str,
    roots: &str,
) -> Result<Seen> {
    let (address, name) = (format!("--address={address}"), format!("--name={name}"));
    let exec = ["exec", "-i", "-n", namespace, pod, "--"];
    let call = ["/pod", "call", "--ca=/dev/stdin", &address, &name, "--patience=5s"];
    let done = cluster.kubectl.attempt(&[exec, call].concat(), Some(roots)).await?;
    ensure!(done.ok, "the client failed: {}", done.stderr);
    serde_json::from_str(&done.stdout).context("the client says something else")
}

/// A pod that calls, in a namespace of its own that Sallyport knows nothing of.
pub struct Client<'a> {
    cluster: &'a ControlPlane,
    namespace: String,
}

impl<'a> Client<'a> {
    /// Starts it and waits until it runs.
    ///
    /// # Errors
    /// It was refused, or does not start.
    pub async fn start(cluster: &'a ControlPlane, namespace: &str) -> Result<Self> {
        let kubectl = &cluster.kubectl;
        kubectl.run(&["create", "namespace", namespace]).await?;
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "client", "namespace": namespace},
            "spec": {"terminationGracePeriodSeconds": 0, "automountServiceAccountToken": false,
                "containers": [{"name": "client", "image": POD_IMAGE, "args": ["pause"]}]}});
        // The service account controller needs a moment in a new namespace.
        wait::until("a client to be accepted", wait::GENEROUS, || kubectl.create(&pod)).await?;
        let args = ["wait", "--for=condition=Ready", "--timeout=60s", "pod", "client", "-n", namespace];
        kubectl.run(&args).await?;
        Ok(Self { cluster, namespace: namespace.to_owned() })
    }

    /// Calls once: says `name`, trusts `roots` alone.
    ///
    /// # Errors
    /// The client itself cannot be asked.
    pub async fn call(&self, address: SocketAddr, name: &str, roots: &str) -> Result<Seen> {
        call_from(self.cluster, (&self.namespace, "client"), address, name, roots).await
    }

    /// Calls until the call verifies.
    ///
    /// # Errors
    /// It does not.
    pub async fn reaches(&self, address: SocketAddr, name: &str, roots: &str) -> Result<Seen> {
        wait::until(&format!("{name} to answer at {address}"), wait::GENEROUS, || async {
            let seen = self.call(address, name, roots).await?;
            ensure!(seen.outcome == "verified", "{seen:?}");
            Ok(seen)
        })
        .await
    }

    /// Starts calling ten times a second, each time by a new connection, until the namespace goes.
    ///
    /// # Errors
    /// It does not start.
    pub async fn traffic(&self, address: SocketAddr, name: &str, roots: &str) -> Result<Traffic<'_>> {
        let kubectl = &self.cluster.kubectl;
        let args = [format!("--address={address}"), format!("--name={name}"), "--count=100000".to_owned()];
        let args: Vec<String> = ["call", "--ca=/roots/ca.crt", "--patience=30s"]
            .map(str::to_owned)
            .into_iter()
            .chain(args)
            .collect();
        let meta = json!({"name": "traffic", "namespace": self.namespace});
        let roots =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"ca.crt": roots}});
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": meta,
            "spec": {"terminationGracePeriodSeconds": 0, "automountServiceAccountToken": false,
                "volumes": [{"name": "roots", "configMap": {"name": "traffic"}}],
                "containers": [{"name": "client", "image": POD_IMAGE, "args": args,
                    "volumeMounts": [{"name": "roots", "mountPath": "/roots"}]}]}});
        kubectl.create(&roots).await?;
        kubectl.create(&pod).await?;
        Ok(Traffic { client: self })
    }
}

/// A pod that goes on calling.
pub struct Traffic<'a> {
    client: &'a Client<'a>,
}

impl Traffic<'_> {
    /// What it saw so far.
    ///
    /// # Errors
    /// Its log cannot be read.
    pub async fn seen(&self) -> Result<Vec<Seen>> {
        let log = self.client.cluster.kubectl.run(&["logs", "traffic", "-n", &self.client.namespace]).await?;
        log.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// Waits until the first so many calls have ended, each in its way; gives all that have.
    ///
    /// # Errors
    /// It does not call.
    pub async fn has_made(&self, count: usize) -> Result<Vec<Seen>> {
        wait::until(&format!("{count} calls"), wait::GENEROUS, || async {
            let seen = self.seen().await?;
            let first = seen.iter().filter(|seen| seen.number < count).count();
            ensure!(first == count, "{first} so far");
            Ok(seen)
        })
        .await
    }
}

impl Drop for Client<'_> {
    fn drop(&mut self) {
        let kubectl = &self.cluster.kubectl;
        let deleted = std::process::Command::new(&kubectl.program)
            .arg("--kubeconfig")
            .arg(&kubectl.kubeconfig)
            .args(["delete", "namespace", &self.namespace, "--wait=false", "--ignore-not-found"])
            .output();
        // Whoever drops a client has nothing left to tell it to.
        drop(deleted);
    }
}
