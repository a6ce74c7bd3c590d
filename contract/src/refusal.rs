//! A refusal: a value, not an error. It says what was wrong, where, whose rule says so and what to do.

use std::fmt;

use crate::reason::Reason;

/// Why something is not given. The same words reach `kubectl apply`, a dry run, the command line, the
/// log and the conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code for conditions and metrics.
    pub reason: Reason,
    /// What was wrong: `name "web.x" is not allowed in namespace shop`.
    pub what: String,
    /// Where it was written: `Deployment shop/web, spec.template.metadata.annotations["sallyport.dev/san"]`.
    pub place: String,
    /// Whose rule says so: `IdentityPolicy shop allows *.shop.corp.example`.
    pub rule: String,
    /// What to do now.
    pub remedy: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason: _, what, place, rule, remedy } = self;
        write!(f, "{what}\n  where: {place}\n  rule:  {rule}\n  do:    {remedy}")
    }
}

impl Refusal {
    /// The same words on one line, for places that take no line breaks: an admission warning is a header of
    /// the API server's answer, and one with control characters is dropped without a word
    /// (<https://github.com/kubernetes/apimachinery/blob/master/pkg/util/net/http.go>, `NewWarningHeader`).
    #[must_use]
    pub fn on_one_line(&self) -> String {
        let Self { reason: _, what, place, rule, remedy } = self;
        format!("{what} (where: {place}; rule: {rule}; do: {remedy})")
    }
}

/// Text from outside, fit for a message: control characters escaped, cut to 300 characters.
#[must_use]
pub fn quoted(text: &str) -> String {
    const LIMIT: usize = 300;
    let cut: String = text.chars().take(LIMIT).collect();
    let more = if text.chars().count() > LIMIT { "…" } else { "" };
    format!("{cut:?}{more}")
}
