//! Errors as people read them: the whole chain, joined once, at the edge.

use std::error::Error;

/// The error and its causes joined by `: `. A cause whose text its effect already repeats is left out.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    #[derive(Debug, thiserror::Error)]
    #[error("cannot ask {0}")]
    struct Outer(&'static str, #[source] std::io::Error);

    #[test]
    fn joins_causes_once() {
        let outer = Outer("the firewall", std::io::Error::other("connection refused"));
        assert_eq!(super::chain(&outer), "cannot ask the firewall: connection refused");
    }
}
