//! The simulator's open questions: one position for each sequence, and the end that fits it.

use panos_sim::Quirks;
use sallyport_contract::Reason;
use serde_json::{Value, json};

/// Other values of the switches that are numbers.
const NUMBERS: &[(&str, u64)] = &[
    ("key_lifetime_ms", 150),
    ("application_description_limit", 255),
    ("application_limit", 4),
    ("commit_queue_limit", 1),
];

/// One switch in one position.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Position {
    pub(crate) switch: String,
    pub(crate) value: Value,
}

/// How a sequence ends once nobody disturbs any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Every name that is wanted and permitted is enforced.
    Enforced,
    /// The device makes names impossible: those that are not enforced say one of these reasons.
    Named(&'static [Reason]),
}

/// Every position of every switch, as the simulator itself tells them.
pub(crate) fn positions() -> Vec<Position> {
    let Value::Object(switches) = standard() else { return Vec::new() };
    let values = |switch: &str, default: &Value| match default {
        Value::Bool(_) => vec![json!(true), json!(false)],
        Value::Number(_) => {
            let other = NUMBERS.iter().find(|(name, _)| *name == switch);
            vec![default.clone(), json!(other.expect("NUMBERS has another value").1)]
        }
        Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => words(switch),
    };
    let of = |(switch, default): (&String, &Value)| {
        let position = |value| Position { switch: switch.clone(), value };
        values(switch, default).into_iter().map(position).collect::<Vec<_>>()
    };
    switches.iter().flat_map(of).collect()
}

/// The positions that differ from the standard ones, which are in force in every sequence about another switch.
pub(crate) fn others() -> Vec<Position> {
    let standard = standard();
    positions().into_iter().filter(|position| standard[&position.switch] != position.value).collect()
}

fn standard() -> Value {
    serde_json::to_value(Quirks::default()).unwrap()
}

/// The words that a switch takes, out of the complaint about one that it does not.
fn words(switch: &str) -> Vec<Value> {
    let complaint = serde_json::from_value::<Quirks>(json!({ switch: "?" })).unwrap_err().to_string();
    complaint.split('`').skip(1).step_by(2).filter(|word| *word != "?").map(|word| json!(word)).collect()
}

impl Position {
    /// The device with this one switch in this position.
    pub(crate) fn quirks(&self) -> Quirks {
        serde_json::from_value(json!({ &self.switch: self.value })).unwrap()
    }

    /// The end that fits.
    pub(crate) fn end(&self) -> End {
        let text = self.value.to_string();
        match (self.switch.as_str(), text.trim_matches('"')) {
            ("pattern_engine", "classic") => End::Named(&[Reason::EngineTooOld]),
            ("sni_context_known", "false") => {
                End::Named(&[Reason::ContextMissing, Reason::SignatureNotCompiled])
            }
            ("partial_commit_takes_effect", "false") => End::Named(&[Reason::PartialCommitIneffective]),
            ("application_limit", "4") => {
                End::Named(&[Reason::EntryRefused, Reason::CapacityReached, Reason::CommitFailed])
            }
            _ => End::Enforced,
        }
    }
}
