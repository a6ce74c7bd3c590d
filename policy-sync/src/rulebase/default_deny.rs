//! What happens to traffic beside our App-IDs: an allow rule means something only where the default denies.

use std::fmt;

use super::{extent::Extent, layers::Layer};

/// A kind of traffic to the destinations of our rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// TLS for an SNI that no App-ID knows, on our ports.
    OtherName,
    /// TLS without an SNI, on our ports.
    NoName,
    /// TCP that no App-ID knows, on our ports.
    OtherTcp,
    /// UDP 443: QUIC, or whatever else.
    Udp443,
}

/// From which zone to which.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    /// The source zone.
    pub from: String,
    /// The destination zone.
    pub to: String,
}

/// The rule that decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decider {
    /// Its name.
    pub rule: String,
    /// Where it stands.
    pub layer: Layer,
}

/// What the rules say to one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every such session is denied, in the end by this rule.
    Denied {
        /// The rule.
        by: Decider,
    },
    /// Such sessions are allowed.
    Allowed {
        /// By this rule.
        by: Decider,
        /// All of them, or some.
        extent: Extent,
    },
    /// They are denied, unless this rule allows them, and what that depends on, only the firewall knows.
    Depends {
        /// The rule.
        on: Decider,
    },
}

/// One question and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// For sessions between these zones.
    pub pair: Pair,
    /// Of this kind.
    pub question: Question,
    /// So the rules say.
    pub verdict: Verdict,
}

/// Whether the default is to deny, for everything that our rules are about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DefaultDeny {
    /// It is, for every pair and every question.
    Proven,
    /// Something is allowed.
    Open {
        /// By this rule.
        rule: String,
        /// Which stands there.
        layer: Layer,
        /// Between these zones.
        pair: Pair,
        /// This kind of traffic.
        question: Question,
        /// The same for a person, with what to do.
        words: String,
    },
    /// It cannot be told.
    Unknown {
        /// Why not.
        why: String,
    },
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherName => "TLS for another SNI",
            Self::NoName => "TLS without an SNI",
            Self::OtherTcp => "other TCP",
            Self::Udp443 => "UDP 443",
        })
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "zone {} to zone {}", self.from, self.to)
    }
}

impl Verdict {
    /// An open door counts more than one that may be open, and that more than a closed one.
    pub(super) const fn weight(&self) -> u8 {
        match self {
            Self::Denied { .. } => 0,
            Self::Depends { .. } => 1,
            Self::Allowed { extent: Extent::May | Extent::Part, .. } => 2,
            Self::Allowed { extent: Extent::Whole, .. } => 3,
        }
    }
}

/// What the answers come to.
pub(super) fn summary(answers: &[Answer]) -> DefaultDeny {
    let open = answers.iter().filter(|answer| answer.verdict.weight() >= 2);
    let unsure = answers.iter().filter(|answer| answer.verdict.weight() == 1);
    match open.max_by_key(|answer| (answer.verdict.weight(), std::cmp::Reverse(answer.question))) {
        Some(Answer { pair, question, verdict: Verdict::Allowed { by, extent } }) => DefaultDeny::Open {
            rule: by.rule.clone(),
            layer: by.layer.clone(),
            pair: pair.clone(),
            question: *question,
            words: open_words(pair, *question, by, *extent),
        },
        Some(_) | None => match unsure.min_by_key(|answer| answer.question) {
            Some(Answer { pair, question, verdict: Verdict::Depends { on } }) => DefaultDeny::Unknown {
                why: format!(
                    "whether {question} from {pair} to our destinations passes depends on rule {} ({}), and what that rule takes only the firewall can tell; deny such traffic by a rule above it, or narrow it",
                    on.rule, on.layer
                ),
            },
            Some(_) | None if answers.is_empty() => DefaultDeny::Unknown {
                why: "there is no rule of ours yet, and no bounds to ask about".to_owned(),
            },
            Some(_) | None => DefaultDeny::Proven,
        },
    }
}

impl Answer {
    /// The answer for a person.
    #[must_use]
    pub fn words(&self) -> String {
        let Self { pair, question, verdict } = self;
        let says = match verdict {
            Verdict::Denied { by } => format!("is denied by rule {} ({})", by.rule, by.layer),
            Verdict::Allowed { by, extent: Extent::Whole } => {
                format!("is allowed by rule {} ({})", by.rule, by.layer)
            }
            Verdict::Allowed { by, extent: Extent::Part | Extent::May } => {
                format!("is allowed in part by rule {} ({})", by.rule, by.layer)
            }
            Verdict::Depends { on } => {
                format!(
                    "is denied unless rule {} ({}) allows it, which only the firewall can tell",
                    on.rule, on.layer
                )
            }
        };
        let begins = match question {
            Question::OtherName | Question::NoName => {
                "; where an allow rule of ours lets the handshake begin, this rule decides once the session has turned out to be none of ours"
            }
            Question::OtherTcp | Question::Udp443 => "",
        };
        format!("{question} from {pair} {says}{begins}")
    }
}

fn open_words(pair: &Pair, question: Question, by: &Decider, extent: Extent) -> String {
    let how_much = if extent == Extent::Whole { "" } else { "some " };
    let what_to_do = match by.layer {
        Layer::Default => "override it to deny, or put a rule that denies such traffic below ours",
        Layer::SharedPre | Layer::GroupPre(_) | Layer::Local | Layer::GroupPost(_) | Layer::SharedPost => {
            "narrow that rule, or deny such traffic by a rule above it and below ours"
        }
    };
    format!(
        "rule {} ({}) allows {how_much}{question} from {pair} to our destinations, so our allow rules keep nothing out; {what_to_do}",
        by.rule, by.layer
    )
}
