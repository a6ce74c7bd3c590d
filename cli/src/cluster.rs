//! The way to the cluster: one client, calls with a deadline, and words for what goes wrong.

use std::{fmt::Debug, io::Write as _};

use kube::{Api, Client, Resource, api::ListParams, core::NamespaceResourceScope};
use sallyport_process::{
    guarded::Guarded,
    kubernetes::{connect, in_time},
    report::chain,
};
use serde::de::DeserializeOwned;

/// The cluster of the kubeconfig, or of the pod.
pub(crate) async fn client() -> Result<Client, String> {
    connect().await.map_err(|error| {
        format!("{}; set KUBECONFIG, or run it in a pod with a service account", chain(&error))
    })
}

/// All of a kind.
pub(crate) async fn list<K>(client: &Client) -> Result<Vec<K>, String>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    readable(Api::all(client.clone())).await
}

/// All of a kind in a namespace.
pub(crate) async fn list_in<K>(client: &Client, namespace: &str) -> Result<Vec<K>, String>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    readable(Api::namespaced(client.clone(), namespace)).await
}

/// One list. An object that cannot be read is told and left out, as policy-sync does.
async fn readable<K>(api: Api<Guarded<K>>) -> Result<Vec<K>, String>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let kind = K::kind(&());
    let found = timely(&format!("list {kind}"), async { api.list(&ListParams::default()).await }).await?;
    let readable = found.items.into_iter().filter_map(|guard| match guard.0 {
        Ok(object) => Some(object),
        Err(invalid) => {
            let name = invalid.metadata.name.unwrap_or_default();
            // Who closed standard error does not want to hear it.
            drop(writeln!(
                std::io::stderr(),
                "sallyport: {kind} {name} cannot be read and is left out: {}",
                invalid.error
            ));
            None
        }
    });
    Ok(readable.collect())
}

/// A call with a deadline; `what` is what it was to do.
pub(crate) async fn timely<T>(
    what: &str,
    call: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, String> {
    match in_time(call).await {
        Ok(answer) => answer.map_err(|error| refused(what, &error)),
        Err(late) => {
            Err(format!("cannot {what}: {late}; is the API server of your KUBECONFIG the right one?"))
        }
    }
}

/// Why a call was refused, and what to do.
pub(crate) fn refused(what: &str, error: &kube::Error) -> String {
    let code = if let kube::Error::Api(status) = error { status.code } else { 0 };
    let what_to_do = match code {
        403 => "; ask the platform team for this right, or for somebody who has it",
        404 => "; is Sallyport installed in this cluster?",
        _ => "",
    };
    let why = if let kube::Error::Api(status) = error
        && !status.message.is_empty()
    {
        status.message.clone()
    } else {
        chain(error)
    };
    format!("cannot {what}: {why}{what_to_do}")
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn a_refused_right_is_one_sentence_with_the_api_servers_words() {
        let status = Status::failure("secrets \"fw\" is forbidden", "Forbidden").with_code(403);
        let told = refused("read Secret fw", &kube::Error::Api(Box::new(status)));
        let expected = "cannot read Secret fw: secrets \"fw\" is forbidden; ask the platform team for this right, or for somebody who has it";
        assert_eq!(told, expected);
    }
}
