//! `sallyport hold`: waits until a file holds a value. It is what the init container of a held pod runs.
//!
//! The file shows an annotation of the pod by the downward API, so there is nothing to ask and nobody to be asked.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use sallyport_contract::{duration::Duration as Length, keys};
use sallyport_process::{report::chain, shutdown::Signals};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::people;

/// Runs in pods that are held back: wait until the pod's gate opens, which a file shows.
///
/// Exit codes: 0 it is open, 1 told to stop or the deadline is over, 2 it cannot wait.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The file that shows the pod's annotation `sallyport.dev/proven`; empty or absent until it is there.
    #[arg(long)]
    file: PathBuf,
    /// How long to wait, like 30m; for ever if absent.
    #[arg(long)]
    deadline: Option<Length>,
}

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often it is told that there is nothing yet.
const TELL: Duration = Duration::from_secs(3600);
/// The most of the file that is read: a reason and a time are far less.
const MOST: u64 = 256;

/// How the waiting ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// The gate is open, for this reason.
    Open(String),
    /// The deadline is over.
    Late,
    /// Somebody told us to stop.
    Stopped,
}

/// Waits.
pub(crate) fn run(args: &Args) -> ExitCode {
    people::run(answer(args))
}

async fn answer(args: &Args) -> Result<ExitCode, String> {
    let mut signals = Signals::install().map_err(|error| chain(&error))?;
    let end = wait(&args.file, args.deadline.map(Length::as_std), signals.next(), tell).await;
    let (words, code) = match end {
        End::Open(why) => (format!("the gate is open: {why}"), ExitCode::SUCCESS),
        End::Late => ("the deadline is over; nothing was started".to_owned(), ExitCode::FAILURE),
        End::Stopped => ("told to stop; nothing was started".to_owned(), ExitCode::FAILURE),
    };
    tell(&words);
    Ok(code)
}

/// For `kubectl logs`. Who closed standard error does not want to hear it.
fn tell(words: &str) {
    drop(writeln!(io::stderr(), "sallyport hold: {words}"));
}

async fn wait(
    file: &Path,
    deadline: Option<Duration>,
    stop: impl Future<Output = ()>,
    mut tell: impl FnMut(&str),
) -> End {
    let late = async {
        match deadline {
            Some(deadline) => sleep(deadline).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(stop, late);
    let (began, mut looks) = (Instant::now(), interval(LOOK));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told: Option<Instant> = None;
    loop {
        tokio::select! {
            biased;
            () = &mut stop => return End::Stopped,
            _ = looks.tick() => {}
            () = &mut late => return End::Late,
        }
        let seen = value(file);
        if let Ok(Some(why)) = seen {
            return End::Open(why);
        }
        if told.is_none_or(|told| told.elapsed() >= TELL) {
            told = Some(Instant::now());
            tell(&waits(file, began.elapsed(), seen.err().as_ref()));
        }
    }
}

/// What the file holds; nothing while there is none.
fn value(file: &Path) -> io::Result<Option<String>> {
    let mut text = Vec::new();
    match File::open(file) {
        Ok(file) => file.take(MOST).read_to_end(&mut text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    Ok(Some(text).filter(|text| !text.is_empty()))
}

fn waits(file: &Path, since: Duration, trouble: Option<&io::Error>) -> String {
    let hours = since.as_secs() / 3600;
    let trouble =
        trouble.map(|error| format!("; {} cannot be read: {error}", file.display())).unwrap_or_default();
    format!(
        "waits, {hours} h so far, for the pod's gate {} to open; until then its other containers do not start, as the \
         spec.hold of its IdentityPolicy says; see what is missing: sallyport explain pod/NAME, or the condition in \
         kubectl describe pod{trouble}",
        keys::GATE
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    async fn never(file: &Path, deadline: Option<Duration>) -> (End, Vec<String>) {
        let mut told = Vec::new();
        let end = wait(file, deadline, std::future::pending(), |words| told.push(words.to_owned())).await;
        (end, told)
    }

    #[tokio::test(start_paused = true)]
    async fn law_2_it_waits_for_a_value_and_tells_so_every_hour() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("proven");
        for content in [None, Some(""), Some(" \n")] {
            if let Some(content) = content {
                fs::write(&file, content).unwrap();
            }
            let (end, told) = never(&file, Some(DAY - LOOK)).await;
            assert_eq!((end, told.len()), (End::Late, 24), "{content:?}: {told:?}");
            assert!(told[0].starts_with("waits, 0 h so far") && told[23].starts_with("waits, 23 h so far"));
            assert!(told.iter().all(|words| words.contains("sallyport explain pod/NAME")), "{told:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn law_2_it_ends_with_what_the_file_says() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("proven");
        fs::write(&file, "Enforced 2026-11-22T07:00:00Z\n").unwrap();
        let open = End::Open("Enforced 2026-11-22T07:00:00Z".to_owned());
        assert_eq!(never(&file, None).await, (open, Vec::new()));
        fs::write(&file, "x".repeat(1_000_000)).unwrap();
        let (end, _) = never(&file, None).await;
        assert_eq!(end, End::Open("x".repeat(256)), "no file takes more memory than there is");
    }

    /// The kubelet shows a new value by renaming a folder behind a link, so the file is there and whole, or not.
    #[tokio::test(start_paused = true)]
    async fn law_2_a_value_that_comes_later_is_seen_within_a_second() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("proven");
        fs::write(&file, "").unwrap();
        let began = Instant::now();
        let comes = async {
            sleep(Duration::from_millis(59_500)).await;
            fs::write(&file, "BreakGlass 2026-11-22T07:00:00Z").unwrap();
        };
        let ((end, told), ()) = tokio::join!(never(&file, Some(DAY)), comes);
        assert_eq!(end, End::Open("BreakGlass 2026-11-22T07:00:00Z".to_owned()));
        assert_eq!((told.len(), began.elapsed().as_secs()), (1, 60));
    }

    #[tokio::test(start_paused = true)]
    async fn it_stops_at_once_when_told_to() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("proven");
        fs::write(&file, "Enforced").unwrap();
        let end = wait(&file, None, std::future::ready(()), |_| {}).await;
        assert_eq!(end, End::Stopped, "whatever else is there");
    }

    #[tokio::test(start_paused = true)]
    async fn law_12_a_file_that_cannot_be_read_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let (end, told) = never(folder.path(), Some(LOOK)).await;
        assert_eq!(end, End::Late);
        assert!(told[0].contains("cannot be read: "), "{told:?}");
    }
}
