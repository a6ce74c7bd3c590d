//! A kubelet that asks for a pod's own certificate: with the certificate of the pod's node, as a kubelet does
//! (<https://github.com/kubernetes/kubernetes/blob/v1.37.0/pkg/kubelet/podcertificate/podcertificatemanager.go>).
//! The stand-in for the kubelet does not mount such volumes, so a test asks in its place.

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{CertificateParams, DistinguishedName, KeyPair, PublicKeyData as _};
use serde_json::{Value, json};

use crate::{control_plane::ControlPlane, kubectl::Kubectl, wait};

/// A request that a kubelet is about to make, and the key that it made for it.
pub struct Asking {
    /// The request.
    pub object: Value,
    /// The key, PEM: it never leaves the node.
    pub key: String,
    /// Its public half (SubjectPublicKeyInfo, DER).
    pub public_key: Vec<u8>,
}

impl Asking {
    /// What the kubelet of a pod asks, once the pod has a node.
    ///
    /// # Errors
    /// It gets none.
    pub async fn of(cluster: &ControlPlane, namespace: &str, pod: &str) -> Result<Self> {
        let kubectl = &cluster.kubectl;
        let pod = wait::until(&format!("a node for {namespace}/{pod}"), wait::GENEROUS, || async {
            let pod = kubectl.get(&["pod", pod, "-n", namespace]).await?;
            ensure!(pod["spec"]["nodeName"].is_string(), "none yet");
            Ok(pod)
        })
        .await?;
        let text = |value: &Value| value.as_str().map(str::to_owned).context("the pod is not whole");
        let (node, account) = (text(&pod["spec"]["nodeName"])?, text(&pod["spec"]["serviceAccountName"])?);
        let node_uid = kubectl.get(&["node", &node]).await?["metadata"]["uid"].clone();
        let account_uid =
            kubectl.get(&["serviceaccount", &account, "-n", namespace]).await?["metadata"]["uid"].clone();
        let volumes = pod["spec"]["volumes"].as_array().context("no volumes")?;
        let sources = volumes.iter().filter_map(|volume| volume["projected"]["sources"].as_array()).flatten();
        let projection = sources.map(|source| &source["podCertificate"]).find(|one| one.is_object());
        let projection = projection.context("the pod has no podCertificate volume")?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let mut spec = json!({
            "signerName": projection["signerName"], "podName": pod["metadata"]["name"], "podUID": pod["metadata"]["uid"],
            "serviceAccountName": account, "serviceAccountUID": account_uid, "nodeName": node, "nodeUID": node_uid,
            "maxExpirationSeconds": projection["maxExpirationSeconds"],
            "stubPKCS10Request": STANDARD.encode(params.serialize_request(&key)?.der())});
        if let Some(words) = projection["userAnnotations"].as_object() {
            spec["unverifiedUserAnnotations"] = json!(words);
        }
        let owner = json!({"apiVersion": "v1", "kind": "Pod", "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]});
        let object = json!({"apiVersion": "certificates.k8s.io/v1", "kind": "PodCertificateRequest",
            "metadata": {"generateName": "req-", "namespace": namespace, "ownerReferences": [owner]}, "spec": spec});
        Ok(Self { object, key: key.serialize_pem(), public_key: key.subject_public_key_info() })
    }

    /// Asks with the node's own certificate; gives the request's name.
    ///
    /// # Errors
    /// The API server refused it.
    pub async fn ask(&self, cluster: &ControlPlane) -> Result<String> {
        let node = self.object["spec"]["nodeName"].as_str().context("no node")?;
        self.ask_as(cluster, node).await
    }

    /// Asks with the certificate of any node.
    ///
    /// # Errors
    /// The API server refused it.
    pub async fn ask_as(&self, cluster: &ControlPlane, node: &str) -> Result<String> {
        let kubectl = Kubectl {
            program: cluster.kubectl.program.clone(),
            kubeconfig: cluster.folder.join("kubeconfigs").join(node),
        };
        // Node admission learns of a pod by a watch, as every kubelet knows.
        let made = wait::until("the request to be taken", std::time::Duration::from_secs(5), || async {
            kubectl
                .attempt(&["create", "-f", "-", "-o", "name"], Some(&self.object.to_string()))
                .await
                .and_then(|done| {
                    ensure!(done.ok || !done.stderr.contains("while retrieving pod"), "{}", done.stderr);
                    Ok(done)
                })
        })
        .await?;
        ensure!(made.ok, "{}", made.stderr);
        Ok(made.stdout.trim().rsplit('/').next().unwrap_or_default().to_owned())
    }
}
