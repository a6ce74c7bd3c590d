//! Somebody with the token of a service account, and with exactly its rights: a member of a team, or a thief.

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use kube::{Api, api::PostParams};
use serde_json::{Value, json};

use crate::{control_plane::ControlPlane, wait};

/// Somebody with a token.
pub struct Person {
    /// What the API server calls them.
    pub name: String,
    token: String,
    server: String,
    http: reqwest::Client,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// GET.
    Get,
    /// POST.
    Create,
    /// PUT.
    Replace,
    /// PATCH with a merge patch.
    Merge,
    /// PATCH with a strategic merge patch.
    Strategic,
    /// PATCH by server-side apply.
    Apply,
    /// DELETE.
    Delete,
}

/// The API server's answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub text: String,
}

impl Answer {
    /// Whether it was done.
    #[must_use]
    pub fn done(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// That it was refused, and that the words say so.
    ///
    /// # Errors
    /// It was done, or refused for another reason.
    pub fn refused(&self, words: &str) -> Result<()> {
        let forbidden = matches!(self.status, 403 | 422);
        ensure!(forbidden && self.text.contains(words), "{} {}", self.status, self.text);
        Ok(())
    }
}

impl Person {
    /// Whoever has the token of an account.
    ///
    /// # Errors
    /// There is no such account.
    pub async fn with_token_of(cluster: &ControlPlane, namespace: &str, account: &str) -> Result<Self> {
        let ca = reqwest::Certificate::from_pem(&STANDARD.decode(&cluster.ca_data)?)?;
        let http = reqwest::Client::builder().tls_certs_only([ca]).build()?;
        Ok(Self {
            name: format!("system:serviceaccount:{namespace}:{account}"),
            token: token(cluster, namespace, account).await?,
            server: cluster.server.clone(),
            http,
        })
    }

    /// A new member of a team: an account of its namespace, with a ClusterRole there.
    ///
    /// # Errors
    /// It was refused.
    pub async fn with_role(cluster: &ControlPlane, namespace: &str, role: &str) -> Result<Self> {
        let account = format!("person-{role}");
        let meta = json!({"name": account, "namespace": namespace});
        let subject = json!({"kind": "ServiceAccount", "name": account, "namespace": namespace});
        let reference = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role});
        for object in [
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta}),
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": meta, "roleRef": reference, "subjects": [subject]}),
        ] {
            cluster.kubectl.apply(&object.to_string()).await?;
        }
        let person = Self::with_token_of(cluster, namespace, &account).await?;
        // The authorizer learns of a binding by a watch.
        wait::until("the role to hold", wait::GENEROUS, || async {
            let answer = person.ask(Verb::Get, &format!("/api/v1/namespaces/{namespace}/pods"), None).await?;
            ensure!(answer.done(), "{answer:?}");
            Ok(())
        })
        .await?;
        Ok(person)
    }

    /// Asks the API server for something.
    ///
    /// # Errors
    /// It gave no answer.
    pub async fn ask(&self, verb: Verb, path: &str, body: Option<&Value>) -> Result<Answer> {
        let url = format!("{}{path}", self.server);
        let (request, kind) = match verb {
            Verb::Get => (self.http.get(url), "application/json"),
            Verb::Create => (self.http.post(url), "application/json"),
            Verb::Replace => (self.http.put(url), "application/json"),
            Verb::Merge => (self.http.patch(url), "application/merge-patch+json"),
            Verb::Strategic => (self.http.patch(url), "application/strategic-merge-patch+json"),
            Verb::Apply => (self.http.patch(url), "application/apply-patch+yaml"),
            Verb::Delete => (self.http.delete(url), "application/json"),
        };
        let mut request = request.bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.header("content-type", kind).body(body.to_string());
        }
        let answer = request.send().await.with_context(|| format!("{verb:?} {path}"))?;
        Ok(Answer { status: answer.status().as_u16(), text: answer.text().await? })
    }
}

/// A fresh token of an account.
pub(crate) async fn token(cluster: &ControlPlane, namespace: &str, account: &str) -> Result<String> {
    const A_DAY: i64 = 24 * 3600;
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.client.clone(), namespace);
    let spec = TokenRequestSpec { expiration_seconds: Some(A_DAY), ..TokenRequestSpec::default() };
    let request = TokenRequest { spec: Some(spec), ..TokenRequest::default() };
    let token = accounts.create_token_request(account, &PostParams::default(), &request).await?;
    token.status.and_then(|status| status.token).context("the API server gave no token")
}
