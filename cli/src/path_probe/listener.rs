//! Answers other probes: whoever says a whole TLS record is told, in one alert, that it arrived.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};

/// A fatal TLS alert, `unrecognized_name`: <https://www.rfc-editor.org/rfc/rfc8446#section-6>. No session goes further.
pub(super) const ANSWER: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];
/// Sessions at once; who comes later waits.
const MOST: usize = 64;
/// How long one session may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// After a session could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);
/// Bytes before the body of a record, of which the last two are its length.
const HEADER: usize = 5;

/// Answers until it is dropped.
pub(super) async fn serve(listener: TcpListener) {
    let room = Arc::new(Semaphore::new(MOST));
    let mut sessions = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                sessions.spawn(async move {
                    // What a stranger does with the session is his affair.
                    drop(timeout(DEADLINE, answer(stream)).await);
                    drop(place);
                });
            }
            Err(_) => sleep(PAUSE).await,
        }
        while sessions.try_join_next().is_some() {}
    }
}

/// Reads all that was said before it answers: closing with something unread would look like a reset.
async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut header = [0; HEADER];
    stream.read_exact(&mut header).await?;
    let length = u64::from(u16::from_be_bytes([header[3], header[4]]));
    let mut body = stream.take(length);
    if tokio::io::copy(&mut body, &mut tokio::io::sink()).await? < length {
        return Ok(());
    }
    let mut stream = body.into_inner();
    stream.write_all(&ANSWER).await?;
    stream.shutdown().await?;
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.map(|_| ())
}
