//! No SNI may match two App-IDs: whether a pattern of somebody else's App-ID matches a name of ours.
//!
//! A session gets one App-ID, and which of two that match is the engine's choice. So a doubt counts as yes:
//! foreign patterns are taken as case-insensitive (the vendor leaves it to the decoder) and unanchored
//! unless anchored, conditions that are joined by "and" each count alone, and a pattern that we cannot
//! decide overlaps with everything.

mod grammar;

use std::collections::{BTreeMap, BTreeSet};

use grammar::translate;
use regex_automata::{
    Anchored,
    dfa::{Automaton as _, StartKind, dense},
    nfa::thompson,
    util::{primitives::StateID, start, syntax},
};
use sallyport_contract::{DnsName, refusal::quoted};

use crate::{elements::SNI_CONTEXT, xml::Element};

/// Most bytes that one foreign pattern may take as a table.
const TABLE_LIMIT: usize = 4 << 20;

/// One foreign App-ID with its patterns on the SNI.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ForeignSignature {
    /// The App-ID.
    pub app: String,
    /// Its description's first line, which may tell who owns it.
    pub description: String,
    /// The patterns.
    pub patterns: BTreeSet<String>,
}

/// The App-IDs among `entries` that have a pattern on the SNI and are not `ours`.
pub fn foreign_signatures<'a>(
    entries: impl Iterator<Item = &'a Element>,
    ours: impl Fn(&Element) -> bool,
) -> Vec<ForeignSignature> {
    entries
        .filter(|entry| !ours(entry))
        .filter_map(|entry| {
            let patterns: BTreeSet<String> = entry
                .walk()
                .filter(|element| element.text_of("context") == Some(SNI_CONTEXT))
                .filter_map(|element| element.text_of("pattern").map(ToOwned::to_owned))
                .collect();
            let line = entry.text_of("description").unwrap_or_default().lines().next().unwrap_or_default();
            (!patterns.is_empty()).then(|| ForeignSignature {
                app: entry.entry_name().to_owned(),
                description: line.to_owned(),
                patterns,
            })
        })
        .collect()
}

/// Answers for one device, and remembers the tables of its foreign patterns.
#[derive(Default)]
pub struct Overlaps {
    tables: BTreeMap<String, Table>,
}

/// A foreign pattern as a table, or that there is none.
enum Table {
    Decided(Box<dense::DFA<Vec<u32>>>, StateID),
    Undecidable,
}

impl Overlaps {
    /// Forgets patterns that no foreign App-ID has any more.
    pub fn keep_only(&mut self, foreign: &[ForeignSignature]) {
        self.tables.retain(|pattern, _| foreign.iter().any(|app| app.patterns.contains(pattern)));
    }

    /// The words for the first foreign App-ID that may match an SNI of `name`; `None` if none does.
    pub fn with(&mut self, name: &DnsName, app: &str, foreign: &[ForeignSignature]) -> Option<String> {
        for other in foreign {
            for pattern in &other.patterns {
                let table = self.tables.entry(pattern.clone()).or_insert_with(|| Table::of(pattern));
                let how = match table {
                    Table::Decided(dfa, start) if matches(dfa, *start, name) => "matches",
                    Table::Decided(..) => continue,
                    Table::Undecidable => "cannot be shown not to match",
                };
                return Some(format!(
                    "App-ID {} ({}) has the pattern {} on {SNI_CONTEXT}, which {how} {name} of our {app}; narrow or remove it",
                    other.app,
                    quoted(&other.description),
                    quoted(pattern),
                ));
            }
        }
        None
    }
}

impl Table {
    fn of(pattern: &str) -> Self {
        let Some(translated) = translate(pattern) else { return Self::Undecidable };
        let built = dense::Builder::new()
            .configure(
                dense::Config::new()
                    .start_kind(StartKind::Unanchored)
                    .dfa_size_limit(Some(TABLE_LIMIT))
                    .determinize_size_limit(Some(TABLE_LIMIT)),
            )
            .syntax(syntax::Config::new().unicode(false).utf8(false).case_insensitive(true).nest_limit(64))
            .thompson(thompson::Config::new().utf8(false).nfa_size_limit(Some(TABLE_LIMIT)))
            .build(&translated);
        let start =
            |dfa: &dense::DFA<Vec<u32>>| dfa.start_state(&start::Config::new().anchored(Anchored::No)).ok();
        match built.ok().and_then(|dfa| Some((start(&dfa)?, dfa))) {
            Some((start, dfa)) => Self::Decided(Box::new(dfa), start),
            None => Self::Undecidable,
        }
    }
}

/// Whether the table matches some SNI of the name: the name itself, with a trailing dot, and for a
/// wildcard any one label in front.
fn matches(dfa: &dense::DFA<Vec<u32>>, start: StateID, name: &DnsName) -> bool {
    let (mut states, rest) = match name.as_str().strip_prefix('*') {
        Some(rest) => match any_label(dfa, start) {
            Some(states) => (states, rest),
            None => return true,
        },
        None => (BTreeSet::from([start]), name.as_str()),
    };
    for byte in rest.bytes() {
        match step(dfa, &states, byte) {
            Some(next) => states = next,
            None => return true,
        }
    }
    let ends = |states: &BTreeSet<StateID>| {
        states.iter().any(|state| dfa.is_match_state(dfa.next_eoi_state(*state)))
    };
    ends(&states) || step(dfa, &states, b'.').is_none_or(|dotted| ends(&dotted))
}

/// The states after one byte; `None` once something matched, or the table cannot tell.
fn step(dfa: &dense::DFA<Vec<u32>>, states: &BTreeSet<StateID>, byte: u8) -> Option<BTreeSet<StateID>> {
    let mut next = BTreeSet::new();
    for state in states {
        let state = dfa.next_state(*state, byte);
        if dfa.is_match_state(state) || dfa.is_quit_state(state) {
            return None;
        }
        if !dfa.is_dead_state(state) {
            next.insert(state);
        }
    }
    Some(next)
}

/// The states after any label of at least one byte; `None` once something matched.
fn any_label(dfa: &dense::DFA<Vec<u32>>, start: StateID) -> Option<BTreeSet<StateID>> {
    let mut reached = BTreeSet::new();
    let mut open = BTreeSet::from([start]);
    while !open.is_empty() {
        let mut next = BTreeSet::new();
        for byte in (0..=u8::MAX).filter(|byte| *byte != b'.') {
            next.extend(step(dfa, &open, byte)?);
        }
        open = next.difference(&reached).copied().collect();
        reached.extend(next);
    }
    Some(reached)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlap(pattern: &str, name: &str) -> bool {
        let foreign = ForeignSignature {
            app: "legacy".into(),
            description: "old".into(),
            patterns: BTreeSet::from([pattern.to_owned()]),
        };
        Overlaps::default().with(&name.parse().unwrap(), "sp-web", &[foreign]).is_some()
    }

    #[test]
    fn law_6_foreign_patterns_are_substrings_unless_anchored() {
        for (pattern, name, overlaps) in [
            (r"shop\.corp", "web.shop.corp.example", true),
            (r"legacy\.corp\.example", "web.shop.corp.example", false),
            (r"legacy\.corp\.example", "a.legacy.corp.example", true),
            (r"^shop\.corp\.example$", "web.shop.corp.example", false),
            (r"^web\.", "web.shop.corp.example", true),
            (r"\.example$", "web.shop.corp.example", true),
            (r"\.example\.$", "web.shop.corp.example", true),
            (r"WEB\.SHOP", "web.shop.corp.example", true),
            (r"(?i)^[^.]+\.shop\.corp\.example\.?$", "web.shop.corp.example", true),
            (r"(?i)^[^.]+\.shop\.corp\.example\.?$", "a.web.shop.corp.example", false),
            (r"^pay\.shop\.corp\.example$", "*.shop.corp.example", true),
            (r"^a\.pay\.shop\.corp\.example$", "*.shop.corp.example", false),
            (r"^(?i)web\.shop\.corp\.example\.?$", "web.shop.corp.example", true),
        ] {
            assert_eq!(overlap(pattern, name), overlaps, "{pattern} {name}");
        }
    }

    #[test]
    fn law_6_what_cannot_be_decided_overlaps() {
        for pattern in [r"(a", r"(?=web)", r"\1", "((((a{1000}){1000}){1000}))", ""] {
            assert!(overlap(pattern, "web.shop.corp.example"), "{pattern}");
        }
    }

    #[test]
    fn only_patterns_on_the_sni_count() {
        let entry = |context: &str| {
            Element::entry("x").with(
                Element::new("pattern-match")
                    .with(Element::leaf("pattern", "shop"))
                    .with(Element::leaf("context", context)),
            )
        };
        let entries = [entry(SNI_CONTEXT), entry("http-req-host-header")];
        assert_eq!(foreign_signatures(entries.iter(), |_| false).len(), 1);
        assert_eq!(foreign_signatures(entries.iter(), |_| true).len(), 0);
    }
}
