//! The signatures of a foreign App-ID: alternatives of conditions, each an alternative of tests.
//!
//! `PaloAltoNetworks/pan-os-codegen:specs/objects/application.yaml`: an App-ID matches by one of its signatures,
//! a signature by all of its and-conditions, an and-condition by one of its or-conditions.

use super::contexts::of_tls;
use crate::xml::Element;

/// One comparison with what a context sees.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Test {
    pub(super) context: String,
    pub(super) operator: Operator,
}

/// How it compares.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operator {
    /// By a pattern.
    Pattern(String),
    /// By a number: the operator's name and its value.
    Number(String, String),
}

/// All and-conditions of a signature, each with its tests.
pub(super) type Signature = Vec<Vec<Test>>;

/// The signatures of an App-ID that look at TLS.
pub(super) fn signatures(app: &Element) -> Vec<Signature> {
    let entries = app.child("signature").into_iter().flat_map(Element::entries);
    entries.map(signature).filter(|ands| ands.iter().flatten().any(|test| of_tls(&test.context))).collect()
}

fn signature(entry: &Element) -> Signature {
    let every: Vec<Test> = entry.walk().filter_map(test).collect();
    let ands = entry.child("and-condition").into_iter().flat_map(Element::entries);
    let read: Signature = ands
        .map(|and| {
            let ors = and.child("or-condition").into_iter().flat_map(Element::entries);
            ors.filter_map(|or| or.child("operator")?.children.iter().find_map(test)).collect()
        })
        .collect();
    // What stands elsewhere than we look may hold by itself.
    let whole = read.iter().all(|tests| !tests.is_empty()) && read.iter().flatten().count() == every.len();
    if whole { read } else { vec![every] }
}

fn test(operator: &Element) -> Option<Test> {
    let context = operator.text_of("context")?.to_owned();
    let operator = match operator.text_of("pattern") {
        Some(pattern) => Operator::Pattern(pattern.to_owned()),
        None => {
            let value = operator.text_of("value").unwrap_or_default();
            Operator::Number(operator.name.to_string(), value.to_owned())
        }
    };
    Some(Test { context, operator })
}
