//! A pattern as a table, and whether it matches a name: as an SNI, or inside a ClientHello.

use std::collections::BTreeSet;

use regex_automata::{
    Anchored,
    dfa::{Automaton as _, StartKind, dense},
    nfa::thompson,
    util::{primitives::StateID, start, syntax},
};
use sallyport_contract::DnsName;

use super::grammar::translate;

/// Most bytes that one foreign pattern may take as a table.
const TABLE_LIMIT: usize = 4 << 20;
/// What is shorter is met by chance in the random bytes of a ClientHello; the classic engine takes no less
/// (<https://docs.paloaltonetworks.com/advanced-threat-prevention/custom-signatures/custom-application-and-threat-signatures/custom-signature-pattern-requirements>).
const BY_CHANCE: usize = 7;
/// Words that stand beside the name in many a ClientHello: protocols of the application layer
/// (<https://www.iana.org/assignments/tls-extensiontype-values>), long enough to count.
const BESIDE: [&str; 8] = [
    "http/1.0",
    "http/1.1",
    "acme-tls/1",
    "grpc-exp",
    "postgresql",
    "xmpp-client",
    "xmpp-server",
    "radius/1.1",
];

type Dfa = dense::DFA<Vec<u32>>;
type States = BTreeSet<StateID>;

/// A pattern that can be decided.
pub(super) struct Table {
    dfa: Box<Dfa>,
    start: StateID,
    /// Where the table can be in front of the name in a ClientHello; `None` if some match whatever the name.
    before: Option<States>,
}

impl Table {
    /// The table of a pattern; `None` if we cannot tell what it matches.
    pub(super) fn of(pattern: &str) -> Option<Self> {
        let translated = translate(pattern)?;
        let syntax = syntax::Config::new().unicode(false).utf8(false).case_insensitive(true).nest_limit(64);
        let shortest = syntax::parse_with(&translated, &syntax).ok()?.properties().minimum_len();
        let dfa = dense::Builder::new()
            .configure(
                dense::Config::new()
                    .start_kind(StartKind::Unanchored)
                    .dfa_size_limit(Some(TABLE_LIMIT))
                    .determinize_size_limit(Some(TABLE_LIMIT)),
            )
            .syntax(syntax)
            .thompson(thompson::Config::new().utf8(false).nfa_size_limit(Some(TABLE_LIMIT)))
            .build(&translated)
            .ok()?;
        let start = dfa.start_state(&start::Config::new().anchored(Anchored::No)).ok()?;
        let mut table = Self { dfa: Box::new(dfa), start, before: None };
        if shortest.is_some_and(|shortest| shortest >= BY_CHANCE) {
            table.before = table.surroundings();
        }
        Some(table)
    }

    /// Whether it matches some SNI of the name: the name itself, with a trailing dot, and for a wildcard any
    /// one label in front.
    pub(super) fn matches_sni(&self, name: &DnsName) -> bool {
        let Some(states) = self.name(BTreeSet::from([self.start]), name) else { return true };
        self.ends(&states) || self.step(&states, b'.').is_none_or(|dotted| self.ends(&dotted))
    }

    /// Whether it matches some ClientHello with such an SNI. What stands round the name is taken as bytes that
    /// no host name holds, and some words that do.
    pub(super) fn matches_hello(&self, name: &DnsName) -> bool {
        let Some(before) = &self.before else { return true };
        [false, true].into_iter().any(|dotted| {
            let after = self.header(before.clone(), name, dotted).and_then(|states| {
                let named = self.name(states, name)?;
                let whole = if dotted { self.step(&named, b'.')? } else { named };
                self.closure(whole, |byte| !in_host_names(byte))
            });
            after.is_none_or(|states| self.ends(&states))
        })
    }

    /// The extension's head: its number, its length, the list's length, the kind of name, its length (RFC 6066,
    /// section 3).
    fn header(&self, states: States, name: &DnsName, dotted: bool) -> Option<States> {
        let length = (!name.is_wildcard())
            .then(|| u16::try_from(name.as_str().len() + usize::from(dotted)).ok())
            .flatten();
        let number = |more: u16| match length {
            Some(length) => (length + more).to_be_bytes().map(Some),
            None => [Some(0), None],
        };
        let parts = [[Some(0), Some(0)], number(5), number(3)];
        let bytes = parts.into_iter().flatten().chain([Some(0)]).chain(number(0));
        bytes.into_iter().try_fold(states, |states, byte| match byte {
            Some(byte) => self.step(&states, byte),
            None => self.steps(&states, |_| true),
        })
    }

    /// The states after the name; `None` once something matched.
    fn name(&self, states: States, name: &DnsName) -> Option<States> {
        let (states, rest) = match name.as_str().strip_prefix('*') {
            Some(rest) => {
                let label = |byte| byte != b'.';
                (self.closure(self.steps(&states, label)?, label)?, rest)
            }
            None => (states, name.as_str()),
        };
        self.text(states, rest)
    }

    fn text(&self, states: States, text: &str) -> Option<States> {
        text.bytes().try_fold(states, |states, byte| self.step(&states, byte))
    }

    fn surroundings(&self) -> Option<States> {
        let around = |states| self.closure(states, |byte| !in_host_names(byte));
        let before = around(BTreeSet::from([self.start]))?;
        for word in BESIDE {
            around(self.text(before.clone(), word)?)?;
        }
        Some(before)
    }

    /// The states after any number of such bytes; `None` once something matched.
    fn closure(&self, states: States, allowed: impl Fn(u8) -> bool + Copy) -> Option<States> {
        let mut reached = states.clone();
        let mut open = states;
        while !open.is_empty() {
            open = self.steps(&open, allowed)?.difference(&reached).copied().collect();
            reached.extend(open.iter().copied());
        }
        Some(reached)
    }

    /// The states after one such byte; `None` once something matched.
    fn steps(&self, states: &States, allowed: impl Fn(u8) -> bool) -> Option<States> {
        let mut next = States::new();
        for byte in (0..=u8::MAX).filter(|byte| allowed(*byte)) {
            next.extend(self.step(states, byte)?);
        }
        Some(next)
    }

    /// The states after one byte; `None` once something matched, or the table cannot tell.
    fn step(&self, states: &States, byte: u8) -> Option<States> {
        let mut next = States::new();
        for state in states {
            let state = self.dfa.next_state(*state, byte);
            if self.dfa.is_match_state(state) || self.dfa.is_quit_state(state) {
                return None;
            }
            if !self.dfa.is_dead_state(state) {
                next.insert(state);
            }
        }
        Some(next)
    }

    fn ends(&self, states: &States) -> bool {
        states.iter().any(|state| self.dfa.is_match_state(self.dfa.next_eoi_state(*state)))
    }
}

const fn in_host_names(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}
