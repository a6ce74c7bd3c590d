//! The Service before the webhook's replicas: what kubelet and kube-proxy do together. A replica gets new connections while
//! its readiness probe succeeds; connections that stand stay where they are.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// How often a replica is probed, and how long it has for the answer.
const PROBE: Duration = Duration::from_secs(1);

/// One replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replica {
    /// Where it serves.
    pub serves: SocketAddr,
    /// Where it is probed.
    pub health: SocketAddr,
}

impl Replica {
    /// Whether its readiness probe succeeds.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn is_ready(&self) -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(self.health).await?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        Ok(text.starts_with("HTTP/1.1 200"))
    }
}

/// A Service that runs. It ends with this.
pub struct Balancer {
    /// Its address.
    pub address: SocketAddr,
    endpoints: Arc<Endpoints>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct Endpoints {
    replicas: Mutex<Vec<(Replica, bool)>>,
    turn: AtomicUsize,
}

impl Balancer {
    /// A Service without endpoints.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let endpoints = Arc::new(Endpoints::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, Arc::clone(&endpoints)));
        tasks.spawn(probe(Arc::clone(&endpoints)));
        Ok(Self { address, endpoints, _tasks: tasks })
    }

    /// Adds a replica, which takes part once it is ready.
    pub fn add(&self, replica: Replica) {
        self.endpoints.lock().push((replica, false));
    }

    /// How many replicas get connections.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.endpoints.ready().len()
    }
}

impl Endpoints {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Replica, bool)>> {
        self.replicas.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ready(&self) -> Vec<SocketAddr> {
        self.lock().iter().filter(|(_, ready)| *ready).map(|(replica, _)| replica.serves).collect()
    }

    fn next(&self) -> Option<SocketAddr> {
        let ready = self.ready();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        ready.get(turn.checked_rem(ready.len())?).copied()
    }
}

async fn serve(listener: TcpListener, endpoints: Arc<Endpoints>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                let (Ok((mut near, _)), Some(far)) = (accepted, endpoints.next()) else { continue };
                connections.spawn(async move {
                    // Whoever cannot be reached is not asked twice: the caller's connection just ends.
                    if let Ok(mut far) = TcpStream::connect(far).await {
                        drop(copy_bidirectional(&mut near, &mut far).await);
                    }
                });
            }
        }
    }
}

async fn probe(endpoints: Arc<Endpoints>) {
    loop {
        let replicas: Vec<Replica> = endpoints.lock().iter().map(|(replica, _)| *replica).collect();
        for replica in replicas {
            let answered = tokio::time::timeout(PROBE, replica.is_ready()).await;
            let ready = matches!(answered, Ok(Ok(true)));
            if let Some(known) = endpoints.lock().iter_mut().find(|(known, _)| *known == replica) {
                known.1 = ready;
            }
        }
        tokio::time::sleep(PROBE).await;
    }
}
