//! The API server, as the webhook sees it: read only.

mod cluster;
mod fresh;
mod kept;
mod mirror;
mod serving_secret;

pub use cluster::Cluster;
pub use serving_secret::ServingSecret;
