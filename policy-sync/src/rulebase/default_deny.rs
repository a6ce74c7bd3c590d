//! What happens to traffic beside our App-IDs: an allow rule means something only where the default denies.

use std::{collections::BTreeMap, fmt};

use super::{
    application::Subject,
    book::{Book, texts},
    extent::Extent,
    layers::Layer,
    ours::What,
    rule::{Fit, Rule},
};

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

const QUESTIONS: [Question; 4] =
    [Question::OtherName, Question::NoName, Question::OtherTcp, Question::Udp443];

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
    const fn weight(&self) -> u8 {
        match self {
            Self::Denied { .. } => 0,
            Self::Depends { .. } => 1,
            Self::Allowed { extent: Extent::May | Extent::Part, .. } => 2,
            Self::Allowed { extent: Extent::Whole, .. } => 3,
        }
    }
}

/// The answers for every pair of zones that our rules are about, the worst where they are about it twice.
pub(super) fn answers(book: &Book<'_>) -> Vec<Answer> {
    let mut worst: BTreeMap<(Pair, Question), Verdict> = BTreeMap::new();
    for (reach, ground, _) in &book.grounds {
        for (from, to) in
            texts(&reach.from).iter().flat_map(|from| texts(&reach.to).into_iter().map(move |to| (*from, to)))
        {
            let near: Vec<_> = book
                .rules
                .iter()
                .filter(|rule| rule.ours.is_none())
                .filter_map(|rule| Some((rule, rule.fit(&[from], &[to], ground)?)))
                .collect();
            for question in QUESTIONS {
                let Some(verdict) = verdict(question, &near, book, ground.ports) else { continue };
                let pair = Pair { from: from.to_owned(), to: to.to_owned() };
                match worst.get(&(pair.clone(), question)) {
                    Some(other) if other.weight() >= verdict.weight() => {}
                    Some(_) | None => {
                        worst.insert((pair, question), verdict);
                    }
                }
            }
        }
    }
    worst.into_iter().map(|((pair, question), verdict)| Answer { pair, question, verdict }).collect()
}

type Near<'b, 'a> = (&'b Rule<'a>, Fit);

fn verdict(
    question: Question,
    near: &[Near<'_, '_>],
    book: &Book<'_>,
    ports: &std::collections::BTreeSet<u16>,
) -> Option<Verdict> {
    match question {
        Question::OtherName => lookup(near, Subject::Ssl, ports),
        Question::NoName => without_sni(near, book, ports),
        Question::OtherTcp => lookup(near, Subject::OtherTcp, ports),
        Question::Udp443 => lookup(near, Subject::Udp, &std::collections::BTreeSet::from([443])),
    }
}

/// A session without an SNI is `ssl`, or what somebody made an App-ID of: then one more lookup follows, and
/// what that says counts too.
fn without_sni(
    near: &[Near<'_, '_>],
    book: &Book<'_>,
    ports: &std::collections::BTreeSet<u16>,
) -> Option<Verdict> {
    let as_ssl = lookup(near, Subject::Ssl, ports)?;
    let mut others = book.without_sni.iter().filter_map(|app| lookup(near, Subject::Custom(app), ports));
    let differs = others.find(|other| (other.weight() == 0) != (as_ssl.weight() == 0));
    Some(match differs {
        Some(Verdict::Denied { by } | Verdict::Allowed { by, .. } | Verdict::Depends { on: by }) => {
            Verdict::Depends { on: by }
        }
        None => as_ssl,
    })
}

/// Top-down, the first rule that takes a session decides. Our rules take none of these; that they let a
/// handshake begin changes nothing in the end, when the session is looked up without them.
fn lookup(
    near: &[Near<'_, '_>],
    subject: Subject<'_>,
    ports: &std::collections::BTreeSet<u16>,
) -> Option<Verdict> {
    let (mut some_denied, mut doubt) = (false, None);
    for (rule, fit) in near {
        let Some(extent) = rule.takes(*fit, subject, ports).map(|met| met.extent()) else { continue };
        let by = Decider { rule: rule.name.to_owned(), layer: rule.layer.clone() };
        match (rule.what, extent) {
            (What::Deny, Extent::Whole) => {
                return Some(doubt.map_or(Verdict::Denied { by }, |on| Verdict::Depends { on }));
            }
            (What::Deny, Extent::Part | Extent::May) => some_denied = true,
            (What::Allow, Extent::Whole) if !some_denied => return Some(Verdict::Allowed { by, extent }),
            (What::Allow, Extent::Whole) => {
                return Some(Verdict::Allowed { by, extent: Extent::Part });
            }
            (What::Allow, Extent::Part) if !some_denied => return Some(Verdict::Allowed { by, extent }),
            (What::Allow, Extent::Part | Extent::May) => {
                doubt.get_or_insert(by);
            }
        }
    }
    doubt.map(|on| Verdict::Depends { on })
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
