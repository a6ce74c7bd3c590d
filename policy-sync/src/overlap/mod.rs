//! No SNI may match two App-IDs: whether somebody else's App-ID matches a session for a name of ours.
//!
//! A session gets one App-ID, and which of two that match is the engine's choice. So a doubt counts as yes:
//! foreign patterns are taken as case-insensitive (the vendor leaves it to the decoder) and unanchored
//! unless anchored, and what we cannot decide holds. An App-ID is let off only where one of the conditions that
//! its signature joins by "and" cannot hold. `contexts` says what each context sees, `condition` reads the
//! signatures, `table` and `grammar` decide patterns.

mod condition;
mod contexts;
mod grammar;
mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use sallyport_contract::{DnsName, refusal::quoted};

use crate::xml::Element;
use condition::{Operator, Signature, Test, signatures};
use contexts::{Sight, sight};
use table::Table;

/// One foreign App-ID with what it looks at in TLS.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ForeignSignature {
    /// The App-ID.
    pub app: String,
    /// Its description's first line, which may tell who owns it.
    pub description: String,
    signatures: Vec<Signature>,
}

/// The App-IDs among `entries`, of all scopes that a session can meet, that look at TLS and are not `ours`.
pub fn foreign_signatures<'a>(
    entries: impl Iterator<Item = &'a Element>,
    ours: impl Fn(&Element) -> bool,
) -> Vec<ForeignSignature> {
    entries
        .filter(|entry| !ours(entry))
        .filter_map(|entry| {
            let signatures = signatures(entry);
            let line = entry.text_of("description").unwrap_or_default().lines().next().unwrap_or_default();
            (!signatures.is_empty()).then(|| ForeignSignature {
                app: entry.entry_name().to_owned(),
                description: line.to_owned(),
                signatures,
            })
        })
        .collect()
}

impl ForeignSignature {
    fn patterns(&self) -> impl Iterator<Item = &str> {
        self.signatures.iter().flatten().flatten().filter_map(|test| match &test.operator {
            Operator::Pattern(pattern) => Some(pattern.as_str()),
            Operator::Number(..) => None,
        })
    }
}

/// Answers for one device, and remembers the tables of its foreign patterns.
#[derive(Default)]
pub struct Overlaps {
    /// Nothing where a pattern cannot be decided.
    tables: BTreeMap<String, Option<Table>>,
}

impl Overlaps {
    /// Forgets patterns that no foreign App-ID has any more.
    pub fn keep_only(&mut self, foreign: &[ForeignSignature]) {
        let kept: BTreeSet<&str> = foreign.iter().flat_map(ForeignSignature::patterns).collect();
        self.tables.retain(|pattern, _| kept.contains(pattern.as_str()));
    }

    /// The words for the first foreign App-ID that may match an SNI of `name`; `None` if none does.
    pub fn with(&mut self, name: &DnsName, app: &str, foreign: &[ForeignSignature]) -> Option<String> {
        self.first(name, app, foreign.iter()).map(|(_, words)| words)
    }

    /// The first of these foreign App-IDs that may match an SNI of `name`, with words; `None` if none does.
    pub fn first<'a>(
        &mut self,
        name: &DnsName,
        app: &str,
        mut foreign: impl Iterator<Item = &'a ForeignSignature>,
    ) -> Option<(&'a ForeignSignature, String)> {
        foreign.find_map(|other| {
            let holds = other.signatures.iter().find_map(|signature| self.signature(name, signature))?;
            let words = format!(
                "App-ID {} ({}) {} of our {app}; narrow or remove it",
                other.app,
                quoted(&other.description),
                holds.join(", and "),
            );
            Some((other, words))
        })
    }

    /// How each condition of a signature may hold; nothing if one of them cannot.
    fn signature(&mut self, name: &DnsName, signature: &Signature) -> Option<Vec<String>> {
        signature.iter().map(|tests| tests.iter().find_map(|test| self.holds(name, test))).collect()
    }

    /// How a test may hold for a session with an SNI of the name; nothing if it cannot.
    fn holds(&mut self, name: &DnsName, Test { context, operator }: &Test) -> Option<String> {
        let undecided =
            |why: &str| format!("tests {context}, which {why} and cannot be shown not to go with {name}");
        match (operator, sight(context)) {
            (Operator::Pattern(pattern), sight @ (Sight::Sni | Sight::Hello)) => {
                let table = self.tables.entry(pattern.clone()).or_insert_with(|| Table::of(pattern));
                let how = match table {
                    Some(table) if sight == Sight::Sni && table.matches_sni(name) => "matches",
                    Some(table) if sight == Sight::Hello && table.matches_hello(name) => {
                        "can match a ClientHello for"
                    }
                    Some(_) => return None,
                    None => "cannot be shown not to match",
                };
                Some(format!("has the pattern {} on {context}, which {how} {name}", quoted(pattern)))
            }
            (Operator::Number(operator, value), Sight::MissingSni) => {
                (!never_zero(operator, value)).then(|| undecided("holds where there is an SNI"))
            }
            (_, Sight::Beside(why)) => Some(undecided(why)),
            (_, Sight::Sni | Sight::Hello | Sight::MissingSni) => {
                Some(undecided("is compared in a way that we do not know"))
            }
        }
    }
}

/// Whether a comparison cannot hold for zero.
fn never_zero(operator: &str, value: &str) -> bool {
    match (operator, value.parse::<u32>()) {
        ("greater-than", Ok(_)) | ("less-than", Ok(0)) => true,
        ("equal-to", Ok(value)) => value != 0,
        _ => false,
    }
}
