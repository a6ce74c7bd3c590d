//! How a program reaches the API server: the pod's own account, or a kubeconfig where there is one.

use std::time::Duration;

use kube::{Client, Config, client::ClientBuilder, config::InferConfigError};
use tower::{
    BoxError,
    timeout::{TimeoutLayer, error::Elapsed},
    util::MapErrLayer,
};

use crate::lease::Fence;

/// An answer that does not begin by then is not waited for. That of a watch begins at once.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);
const WRITE_DEADLINE: Duration = Duration::from_secs(30);
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// A watch without a sign of life for longer is taken for dead. kube-runtime asks for 290 s at most.
const WATCH_DEADLINE: Duration = Duration::from_secs(295);

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Neither a pod's account nor a kubeconfig.
    #[error("no way to the API server: neither KUBECONFIG nor a pod's service account can be read")]
    Infer(#[source] InferConfigError),
    /// The configuration cannot be used.
    #[error("the API server's address or certificate cannot be used")]
    Client(#[source] kube::Error),
}

/// Deadlines for everything, and no repetitions inside the client: whoever asks knows when to ask again, and
/// has to tell meanwhile what the API server said.
fn with_deadlines(mut config: Config) -> Config {
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT_DEADLINE);
    config.read_timeout = Some(WATCH_DEADLINE);
    config.write_timeout = Some(WRITE_DEADLINE);
    config
}

/// The API server gave no answer in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no answer within {} s", ANSWER_DEADLINE.as_secs())]
pub struct Late;

/// Waits for a whole answer, its body included; the client itself only waits for the beginning.
///
/// # Errors
/// It has not come after ten seconds.
pub async fn in_time<T>(call: impl Future<Output = T>) -> Result<T, Late> {
    tokio::time::timeout(ANSWER_DEADLINE, call).await.map_err(|_| Late)
}

/// Whether the API server serves a kind of object now, by its plural.
///
/// # Errors
/// It did not say.
pub async fn serves(client: &Client, group_version: &str, plural: &str) -> Result<bool, kube::Error> {
    match client.list_api_group_resources(group_version).await {
        Ok(list) => Ok(list.resources.iter().any(|resource| resource.name == plural)),
        Err(error) if is_not_found(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Connects by `KUBECONFIG`, or as the pod's service account.
///
/// # Errors
/// Nothing says where the API server is, or what does cannot be used. The server itself is not asked.
pub async fn connect() -> Result<Client, ConnectError> {
    client(None).await
}

/// The same for a program of which one replica leads: nothing is written unless this one does.
///
/// # Errors
/// As [`connect`].
pub async fn connect_behind(fence: Fence) -> Result<Client, ConnectError> {
    client(Some(fence)).await
}

async fn client(fence: Option<Fence>) -> Result<Client, ConnectError> {
    let config = with_deadlines(Config::infer().await.map_err(ConnectError::Infer)?);
    let builder = ClientBuilder::try_from(config).map_err(ConnectError::Client)?;
    let timely = builder
        .with_layer(&TimeoutLayer::new(ANSWER_DEADLINE))
        .with_layer(&MapErrLayer::new(in_words as fn(BoxError) -> BoxError));
    Ok(match fence {
        Some(fence) => timely.with_layer(&fence).build(),
        None => timely.build(),
    })
}

fn in_words(error: BoxError) -> BoxError {
    if error.is::<Elapsed>() { Late.into() } else { error }
}

/// Whether the API server said that the object is not there.
#[must_use]
pub fn is_not_found(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

/// Whether the API server said that somebody else was faster: a conflict, or an object that exists.
#[must_use]
pub fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}
