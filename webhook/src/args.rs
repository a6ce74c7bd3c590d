//! The flags of `sallyport webhook`.

use std::{net::SocketAddr, path::PathBuf};

use sallyport_contract::{duration::Duration, keys};
use sallyport_process::args::ProcessArgs;

/// Flags of `sallyport webhook`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Flags that every program has.
    #[command(flatten)]
    pub process: ProcessArgs,
    /// Where reviews are answered over TLS; port 0 takes a free one.
    #[arg(long, env = "SALLYPORT_WEBHOOK_LISTEN", default_value = "0.0.0.0:8443")]
    pub listen: SocketAddr,
    /// The namespace of the Secret `sallyport-webhook-tls` with the serving certificate.
    #[arg(long, hide = true, env = "SALLYPORT_NAMESPACE", default_value = keys::SYSTEM_NAMESPACE)]
    pub namespace: String,
    /// How long new connections are still taken after the signal to stop: until every API server has heard
    /// that this pod is leaving. A connection that is refused is a pod that is refused.
    #[arg(long, env = "SALLYPORT_WEBHOOK_DRAIN_DELAY", default_value = "5s")]
    pub drain_delay: Duration,
    /// A file to write `{"listen": "…", "health": "…"}` into once both addresses are bound.
    #[arg(long)]
    pub ready_file: Option<PathBuf>,
}
