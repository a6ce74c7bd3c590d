//! A preview as a list of checks, for a person of network security before the first write.

use std::fmt;

use sallyport_contract::{
    Reason,
    object::{ConditionStatus, DefaultDeny},
};

use crate::{
    elements::SNI_CONTEXT,
    firewall::{Lock, PatternVerdict},
    operation::Place,
    pending::Verdict,
    preview::{Company, Preview, Round, Waiting, tally::counted},
    rulebase::{self, Extent, What},
    shipping::Shipment,
};

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// As it should be.
    Good,
    /// It cannot be told.
    Unknown,
    /// Somebody should look; nothing waits for it.
    Look,
    /// Something would not be written, or would not count, because of it.
    Blocks,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// How it went.
    pub mark: Mark,
    /// What was looked at.
    pub topic: &'static str,
    /// What was found, the most important first.
    pub words: Vec<String>,
}

/// All checks of one firewall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    title: String,
    checks: Vec<Check>,
    outcome: String,
}

/// Most words of one kind that are told; the others are counted.
const MOST_TOLD: usize = 10;
/// Where the words begin.
const INDENT: usize = 14;

impl Report {
    /// Judges a preview.
    #[must_use]
    pub fn of(preview: &Preview) -> Self {
        let checks = vec![
            device(preview),
            engine(preview),
            attested(preview),
            anchor(preview),
            refused(
                preview,
                "bounds",
                &[Reason::OutsideFirewallBounds],
                "all that is asked for is within spec.bounds",
            ),
            capacity(preview),
            names(preview),
            shadows(&preview.rounds, preview.asked),
            default(preview),
            filters(&preview.rounds),
            overlaps(preview),
            marks(preview),
            others(&preview.company, preview),
            brakes(preview),
        ];
        let outcome = preview.tally().to_string();
        Self { title: format!("firewall {}, {}", preview.firewall, preview.site), checks, outcome }
    }

    /// Whether nothing stands in the way.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.checks.iter().all(|check| check.mark < Mark::Blocks)
    }

    /// The checks in their order.
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        for Check { mark, topic, words } in &self.checks {
            let sign = match mark {
                Mark::Good => "✓",
                Mark::Unknown => "?",
                Mark::Look => "!",
                Mark::Blocks => "✗",
            };
            let mut told = words.iter().take(MOST_TOLD).cloned().collect::<Vec<_>>();
            if words.len() > MOST_TOLD {
                told.push(format!("and {} more", words.len() - MOST_TOLD));
            }
            let width = INDENT - 4;
            writeln!(f, "  {sign} {topic:<width$}{}", told.join(&format!("\n{:INDENT$}", "")))?;
        }
        let in_the_way = self.checks.iter().filter(|check| check.mark == Mark::Blocks);
        let topics: Vec<&str> = in_the_way.map(|check| check.topic).collect();
        if topics.is_empty() {
            writeln!(f, "{}; nothing stands in the way", self.outcome)
        } else {
            writeln!(f, "{}; in the way: {}", self.outcome, topics.join(", "))
        }
    }
}

fn check(topic: &'static str, mark: Mark, words: Vec<String>) -> Check {
    Check { mark, topic, words }
}

/// A check that is as bad as the worst thing found, and good if nothing was.
fn worst(topic: &'static str, mut found: Vec<(Mark, String)>, otherwise: &str) -> Check {
    found.sort_by_key(|(mark, _)| std::cmp::Reverse(*mark));
    let mark = found.first().map_or(Mark::Good, |(mark, _)| *mark);
    let words: Vec<String> = found.into_iter().map(|(_, words)| words).collect();
    check(topic, mark, if words.is_empty() { vec![otherwise.to_owned()] } else { words })
}

fn told(one: &Waiting) -> String {
    format!(
        "{} ({}): {}; the next step is for {}",
        one.who,
        one.reason,
        one.words,
        one.reason.turn().as_str()
    )
}

fn refused(preview: &Preview, topic: &'static str, reasons: &[Reason], otherwise: &str) -> Check {
    let found = preview.waiting.iter().filter(|one| reasons.contains(&one.reason));
    worst(topic, found.map(|one| (Mark::Blocks, told(one))).collect(), otherwise)
}

fn device(preview: &Preview) -> Check {
    let facts = &preview.facts;
    let mut words = vec![format!(
        "{} {}, serial {}, at {}",
        facts.model,
        facts.version,
        facts.serial,
        preview.hosts.join(", ")
    )];
    words.extend(facts.active.as_ref().map(|host| format!("{host} is active")));
    let behind: Vec<&str> = preview
        .rounds
        .iter()
        .map(|round| round.device.trim_end_matches(": "))
        .filter(|d| !d.is_empty())
        .collect();
    if preview.groups > 0 {
        words.push(format!("{}: {}", counted(behind.len(), "firewall"), behind.join(", ")));
    }
    check("device", Mark::Good, words)
}

/// Which engine it is, and whether its content knows the context, no device tells in a documented form.
fn engine(preview: &Preview) -> Check {
    let context = format!(
        "whether its content knows the context {SNI_CONTEXT}, only a commit tells (show bad-custom-signature)"
    );
    let several = preview.engines.len() > 1;
    let found = preview.engines.iter().map(|(serial, verdict)| {
        let which = if several { format!("device {serial}: ") } else { String::new() };
        match verdict {
            PatternVerdict::Valid(words) => (Mark::Good, format!("{which}our pattern is taken: {words}")),
            PatternVerdict::Invalid(words) => (Mark::Blocks, format!("our pattern is refused: {words}")),
            PatternVerdict::Unknown(words) => {
                let words = format!("{which}the device does not test patterns ({words}), a commit will");
                (Mark::Unknown, words)
            }
        }
    });
    let mut found: Vec<(Mark, String)> = found.collect();
    if found.is_empty() {
        found.push((Mark::Unknown, "no name is asked for, so no pattern was tested".to_owned()));
    }
    let mut check = worst("engine", found, "");
    check.words.push(context);
    check
}

fn attested(preview: &Preview) -> Check {
    let (status, words) = &preview.attested;
    let mark = match status {
        ConditionStatus::True => Mark::Good,
        ConditionStatus::Unknown => Mark::Unknown,
        ConditionStatus::False => Mark::Look,
    };
    check("attested", mark, vec![words.clone()])
}

fn anchor(preview: &Preview) -> Check {
    let (mark, words) = match (&preview.anchor.place, preview.anchor.there) {
        (Place::Top, _) => (Mark::Good, "new rules go to the top".to_owned()),
        (Place::Bottom, _) => (Mark::Good, "new rules go to the bottom".to_owned()),
        (Place::Before(rule), true) => (Mark::Good, format!("rule {rule} is there; new rules go before it")),
        (Place::After(rule), true) => (Mark::Good, format!("rule {rule} is there; new rules go after it")),
        (Place::Before(rule) | Place::After(rule), false) => {
            let words = format!(
                "rule {rule} (Firewall.spec.rules) does not exist in {}, so no rule can be placed; make it, or change the anchor",
                preview.site
            );
            (Mark::Blocks, words)
        }
    };
    check("anchor", mark, vec![words])
}

fn capacity(preview: &Preview) -> Check {
    let full = preview.waiting.iter().filter(|one| one.reason == Reason::CapacityReached);
    let mut found: Vec<(Mark, String)> = full.map(|one| (Mark::Blocks, told(one))).collect();
    let mark = if preview.capacity.nearly_full { Mark::Look } else { Mark::Good };
    found.push((mark, preview.capacity.words.clone()));
    worst("capacity", found, "")
}

/// Every refusal that has no check of its own.
fn names(preview: &Preview) -> Check {
    const ELSEWHERE: &[Reason] = &[
        Reason::OutsideFirewallBounds,
        Reason::CapacityReached,
        Reason::ForeignSignatureOverlap,
        Reason::AnchorMissing,
        Reason::EngineTooOld,
    ];
    let found = preview.waiting.iter().filter(|one| !ELSEWHERE.contains(&one.reason));
    let found: Vec<(Mark, String)> = found.map(|one| (Mark::Blocks, told(one))).collect();
    worst("names", found, &format!("{} asked for", counted(preview.asked, "name")))
}

fn shadows(rounds: &[Round], asked: usize) -> Check {
    let mut found = Vec::new();
    for Round { device, findings } in rounds {
        for shadow in findings.shadows.iter().filter(|shadow| shadow.contrary) {
            let mark = match shadow.extent {
                Extent::Whole => Mark::Blocks,
                Extent::Part => Mark::Look,
                Extent::May => Mark::Unknown,
            };
            found.push((mark, format!("{device}{}", shadow.why)));
        }
    }
    if found.is_empty() && asked == 0 {
        let words = "no name is wanted, so there is no rule of ours to judge: try one by --name NAME=allow, with --firewall and --policy";
        found.push((Mark::Unknown, words.to_owned()));
    }
    worst("shadows", found, "no foreign rule decides before ours and otherwise")
}

fn default(preview: &Preview) -> Check {
    let open = match preview.default_deny {
        DefaultDeny::Require => Mark::Blocks,
        DefaultDeny::Warn => Mark::Look,
    };
    let mut found = Vec::new();
    for Round { device, findings } in &preview.rounds {
        match &findings.default_deny {
            rulebase::DefaultDeny::Proven => {}
            rulebase::DefaultDeny::Open { words, .. } => found.push((open, format!("{device}{words}"))),
            rulebase::DefaultDeny::Unknown { why } => {
                let mark = if open == Mark::Blocks { Mark::Blocks } else { Mark::Unknown };
                found.push((mark, format!("{device}{why}")));
            }
        }
        let answers = findings.answers.iter();
        found.extend(answers.map(|answer| (Mark::Good, format!("{device}{}", answer.words()))));
    }
    worst("default", found, "no firewall could be asked")
}

fn filters(rounds: &[Round]) -> Check {
    let mut found = Vec::new();
    for Round { device, findings } in rounds {
        for catch in &findings.filters {
            let denies = catch.rules.iter().any(|rule| rule.what == What::Deny);
            let mark = if catch.extent != Extent::May && denies { Mark::Look } else { Mark::Unknown };
            found.push((mark, format!("{device}{}", catch.why)));
        }
    }
    worst("filters", found, "no application filter in use takes our App-IDs in")
}

fn overlaps(preview: &Preview) -> Check {
    let otherwise = match preview.foreign_app_ids {
        0 => "no other custom App-ID looks at TLS".to_owned(),
        1 => "one other custom App-ID looks at TLS, and matches no name of ours".to_owned(),
        n => format!("{n} other custom App-IDs look at TLS, none matches a name of ours"),
    };
    refused(preview, "overlap", &[Reason::ForeignSignatureOverlap], &otherwise)
}

fn marks(preview: &Preview) -> Check {
    let copies = preview.copies.iter().map(|copy| {
        (
            Mark::Look,
            format!("{copy} carries our mark and is none of ours; it is left alone: remove it, or its mark"),
        )
    });
    worst("marks", copies.collect(), "nothing else carries our mark")
}

fn others(company: &Company, preview: &Preview) -> Check {
    let mut found = Vec::new();
    match &company.verdict {
        Verdict::Clear => {}
        Verdict::Others(words) | Verdict::Stranger(words) => found.push((Mark::Blocks, words.clone())),
    }
    let alone = if company.verdict == Verdict::Clear { "; our commit leaves it alone" } else { "" };
    let pending = company.pending.iter().filter(|change| change.owner != company.user);
    found.extend(pending.map(|change| {
        let words = format!(
            "{} changed {} ({}) and did not commit{alone}",
            change.owner, change.xpath, change.action
        );
        (Mark::Look, words)
    }));
    let locks = company.locks.iter().filter(|lock| lock.owner != company.user);
    found.extend(locks.map(|lock| (lock_mark(lock, preview), lock_words(lock))));
    match &company.shipment {
        None | Some(Shipment::Ours) => {}
        Some(Shipment::LookAgain(_)) => {
            let words = "whether Panorama holds back others' commits takes two looks, which policy-sync does before it pushes";
            found.push((Mark::Unknown, words.to_owned()));
        }
        Some(Shipment::Others(words)) => found.push((Mark::Blocks, words.clone())),
    }
    worst("others", found, "nobody else has uncommitted changes or locks")
}

/// A lock on another virtual system or device group is no hindrance.
fn lock_mark(lock: &Lock, preview: &Preview) -> Mark {
    let ours = preview.site.to_string();
    let here = lock.scope == "shared" || ours.ends_with(&format!(" {}", lock.scope));
    if here { Mark::Blocks } else { Mark::Look }
}

fn lock_words(lock: &Lock) -> String {
    format!("{lock}; it must be released before we can write and commit")
}

fn brakes(preview: &Preview) -> Check {
    let found = preview.brakes.iter().map(|(reason, words)| (Mark::Look, format!("{reason}: {words}")));
    worst("brakes", found.collect(), "nothing in the object holds writes back")
}
