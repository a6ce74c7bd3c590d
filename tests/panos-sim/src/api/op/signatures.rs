//! Custom signatures: which ones did not compile, and a test of a pattern before it is committed.
//!
//! <https://docs.paloaltonetworks.com/advanced-threat-prevention/custom-signatures/custom-application-and-threat-signatures/testing-pattern-performance-impact>;
//! the XML of both answers is not public, its texts are ours.

use super::Command;
use crate::{
    api::envelope::Answer,
    engine::{Matcher, parse_pattern},
    quirks::PatternEngine,
    tree::Element,
};

pub(super) fn handle(command: &Command<'_>) -> Option<Answer> {
    if command.at(&["show", "bad-custom-signature"]).is_some() {
        let enforced = command.device.enforced();
        let bad: Vec<_> = enforced
            .bad
            .iter()
            .map(|bad| {
                Element::entry(&bad.app)
                    .with(Element::leaf("vsys", bad.scope.as_str()))
                    .with(Element::leaf("signature", bad.signature.as_str()))
                    .with(Element::leaf("reason", bad.reason.as_str()))
            })
            .collect();
        return Some(Answer::result(&bad));
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
