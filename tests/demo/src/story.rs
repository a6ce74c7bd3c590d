//! How the demo speaks: numbered steps with their time, what each showed, and the count at the end.

use std::{io::Write as _, process::ExitCode, time::Instant};

use anyhow::Result;

/// Prints one line.
pub(crate) fn line(text: &str) {
    let mut out = std::io::stdout();
    // A closed pipe ends the story for the reader, not for us.
    drop(writeln!(out, "{text}").and_then(|()| out.flush()));
}

/// The steps told so far.
pub(crate) struct Story {
    begun: Instant,
    total: usize,
    proven: usize,
}

impl Story {
    /// A story of so many steps.
    pub(crate) fn begin(total: usize) -> Self {
        Self { begun: Instant::now(), total, proven: 0 }
    }

    /// Says something between the steps.
    pub(crate) fn say(&self, text: &str) {
        line(text);
    }

    /// Tells one step: what it does, then what it showed, or why it failed.
    pub(crate) async fn step<T>(
        &mut self,
        title: &str,
        work: impl Future<Output = Result<(T, String)>>,
    ) -> Result<T> {
        let number = self.proven + 1;
        line(&format!("[{number:2}/{}] {title}", self.total));
        let start = Instant::now();
        match work.await {
            Ok((value, shown)) => {
                for text in shown.lines() {
                    line(&format!("        {text}"));
                }
                line(&format!("        ✓ {:.1} s\n", start.elapsed().as_secs_f64()));
                self.proven = number;
                Ok(value)
            }
            Err(error) => {
                line(&format!("        ✗ {:.1} s: {error:#}\n", start.elapsed().as_secs_f64()));
                Err(error)
            }
        }
    }

    /// The last line, and the exit code.
    pub(crate) fn end(&self, result: Result<()>) -> ExitCode {
        if let Err(error) = &result {
            line(&format!("the journey ended early: {error:#}"));
        }
        line(&format!("total: {:.1} s", self.begun.elapsed().as_secs_f64()));
        line(&format!("journey: {} of {} steps proven", self.proven, self.total));
        if result.is_ok() && self.proven == self.total { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
