//! One check, and how all of them are told.

use sallyport_contract::refusal::quoted;

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Good,
    Unknown,
    Bad,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    mark: Mark,
    topic: String,
    words: String,
}

impl Finding {
    /// It is as it should be.
    pub(super) fn good(topic: &str, words: impl Into<String>) -> Self {
        Self { mark: Mark::Good, topic: topic.to_owned(), words: words.into() }
    }

    /// It cannot be told.
    pub(super) fn unknown(topic: &str, words: impl Into<String>) -> Self {
        Self { mark: Mark::Unknown, topic: topic.to_owned(), words: words.into() }
    }

    /// It is in the way. The words end with what to do.
    pub(super) fn bad(topic: &str, words: impl Into<String>) -> Self {
        Self { mark: Mark::Bad, topic: topic.to_owned(), words: words.into() }
    }

    /// Whether it is not in the way.
    pub(super) const fn is_clear(&self) -> bool {
        !matches!(self.mark, Mark::Bad)
    }
}

/// Room for the topics.
const WIDTH: usize = 14;

/// One line for each, what far sides said without control characters.
pub(super) fn told(findings: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { mark, topic, words } in findings {
        let sign = match mark {
            Mark::Good => "✓",
            Mark::Unknown => "?",
            Mark::Bad => "✗",
        };
        let words: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        text.push_str(&format!("{sign} {topic:<WIDTH$} {words}\n"));
    }
    let bad: Vec<&str> =
        findings.iter().filter(|finding| !finding.is_clear()).map(|finding| finding.topic.as_str()).collect();
    text.push_str(&match bad.as_slice() {
        [] => "nothing is in the way\n".to_owned(),
        bad => format!("in the way: {}\n", bad.join(", ")),
    });
    text
}

/// What a far side said, for one line.
pub(super) fn said(words: &str) -> String {
    quoted(words)
}
