//! Carries sessions: reads the first bytes, asks the policy, then forwards, resets or keeps silent.
//!
//! What each action does to the client:
//! <https://docs.paloaltonetworks.com/ngfw/help/12-1/policies/policies-security/building-blocks-in-a-security-policy-rule>.
//! `deny` takes the application's own default action, which is to drop for `ssl` and for custom applications.

use super::{
    client_hello::{FirstBytes, MAX_HELLO, read},
    flow::Flow,
};
use crate::{
    device::Device,
    engine::Fields,
    policy::{Action, Endpoints, Verdict, judge_handshake, judge_identified},
    sessions::SessionRecord,
};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
    time::{sleep, timeout},
};

/// How long a client may take to say its ClientHello.
const HELLO_DEADLINE: Duration = Duration::from_secs(10);
/// How long the upstream may take to answer.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// How long a dropped session hangs: the client should give up first.
const SILENCE: Duration = Duration::from_secs(120);

/// Hands new listeners to the running data plane.
#[derive(Debug, Clone)]
pub(crate) struct Listeners(mpsc::Sender<(TcpListener, Flow)>);

impl Listeners {
    /// A handle, and what [`run`] takes from it.
    pub(crate) fn new() -> (Self, mpsc::Receiver<(TcpListener, Flow)>) {
        let (sender, receiver) = mpsc::channel(64);
        (Self(sender), receiver)
    }

    /// Binds a flow's listener and starts to serve it.
    pub(crate) async fn add(&self, flow: Flow) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(flow.listen).await?;
        let address = listener.local_addr()?;
        self.0.send((listener, flow)).await.map_err(|_| io::Error::other("the data plane has stopped"))?;
        Ok(address)
    }
}

/// Serves every listener that comes, until the future is dropped; sessions end with it.
pub(crate) async fn run(device: Arc<Device>, mut listeners: mpsc::Receiver<(TcpListener, Flow)>) {
    let mut serving = JoinSet::new();
    while let Some((listener, flow)) = listeners.recv().await {
        serving.spawn(serve(Arc::clone(&device), listener, flow));
    }
    while serving.join_next().await.is_some() {}
}

async fn serve(device: Arc<Device>, listener: TcpListener, flow: Flow) {
    let mut sessions = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                let (device, flow) = (Arc::clone(&device), flow.clone());
                sessions.spawn(async move {
                    if let Err(error) = session(&device, client, &flow).await {
                        tracing::debug!(%error, "session ended");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "session not accepted");
                sleep(Duration::from_millis(50)).await;
            }
        }
        while sessions.try_join_next().is_some() {}
    }
}

async fn session(device: &Device, mut client: TcpStream, flow: &Flow) -> io::Result<()> {
    if !device.ha.is_active() {
        return client.set_zero_linger(); // the traffic goes through the peer
    }
    let mut seen = Vec::new();
    let first = match timeout(HELLO_DEADLINE, first_bytes(&mut client, &mut seen)).await {
        Ok(first) => first?,
        Err(_) => FirstBytes::Other,
    };
    let (endpoints, enforced) = (flow.endpoints(), device.enforced());
    let (verdict, sni) = match first {
        FirstBytes::Hello { sni } => {
            let fields = Fields { sni: sni.as_deref(), client_hello: &seen };
            (judge_handshake(&enforced.policy, &enforced.apps, &device.quirks, &endpoints, fields), sni)
        }
        FirstBytes::Incomplete | FirstBytes::Other => {
            (judge_identified(&enforced.policy, &endpoints, "unknown-tcp"), None)
        }
    };
    let id = device.sessions.add(record(flow, &verdict, sni));
    if verdict.action != Action::Allow {
        device.sessions.update(id, |session| session.end = Some("policy".to_owned()));
        return refuse(client, None, verdict.action).await;
    }
    let upstream = match timeout(CONNECT_DEADLINE, TcpStream::connect(&flow.upstream)).await {
        Ok(Ok(upstream)) => upstream,
        Ok(Err(_)) | Err(_) => {
            device.sessions.update(id, |session| session.end = Some("upstream".to_owned()));
            return client.set_zero_linger();
        }
    };
    carry(device, id, (client, upstream), &seen, &endpoints, &verdict.app).await
}

/// Reads until it is clear what the session begins with.
async fn first_bytes(client: &mut TcpStream, seen: &mut Vec<u8>) -> io::Result<FirstBytes> {
    let mut buffer = [0; 4096];
    loop {
        let count = client.read(&mut buffer).await?;
        seen.extend_from_slice(buffer.get(..count).unwrap_or_default());
        let first = read(seen);
        if first != FirstBytes::Incomplete || count == 0 || seen.len() > MAX_HELLO {
            return Ok(first);
        }
    }
}

/// Forwards both ways; after each commit the session is looked up again with the App-ID that it has.
async fn carry(
    device: &Device,
    id: u64,
    (mut client, mut upstream): (TcpStream, TcpStream),
    seen: &[u8],
    endpoints: &Endpoints,
    app: &str,
) -> io::Result<()> {
    let mut enforced = device.watch_enforced();
    upstream.write_all(seen).await?;
    let ended = {
        let mut copy = std::pin::pin!(copy_bidirectional(&mut client, &mut upstream));
        loop {
            tokio::select! {
                done = &mut copy => break Ok(done),
                changed = enforced.changed() => {
                    if changed.is_err() {
                        break Ok(copy.await);
                    }
                    let policy = Arc::clone(&enforced.borrow_and_update());
                    let verdict = judge_identified(&policy.policy, endpoints, app);
                    if policy.rematch && verdict.action != Action::Allow {
                        break Err(verdict);
                    }
                }
            }
        }
    };
    match ended {
        Ok(done) => {
            device.sessions.update(id, |session| session.end = Some("closed".to_owned()));
            done.map(|_| ())
        }
        Err(verdict) => {
            device.sessions.update(id, |session| {
                session.end = Some("rematch".to_owned());
                session.rule.clone_from(&verdict.rule);
                verdict.action.as_str().clone_into(&mut session.action);
            });
            refuse(client, Some(upstream), verdict.action).await
        }
    }
}

/// Ends a session as its rule says. Closing with zero linger sends RST.
async fn refuse(mut client: TcpStream, upstream: Option<TcpStream>, action: Action) -> io::Result<()> {
    let (reset_client, reset_server) = match action {
        Action::ResetClient => (true, false),
        Action::ResetServer => (false, true),
        Action::ResetBoth => (true, true),
        Action::Deny | Action::Drop | Action::Allow => (false, false),
    };
    if let (Some(upstream), true) = (&upstream, reset_server) {
        upstream.set_zero_linger()?;
    }
    drop(upstream);
    if reset_client {
        return client.set_zero_linger();
    }
    // Silence. What the client sends is read away, or closing would send RST after all.
    let mut sink = [0; 4096];
    let silence = async {
        while client.read(&mut sink).await? > 0 {}
        Ok(())
    };
    timeout(SILENCE, silence).await.unwrap_or(Ok(()))
}

fn record(flow: &Flow, verdict: &Verdict, sni: Option<Vec<u8>>) -> SessionRecord {
    SessionRecord {
        id: 0,
        sni: sni.map(|name| String::from_utf8_lossy(&name).into_owned()),
        app: verdict.app.clone(),
        rule: verdict.rule.clone(),
        action: verdict.action.as_str().to_owned(),
        from_zone: flow.from_zone.clone(),
        to_zone: flow.to_zone.clone(),
        source: flow.source.to_string(),
        destination: flow.destination.to_string(),
        port: flow.port,
        end: None,
    }
}
