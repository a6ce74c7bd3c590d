//! Who owns the work: one set of named tasks. The first unexpected end stops the program with its reason.

use std::{collections::HashMap, future::Future, time::Duration};

use tokio::task::{Id, JoinError, JoinSet};

use crate::shutdown::{Signals, Stop};

/// How one task ended.
pub type TaskResult = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Why the program ended other than by a signal.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// A task failed.
    #[error("task {name} failed")]
    Failed {
        /// Which one.
        name: &'static str,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A task ended although nobody asked it to.
    #[error("task {name} ended although nobody asked it to")]
    Ended {
        /// Which one.
        name: &'static str,
    },
    /// A task panicked.
    #[error("task {name} broke off")]
    Broken {
        /// Which one.
        name: &'static str,
        /// The panic.
        source: JoinError,
    },
    /// Tasks did not stop in time, or a second signal came.
    #[error("stopped before these tasks had finished: {0}")]
    Aborted(String),
}

/// The tasks of a program.
pub struct Tasks {
    set: JoinSet<TaskResult>,
    names: HashMap<Id, &'static str>,
    stop: Stop,
}

impl Tasks {
    /// No tasks yet; all of them are to end when `stop` is asked.
    #[must_use]
    pub fn new(stop: Stop) -> Self {
        Self { set: JoinSet::new(), names: HashMap::new(), stop }
    }

    /// Starts a task. It must end soon after the stop is asked, and not before.
    pub fn start(&mut self, name: &'static str, work: impl Future<Output = TaskResult> + Send + 'static) {
        let id = self.set.spawn(work).id();
        self.names.insert(id, name);
    }

    /// Runs until a signal, a stop or an unexpected end; then gives the tasks `grace` to finish.
    ///
    /// # Errors
    /// The first task that ended by itself, failed or broke off, or tasks that did not finish.
    pub async fn run(mut self, mut signals: Signals, grace: Duration) -> Result<(), TaskError> {
        let first = tokio::select! {
            () = signals.next() => Ok(()),
            () = self.stop.wait() => Ok(()),
            ended = self.set.join_next_with_id() => self.unexpected(ended),
        };
        self.stop.now();
        let finished = tokio::select! {
            result = self.drain() => result,
            () = signals.next() => Err(self.unfinished()),
            () = tokio::time::sleep(grace) => Err(self.unfinished()),
        };
        self.set.abort_all();
        first.and(finished)
    }

    /// A task ended before anybody asked it to, which is an error even if it ended well.
    fn unexpected(&mut self, ended: Option<Result<(Id, TaskResult), JoinError>>) -> Result<(), TaskError> {
        let Some(ended) = ended else { return Ok(()) };
        match self.outcome(ended) {
            (name, Ok(())) => Err(TaskError::Ended { name }),
            (_, Err(error)) => Err(error),
        }
    }

    async fn drain(&mut self) -> Result<(), TaskError> {
        let mut first = Ok(());
        while let Some(ended) = self.set.join_next_with_id().await {
            first = first.and(self.outcome(ended).1);
        }
        first
    }

    /// Which task ended, and how.
    fn outcome(
        &mut self,
        ended: Result<(Id, TaskResult), JoinError>,
    ) -> (&'static str, Result<(), TaskError>) {
        match ended {
            Ok((id, result)) => {
                let name = self.forget(id);
                (name, result.map_err(|source| TaskError::Failed { name, source }))
            }
            Err(source) => {
                let name = self.forget(source.id());
                (name, Err(TaskError::Broken { name, source }))
            }
        }
    }

    fn forget(&mut self, id: Id) -> &'static str {
        self.names.remove(&id).unwrap_or("unknown")
    }

    fn unfinished(&self) -> TaskError {
        let mut names: Vec<&str> = self.names.values().copied().collect();
        names.sort_unstable();
        TaskError::Aborted(names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn an_unexpected_end_stops_the_program_and_is_named() {
        let stop = Stop::new();
        let mut tasks = Tasks::new(stop.clone());
        let waiting = stop.clone();
        tasks.start("patient", async move {
            waiting.wait().await;
            Ok(())
        });
        tasks.start("hasty", async { Ok(()) });
        let error = tasks.run(Signals::install().unwrap(), GRACE).await.unwrap_err();
        assert_eq!(error.to_string(), "task hasty ended although nobody asked it to");
        assert!(stop.asked());
    }

    #[tokio::test]
    async fn a_stop_drains() {
        let stop = Stop::new();
        let mut tasks = Tasks::new(stop.clone());
        let waiting = stop.clone();
        tasks.start("patient", async move {
            waiting.wait().await;
            Ok(())
        });
        stop.now();
        assert!(tasks.run(Signals::install().unwrap(), GRACE).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_finish_is_named() {
        let stop = Stop::new();
        let mut tasks = Tasks::new(stop.clone());
        tasks.start("deaf", std::future::pending());
        stop.now();
        let error = tasks.run(Signals::install().unwrap(), GRACE).await.unwrap_err();
        assert_eq!(error.to_string(), "stopped before these tasks had finished: deaf");
    }
}
