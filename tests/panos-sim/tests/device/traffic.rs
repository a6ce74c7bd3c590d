//! Sessions through the data plane: an upstream, real ClientHellos, and what comes back.

use panos_sim::{Flow, Running, SessionRecord};
use std::{
    io::ErrorKind,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};

/// What must come may take this long on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// An upstream that sends back what it gets.
pub(crate) async fn echo(tasks: &mut JoinSet<()>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tasks.spawn(async move {
        let mut sessions = JoinSet::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            sessions.spawn(async move {
                let (mut read, mut write) = stream.split();
                tokio::io::copy(&mut read, &mut write).await.ok();
            });
        }
    });
    address
}

/// A real ClientHello for a name.
pub(crate) fn client_hello(name: &str) -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let name = rustls_pki_types::ServerName::try_from(name.to_owned()).unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Echoed,
    Reset,
    Silence,
}

/// Says hello and looks what comes back. What should come is waited for; silence is listened to for a moment.
pub(crate) async fn say(running: &Running, listener: SocketAddr, bytes: &[u8]) -> End {
    let before = running.sessions().len();
    let mut stream = TcpStream::connect(listener).await.unwrap();
    stream.set_nodelay(true).unwrap();
    // In two segments, as large hellos come.
    let (first, second) = bytes.split_at(bytes.len() / 2);
    stream.write_all(first).await.unwrap();
    stream.flush().await.unwrap();
    stream.write_all(second).await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    while running.sessions().len() == before {
        assert!(Instant::now() < deadline, "no session was seen");
        sleep(Duration::from_millis(5)).await;
    }
    let silent = matches!(last(running).2.as_str(), "deny" | "drop" | "reset-server");
    let listen = if silent { Duration::from_millis(150) } else { PATIENCE };
    let mut back = vec![0; bytes.len()];
    match timeout(listen, stream.read_exact(&mut back)).await {
        Ok(Ok(_)) => {
            assert_eq!(back, bytes);
            End::Echoed
        }
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionReset => End::Reset,
        Ok(Err(error)) => panic!("unexpected end: {error}"),
        Err(_) => End::Silence,
    }
}

pub(crate) async fn flow(running: &Running, upstream: SocketAddr, more: &str) -> SocketAddr {
    let flow: Flow = format!("upstream={upstream},{more}").parse().unwrap();
    running.add_flow(flow).await.unwrap()
}

pub(crate) fn last(running: &Running) -> (String, String, String) {
    let SessionRecord { app, rule, action, .. } = running.sessions().pop().unwrap();
    (app, rule, action)
}

pub(crate) fn session(app: &str, rule: &str, action: &str) -> (String, String, String) {
    (app.to_owned(), rule.to_owned(), action.to_owned())
}
