//! How a program reaches the API server: the pod's own account, or a kubeconfig where there is one.

use std::time::Duration;

use kube::{Client, Config, config::InferConfigError};

/// A request that takes longer is given up; watches are not requests in this sense.
const REQUEST_DEADLINE: Duration = Duration::from_secs(30);
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

/// Deadlines that fit the wait for an answer.
fn with_deadlines(mut config: Config) -> Config {
    config.connect_timeout = Some(CONNECT_DEADLINE);
    config.read_timeout = Some(WATCH_DEADLINE);
    config.write_timeout = Some(REQUEST_DEADLINE);
    config
}

/// Connects by `KUBECONFIG`, or as the pod's service account.
///
/// # Errors
/// Nothing says where the API server is, or what does cannot be used. The server itself is not asked.
pub async fn connect() -> Result<Client, ConnectError> {
    let config = Config::infer().await.map_err(ConnectError::Infer)?;
    Client::try_from(with_deadlines(config)).map_err(ConnectError::Client)
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
