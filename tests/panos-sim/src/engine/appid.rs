//! Custom App-IDs: compiled from the running configuration at commit, identified by what the ClientHello says.
//!
//! Structure of a signature: <https://docs.paloaltonetworks.com/advanced-threat-prevention/custom-signatures/custom-application-and-threat-signatures/create-a-custom-application-signature>.
//! Every and-condition must hold; an and-condition holds when one of its or-conditions does.

use super::{Matcher, PatternError, parse_pattern};
use crate::{
    quirks::{OverlapWinner, Quirks},
    scope::Scope,
    tree::{Element, find},
};

/// The SNI inside a ClientHello
/// (<https://docs.paloaltonetworks.com/advanced-threat-prevention/custom-signatures-reference/custom-signature-contexts/string-contexts/ssl-req-chello-sni>).
pub(crate) const CONTEXT_SNI: &str = "ssl-req-chello-sni";
/// The whole ClientHello (same reference, `ssl-req-client-hello`).
pub(crate) const CONTEXT_CLIENT_HELLO: &str = "ssl-req-client-hello";

/// The contexts that this device's content release knows; the reference pages under
/// <https://docs.paloaltonetworks.com/advanced-threat-prevention/custom-signatures-reference/custom-signature-contexts> list more.
pub(crate) const KNOWN_CONTEXTS: &[&str] = &[
    CONTEXT_SNI,
    CONTEXT_CLIENT_HELLO,
    "ssl-rsp-server-hello",
    "ssl-rsp-certificate",
    "ssl-rsp-cert-subjectpublickey",
    "ssl-req-certificate",
    "ssl-req-protocol-payload",
    "ssl-rsp-protocol-payload",
    "ssl-req-random-bytes",
    "ssl-req-client-hello-missing-sni",
    "ssl-req-client-hello-ext-type",
    "ssl-rsp-version",
    "http-req-host-header",
    "http-req-headers",
    "http-req-uri-path",
    "http-req-params",
    "http-rsp-headers",
    "http-rsp-code",
    "tcp-context-free",
    "udp-context-free",
];

/// What the decoder saw of one session's first bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a> {
    pub(crate) sni: Option<&'a [u8]>,
    pub(crate) client_hello: &'a [u8],
}

/// The custom App-IDs in force.
#[derive(Debug, Clone, Default)]
pub(crate) struct AppIds {
    apps: Vec<CustomApp>,
}

#[derive(Debug, Clone)]
struct CustomApp {
    name: String,
    signatures: Vec<Vec<Vec<Condition>>>,
}

#[derive(Debug, Clone)]
struct Condition {
    context: String,
    matcher: Matcher,
}

/// A signature that did not compile, as `show bad-custom-signature` lists it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct BadSignature {
    pub(crate) scope: String,
    pub(crate) app: String,
    pub(crate) signature: String,
    pub(crate) reason: String,
}

/// Compiles every custom App-ID of a vsys. `refuse` names Apps whose signatures must not compile (a fault).
pub(crate) fn compile_apps(
    config: &Element,
    scope: &Scope,
    quirks: &Quirks,
    refuse: &dyn Fn(&str) -> bool,
) -> (AppIds, Vec<BadSignature>) {
    let (mut apps, mut bad) = (Vec::new(), Vec::new());
    for scope in scope.visible(config) {
        let list = find(config, &scope.base()).and_then(|node| node.child("application"));
        for (name, app) in list.into_iter().flat_map(Element::entries) {
            let mut signatures = Vec::new();
            for (signature, node) in app.child("signature").into_iter().flat_map(Element::entries) {
                let compiled = if refuse(name) {
                    Err("signature compilation failed".to_owned())
                } else {
                    compile_signature(node, quirks).map_err(|e| e.to_string())
                };
                match compiled {
                    Ok(conditions) => signatures.push(conditions),
                    Err(reason) => bad.push(BadSignature {
                        scope: scope.to_string(),
                        app: name.to_owned(),
                        signature: signature.to_owned(),
                        reason,
                    }),
                }
            }
            apps.push(CustomApp { name: name.to_owned(), signatures });
        }
    }
    (AppIds { apps }, bad)
}

fn compile_signature(node: &Element, quirks: &Quirks) -> Result<Vec<Vec<Condition>>, PatternError> {
    let ands = node.child("and-condition").into_iter().flat_map(Element::entries);
    ands.map(|(_, and)| {
        let ors = and.child("or-condition").into_iter().flat_map(Element::entries);
        ors.filter_map(|(_, or)| or.descend(&["operator", "pattern-match"]))
            .map(|operator| compile_condition(operator, quirks))
            .collect()
    })
    .collect()
}

fn compile_condition(operator: &Element, quirks: &Quirks) -> Result<Condition, PatternError> {
    let pattern = operator.text_of("pattern").unwrap_or_default();
    let mut node = parse_pattern(pattern, quirks.pattern_engine)?;
    if !quirks.case_sensitive {
        node = node.folded();
    }
    let context = operator.text_of("context").unwrap_or_default().to_owned();
    Ok(Condition { context, matcher: Matcher::new(&node)? })
}

impl AppIds {
    /// The custom App-ID of a session, if any matches. A session has exactly one.
    pub(crate) fn identify(&self, fields: Fields<'_>, quirks: &Quirks) -> Option<&str> {
        let mut matching =
            self.apps.iter().filter(|app| app.matches(fields, quirks)).map(|app| app.name.as_str());
        match quirks.overlap_winner {
            OverlapWinner::First => matching.next(),
            OverlapWinner::Last => matching.next_back(),
            OverlapWinner::Alphabetical => matching.min(),
        }
    }
}

impl CustomApp {
    fn matches(&self, fields: Fields<'_>, quirks: &Quirks) -> bool {
        self.signatures.iter().any(|ands| {
            !ands.is_empty() && ands.iter().all(|ors| ors.iter().any(|c| c.holds(fields, quirks)))
        })
    }
}

impl Condition {
    fn holds(&self, fields: Fields<'_>, quirks: &Quirks) -> bool {
        let field = match self.context.as_str() {
            CONTEXT_SNI => fields.sni,
            CONTEXT_CLIENT_HELLO => Some(fields.client_hello),
            _ => None,
        };
        field.is_some_and(|field| self.matcher.is_match(field, quirks.anchors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::parse_one;

    fn app(name: &str, patterns: &[&str]) -> String {
        let ors: String = patterns
            .iter()
            .enumerate()
            .map(|(i, p)| {
                format!(
                    "<entry name='o{i}'><operator><pattern-match><pattern>{p}</pattern>\
                     <context>ssl-req-chello-sni</context></pattern-match></operator></entry>"
                )
            })
            .collect();
        format!(
            "<entry name='{name}'><signature><entry name='sni'><and-condition><entry name='a'>\
             <or-condition>{ors}</or-condition></entry></and-condition></entry></signature></entry>"
        )
    }

    fn compile(apps: &[String], quirks: &Quirks) -> (AppIds, Vec<BadSignature>) {
        let text = format!("<config><shared><application>{}</application></shared></config>", apps.concat());
        compile_apps(&parse_one(&text).unwrap(), &Scope::Shared, quirks, &|name| name == "broken")
    }

    fn fields(sni: &str) -> Fields<'_> {
        Fields { sni: Some(sni.as_bytes()), client_hello: &[] }
    }

    #[test]
    fn one_session_gets_one_app_and_the_quirk_says_which() {
        let apps = [
            app("z-app", &[r"shop\.example"]),
            app("b-app", &[r"^pay\.shop\.example$", "other"]),
            app("c-app", &[r"pay\."]),
        ];
        for (winner, expected) in [
            (OverlapWinner::First, "z-app"),
            (OverlapWinner::Last, "c-app"),
            (OverlapWinner::Alphabetical, "b-app"),
        ] {
            let quirks = Quirks { overlap_winner: winner, ..Quirks::default() };
            let (ids, bad) = compile(&apps, &quirks);
            assert_eq!(bad, []);
            assert_eq!(ids.identify(fields("pay.shop.example"), &quirks), Some(expected));
            assert_eq!(ids.identify(fields("unrelated.test"), &quirks), None);
        }
    }

    #[test]
    fn a_signature_that_does_not_compile_is_listed_and_never_matches() {
        let quirks = Quirks::default();
        let (ids, bad) = compile(&[app("broken", &["pay"]), app("odd", &["("])], &quirks);
        let names: Vec<_> = bad.iter().map(|b| b.app.as_str()).collect();
        assert_eq!(names, ["broken", "odd"]);
        assert_eq!(ids.identify(fields("pay.example"), &quirks), None);
    }

    #[test]
    fn case_is_a_quirk() {
        for (case_sensitive, expected) in [(true, None), (false, Some("app"))] {
            let quirks = Quirks { case_sensitive, ..Quirks::default() };
            let (ids, _) = compile(&[app("app", &[r"^pay\.example$"])], &quirks);
            assert_eq!(ids.identify(fields("PAY.example"), &quirks), expected);
        }
    }
}
