//! How a program ends: the first signal drains, the second aborts.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// SIGTERM and SIGINT.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes the two signals over from the operating system.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn install() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next of either.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Tells everybody when to stop. Clones are one: [`Stop::now`] on any stops all.
#[derive(Clone, Default)]
pub struct Stop(CancellationToken);

impl Stop {
    /// A stop that nobody has asked for.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks everybody to stop.
    pub fn now(&self) {
        self.0.cancel();
    }

    /// Whether somebody asked.
    #[must_use]
    pub fn asked(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until somebody asks.
    pub async fn wait(&self) {
        self.0.cancelled().await;
    }
}
