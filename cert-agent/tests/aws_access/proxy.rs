//! A proxy as companies have one: it takes `CONNECT`, writes down whom people want, and leads all to one place.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

pub(crate) struct Proxy {
    pub(crate) url: String,
    wanted: Arc<Mutex<Vec<String>>>,
    _serving: JoinSet<()>,
}

impl Proxy {
    pub(crate) async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let wanted = Arc::<Mutex<Vec<String>>>::default();
        let book = Arc::clone(&wanted);
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut led = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                led.spawn(lead(stream, to, Arc::clone(&book)));
            }
        });
        Self { url, wanted, _serving: serving }
    }

    /// The hosts that were asked for, each once.
    pub(crate) fn hosts(&self) -> Vec<String> {
        let mut hosts = self.wanted.lock().unwrap().clone();
        hosts.sort();
        hosts.dedup();
        hosts
    }
}

async fn lead(stream: TcpStream, to: SocketAddr, book: Arc<Mutex<Vec<String>>>) -> Option<()> {
    let mut client = BufReader::new(stream);
    let mut first = String::new();
    client.read_line(&mut first).await.ok()?;
    let host = first.strip_prefix("CONNECT ")?.split(' ').next()?.strip_suffix(":443")?.to_owned();
    book.lock().unwrap().push(host);
    let mut line = String::new();
    while client.read_line(&mut line).await.ok()? > 2 {
        line.clear();
    }
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
    let mut far = TcpStream::connect(to).await.ok()?;
    copy_bidirectional(&mut client, &mut far).await.ok()?;
    Some(())
}
