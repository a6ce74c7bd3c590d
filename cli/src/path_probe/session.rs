//! One session to another probe: a ClientHello under a name, and what becomes of it.

use std::{io::ErrorKind, net::SocketAddr, sync::Arc, time::Duration};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore,
    crypto::aws_lc_rs::{default_provider, kx_group::X25519},
    pki_types::ServerName,
};
use sallyport_contract::object::PathOutcome;
use sallyport_process::report::chain;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::listener::ANSWER;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A real ClientHello under this name, small enough for one packet. Nothing is verified, for no session goes on.
///
/// # Errors
/// No client says such a name.
pub(super) fn hello(name: &str) -> Result<Vec<u8>, String> {
    let told = |error: &dyn std::error::Error| format!("no ClientHello under {name:?}: {}", chain(error));
    let mut provider = default_provider();
    // The larger key shares make a ClientHello of two packets.
    provider.kx_groups = vec![X25519];
    let config =
        ClientConfig::builder_with_provider(Arc::new(provider)).with_safe_default_protocol_versions();
    let config = config.map_err(|error| told(&error))?;
    let config = config.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    let server = ServerName::try_from(name.to_owned()).map_err(|error| told(&error))?;
    let mut client = ClientConnection::new(Arc::new(config), server).map_err(|error| told(&error))?;
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).map_err(|error| told(&error))?;
    Ok(bytes)
}

/// What becomes of one session.
pub(super) async fn session(peer: SocketAddr, hello: &[u8]) -> PathOutcome {
    let Ok(Ok(mut stream)) = timeout(CONNECT, TcpStream::connect(peer)).await else {
        return PathOutcome::NoConnection;
    };
    // A reset before the name was said has nothing to do with it.
    if stream.write_all(hello).await.is_err() {
        return PathOutcome::Strange;
    }
    let mut answer = [0; ANSWER.len()];
    match timeout(PATIENCE, stream.read_exact(&mut answer)).await {
        Err(_) => PathOutcome::Silent,
        Ok(Ok(_)) if answer == ANSWER => PathOutcome::Answered,
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionReset => PathOutcome::Reset,
        Ok(Ok(_) | Err(_)) => PathOutcome::Strange,
    }
}
