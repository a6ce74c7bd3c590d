//! Custom signatures: which ones did not compile, and a test of a pattern before it is committed.
//!
//! <https://docs.paloaltonetworks.com/advanced-threat-prevention/custom-signatures/custom-application-and-threat-signatures/testing-pattern-performance-impact>;
//! the XML of both answers is not public, its texts are ours.

use super::Command;
use crate::{
    api::envelope::Answer,
    engine::{BadSignature, Matcher, parse_pattern},
    quirks::{BadSignatureList, PatternEngine},
    tree::Element,
};

pub(super) fn handle(command: &Command<'_>) -> Option<Answer> {
    if command.at(&["show", "bad-custom-signature"]).is_some() {
        return Some(list(&command.device.enforced().bad, command.device.quirks.bad_signature_list));
    }
    let pattern = command.at(&["test", "custom-signature-type", "pattern"])?;
    let engine = command.device.quirks.pattern_engine;
    let name = match engine {
        PatternEngine::Enhanced => "lscan",
        PatternEngine::Classic => "pscan",
    };
    let judged = parse_pattern(&pattern.text, engine).and_then(|node| Matcher::new(&node));
    Some(Answer::result_text(&match judged {
        Ok(_) => format!("pattern is valid, engine: {name}"),
        Err(error) => format!("pattern is invalid: {error}"),
    }))
}

fn list(bad: &[BadSignature], form: BadSignatureList) -> Answer {
    match form {
        BadSignatureList::Entries => {
            let entries = bad.iter().map(|bad| {
                Element::entry(&bad.app)
                    .with(Element::leaf("vsys", bad.scope.as_str()))
                    .with(Element::leaf("signature", bad.signature.as_str()))
                    .with(Element::leaf("reason", bad.reason.as_str()))
            });
            Answer::result(&entries.collect::<Vec<_>>())
        }
        BadSignatureList::Lines if bad.is_empty() => Answer::result_text("no bad custom signature"),
        BadSignatureList::Lines => {
            let line =
                |bad: &BadSignature| format!("{} {} {}: {}", bad.scope, bad.app, bad.signature, bad.reason);
            Answer::result_text(&bad.iter().map(line).collect::<Vec<_>>().join("\n"))
        }
    }
}
