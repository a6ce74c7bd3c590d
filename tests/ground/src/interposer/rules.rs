//! Which call is struck, how, and how often; and the sequence of calls.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result};
use tokio::sync::watch;

use super::call::Call;

/// What happens to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is held before it goes on, and never answered.
    HoldBefore,
    /// It takes effect; the answer is held, and never given.
    HoldAfter,
    /// It is answered with this instead of going on.
    Refuse(Refusal),
    /// It takes effect, and the connection ends without an answer.
    Cut,
    /// The connection ends without an answer, and nothing took effect.
    CutBefore,
    /// It goes on after this long.
    Slow(Duration),
}

/// An answer that the far side never gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP's status.
    pub status: u16,
    /// HTTP's content type.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

/// How often a rule strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// So many calls.
    Number(u32),
    /// Until it is taken away.
    Forever,
}

/// Which call is struck, how, and how often.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The call's name.
    pub call: String,
    /// Text that occurs in the call's path or body, so that others' calls are left alone.
    pub about: String,
    /// The first one to be struck, counted from 1.
    pub nth: u32,
    /// How often from there on.
    pub times: Times,
    /// What happens.
    pub action: Action,
}

impl Rule {
    /// The first call of this name about this text, once.
    #[must_use]
    pub fn first(call: &str, about: &str, action: Action) -> Self {
        Self { call: call.to_owned(), about: about.to_owned(), nth: 1, times: Times::Number(1), action }
    }

    /// Every call of this name about this text.
    #[must_use]
    pub fn every(call: &str, about: &str, action: Action) -> Self {
        Self { times: Times::Forever, ..Self::first(call, about, action) }
    }

    fn meets(&self, call: &Call) -> bool {
        self.call == call.name && call.subject.contains(&self.about)
    }

    fn strikes(&self, seen: u32) -> bool {
        let struck_before = seen.checked_sub(self.nth);
        match (struck_before, self.times) {
            (None, _) => false,
            (Some(before), Times::Number(times)) => before < times,
            (Some(_), Times::Forever) => true,
        }
    }
}

/// A rule in force; dropping it takes the rule away and cuts what it holds.
#[must_use = "a rule holds only as long as this"]
pub struct Armed {
    id: u64,
    book: Arc<Book>,
    struck: watch::Receiver<u32>,
}

impl Armed {
    /// Waits until the rule has struck, and in the case of a held call until it is held.
    ///
    /// # Errors
    /// It has not after `patience`: the call never came.
    pub async fn struck(&mut self, patience: Duration) -> Result<()> {
        let waiting = tokio::time::timeout(patience, self.struck.wait_for(|struck| *struck > 0));
        let struck = waiting.await.with_context(|| {
            format!("the call never came in {} s: {}", patience.as_secs(), self.book.describe(self.id))
        })?;
        struck.context("the interposer has gone")?;
        Ok(())
    }

    /// How often it has struck.
    #[must_use]
    pub fn count(&self) -> u32 {
        *self.struck.borrow()
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        self.book.lock().entries.retain(|entry| entry.id != self.id);
    }
}

/// A rule that strikes a call.
pub(super) struct Strike {
    pub(super) action: Action,
    struck: watch::Sender<u32>,
}

impl Strike {
    /// Tells whoever waits that it is done.
    pub(super) fn tell(&self) {
        self.struck.send_modify(|count| *count += 1);
    }

    /// Waits until the rule is taken away.
    pub(super) async fn released(&self) {
        self.struck.closed().await;
    }
}

struct Entry {
    id: u64,
    rule: Rule,
    seen: u32,
    struck: watch::Sender<u32>,
}

#[derive(Default)]
struct Pages {
    calls: Vec<Call>,
    entries: Vec<Entry>,
    next: u64,
}

/// The rules in force and the calls that came.
#[derive(Default)]
pub(super) struct Book(Mutex<Pages>);

impl Book {
    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn arm(self: &Arc<Self>, rule: Rule) -> Armed {
        let (sender, receiver) = watch::channel(0);
        let mut pages = self.lock();
        pages.next += 1;
        let id = pages.next;
        pages.entries.push(Entry { id, rule, seen: 0, struck: sender });
        drop(pages);
        Armed { id, book: Arc::clone(self), struck: receiver }
    }

    pub(super) fn calls(&self, about: &str) -> Vec<Call> {
        self.lock().calls.iter().filter(|call| call.subject.contains(about)).cloned().collect()
    }

    /// Notes a call; tells what strikes it. The oldest rule wins.
    pub(super) fn note(&self, call: Call) -> Option<Strike> {
        let mut pages = self.lock();
        let mut strike = None;
        for entry in pages.entries.iter_mut().filter(|entry| entry.rule.meets(&call)) {
            entry.seen += 1;
            if strike.is_none() && entry.rule.strikes(entry.seen) {
                strike = Some(Strike { action: entry.rule.action.clone(), struck: entry.struck.clone() });
            }
        }
        pages.calls.push(call);
        strike
    }

    /// A rule, and the names of the calls that it might have meant.
    fn describe(&self, id: u64) -> String {
        let pages = self.lock();
        let Some(entry) = pages.entries.iter().find(|entry| entry.id == id) else { return String::new() };
        let about = |call: &&Call| call.subject.contains(&entry.rule.about);
        let came: Vec<&str> = pages.calls.iter().filter(about).map(|call| call.name.as_str()).collect();
        format!("{:?}; of that subject came: {}", entry.rule, came.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str, subject: &str) -> Call {
        Call { name: name.to_owned(), subject: subject.to_owned() }
    }

    #[test]
    fn a_rule_strikes_from_the_nth_call_of_its_subject_as_often_as_it_says() {
        let book = Arc::new(Book::default());
        let rule = Rule { nth: 2, times: Times::Number(2), ..Rule::first("commit", "shop", Action::Cut) };
        let armed = book.arm(rule);
        let struck: Vec<bool> = ["shop", "web", "shop", "shop", "shop"]
            .map(|subject| book.note(call("commit", subject)).is_some())
            .to_vec();
        assert_eq!(struck, [false, false, true, true, false]);
        assert!(book.note(call("config show", "shop")).is_none());
        assert_eq!(book.calls("shop").len(), 5);
        assert_eq!(armed.count(), 0, "it tells when it is done, not when it is decided");
    }

    #[tokio::test]
    async fn a_rule_that_is_taken_away_strikes_no_more_and_lets_go_what_it_holds() {
        let book = Arc::new(Book::default());
        let mut armed = book.arm(Rule::every("commit", "", Action::HoldBefore));
        let strike = book.note(call("commit", "")).unwrap();
        strike.tell();
        armed.struck(Duration::from_secs(5)).await.unwrap();
        assert_eq!(armed.count(), 1);
        drop(armed);
        tokio::time::timeout(Duration::from_secs(5), strike.released()).await.unwrap();
        assert!(book.note(call("commit", "")).is_none());
    }

    #[tokio::test]
    async fn a_call_that_never_comes_is_an_error_that_names_those_that_came() {
        let book = Arc::new(Book::default());
        let mut armed = book.arm(Rule::first("commit", "shop", Action::HoldBefore));
        book.note(call("config get", "shop"));
        let error = armed.struck(Duration::from_millis(10)).await.unwrap_err().to_string();
        assert!(error.contains("commit") && error.contains("came: config get"), "{error}");
    }
}
