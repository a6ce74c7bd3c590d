//! What the rules in force make of ours: who decides before us, what passes beside us, which filters take
//! us in.
//!
//! Read in this order: [`layers`] what is judged, [`ours`] what is ours · `objects` what a name stands for,
//! `zones`, `address`, `service`, `application` (with `catalogue` and `candidate`) the fields of a rule, `extent`
//! how much of ours a field covers · `rule` and `book` all rules in the order of the lookup · [`shadow`],
//! [`default_deny`] with `lookup`, and [`filters`] the three judgements, `words` how they are told.
//!
//! Every statement leans to the safe side. "All" and "denied" are said only of what holds for every session;
//! what only the firewall can know (names it resolves, users, times) may be so or not.

mod address;
mod application;
mod book;
mod candidate;
mod catalogue;
pub mod default_deny;
mod extent;
pub mod filters;
pub mod layers;
mod lookup;
mod objects;
pub mod ours;
mod rule;
mod service;
pub mod shadow;
mod words;
mod zones;

pub use default_deny::{Answer, Decider, DefaultDeny, Pair, Question, Verdict};
pub use extent::Extent;
pub use filters::{Catch, Use};
pub use layers::{Kind, Layer, Rulebase, Scope};
pub use ours::{OurRule, Ours, Reach, What};
pub use shadow::{Shadow, Stage};

use book::Book;

/// What the rules in force make of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    /// Foreign rules that decide sessions of ours.
    pub shadows: Vec<Shadow>,
    /// What happens to other traffic, by pair of zones.
    pub answers: Vec<Answer>,
    /// What the answers come to.
    pub default_deny: DefaultDeny,
    /// Filters in use that take our App-IDs in.
    pub filters: Vec<Catch>,
}

/// Judges the rules in force round ours.
#[must_use]
pub fn judge(rulebase: &Rulebase, ours: &Ours) -> Findings {
    let defaults = rulebase.defaults();
    let book = Book::new(rulebase, &defaults, ours);
    let answers = lookup::answers(&book);
    Findings {
        shadows: shadow::shadows(&book),
        default_deny: default_deny::summary(&answers),
        answers,
        filters: filters::catches(&book),
    }
}
