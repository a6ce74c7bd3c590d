//! What may be a name at all: one DNS name, fit for a certificate's SAN and for the SNI of a ClientHello.
//!
//! Upper case and international names have one normal form (lower-case A-labels); everything else that
//! is not a plain DNS name is refused. A [`DnsName`] that exists fits everywhere it will be used: in a
//! certificate, in Kubernetes, and as an escaped pattern in a custom App-ID.

use std::{collections::BTreeSet, fmt, str::FromStr, sync::Arc};

use crate::firewall_names::{PATTERN_LIMIT, sni_pattern_of};

/// Longest DNS name in characters (RFC 1035, section 2.3.4, without the root's dot).
const NAME_LIMIT: usize = 253;
/// Longest label in characters (RFC 1035, section 2.3.4).
const LABEL_LIMIT: usize = 63;

/// A DNS name in its one normal form: lower case, A-labels, no trailing dot, two labels or more,
/// `*` only as the whole left-most label with two labels or more behind it. Copies share the text: thousands of names
/// stand in many tables at once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DnsName(Arc<str>);

/// Why a text is not a [`DnsName`]. The text itself is told by whoever shows the error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was written.
    #[error("is empty")]
    Empty,
    /// More characters than DNS allows.
    #[error("has {0} characters; a DNS name has 253 at most (RFC 1035)")]
    TooLong(usize),
    /// A label with no characters: a dot at the start or the end, or two dots together.
    #[error("has an empty label (a dot at the start or the end, or two together)")]
    EmptyLabel,
    /// More characters in one label than DNS allows.
    #[error("has a label of {0} characters; a label has 63 at most (RFC 1035)")]
    LabelTooLong(usize),
    /// A character that no DNS host name holds.
    #[error("holds {0:?}; a DNS name holds letters, digits, hyphens and dots (RFC 1123)")]
    Character(char),
    /// A hyphen where RFC 1123 has none.
    #[error("has a label that starts or ends with a hyphen (RFC 1123)")]
    Hyphen,
    /// A name without a dot.
    #[error("is a single label; a name needs a domain behind it")]
    SingleLabel,
    /// An IP address, or a name that resolvers read as one.
    #[error("is an IP address or ends in a number; TLS sends no SNI for those (RFC 6066, section 3)")]
    Address,
    /// `*` anywhere but alone in the left-most label.
    #[error("has a * that is not the whole left-most label (RFC 6125, section 6.4.3)")]
    Wildcard,
    /// A wildcard directly under a top-level domain.
    #[error("is a wildcard for a whole top-level domain; it needs two labels behind the *")]
    WildcardTooWide,
    /// Not a valid international name.
    #[error("is not a valid international domain name (UTS 46, IDNA 2008)")]
    International,
    /// Longer than a custom App-ID's pattern can be once it is escaped.
    #[error("needs an App-ID pattern of {0} characters; PAN-OS takes 127 at most")]
    PatternTooLong(usize),
}

impl DnsName {
    /// The name that this text is; `None` unless it is one in normal form already.
    #[must_use]
    pub fn in_normal_form(text: &str) -> Option<Self> {
        text.parse().ok().filter(|name: &Self| name.as_str() == text)
    }

    /// The name as text, without a trailing dot.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the left-most label is `*`.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with("*.")
    }

    /// The labels from left to right; never empty.
    pub fn labels(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('.')
    }

    /// Whether both names can match one SNI (RFC 6125: a wildcard stands for exactly one label).
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self.0.strip_prefix("*."), other.0.strip_prefix("*.")) {
            (Some(parent), None) => other.0.split_once('.').is_some_and(|(_, rest)| rest == parent),
            (None, Some(parent)) => self.0.split_once('.').is_some_and(|(_, rest)| rest == parent),
            (Some(_), Some(_)) | (None, None) => self == other,
        }
    }
}

impl FromStr for DnsName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (star, rest) = match text.strip_prefix("*.") {
            Some(rest) => ("*.", rest),
            None => ("", text),
        };
        let host = normal_form(rest)?;
        check_labels(&host)?;
        if !host.contains('.') {
            return Err(if star.is_empty() { NameError::SingleLabel } else { NameError::WildcardTooWide });
        }
        let name = format!("{star}{host}");
        if name.len() > NAME_LIMIT {
            return Err(NameError::TooLong(name.len()));
        }
        let pattern = sni_pattern_of(&name).len();
        if pattern > PATTERN_LIMIT {
            return Err(NameError::PatternTooLong(pattern));
        }
        Ok(Self(name.into()))
    }
}

/// Lower case and A-labels. Plain ASCII without an A-label takes the short way.
fn normal_form(text: &str) -> Result<String, NameError> {
    // A host name of 253 characters never has more bytes than this in any written form; longer input
    // is not worth the Unicode tables.
    const WORTH_READING: usize = 4 * NAME_LIMIT;
    if text.len() > WORTH_READING {
        return Err(NameError::TooLong(text.chars().count()));
    }
    if let Some(odd) = text
        .chars()
        .find(|c| c.is_ascii() && !matches!(c, 'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '.' | '*'))
    {
        return Err(NameError::Character(odd));
    }
    if text.contains('*') {
        return Err(NameError::Wildcard);
    }
    let lower = text.to_ascii_lowercase();
    if lower.is_ascii() && !lower.split('.').any(|label| label.starts_with("xn--")) {
        return Ok(lower);
    }
    idna::domain_to_ascii_strict(&lower).map_err(|_| NameError::International)
}

fn check_labels(host: &str) -> Result<(), NameError> {
    if host.is_empty() {
        return Err(NameError::Empty);
    }
    if host.len() > NAME_LIMIT {
        return Err(NameError::TooLong(host.len()));
    }
    for label in host.split('.') {
        if label.is_empty() {
            return Err(NameError::EmptyLabel);
        }
        if label.len() > LABEL_LIMIT {
            return Err(NameError::LabelTooLong(label.len()));
        }
        if let Some(odd) = label.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-')) {
            return Err(NameError::Character(odd));
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err(NameError::Hyphen);
        }
    }
    // RFC 3696, section 2: a top-level domain is never all digits; with that every IPv4 form is out.
    let last = host.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NameError::Address);
    }
    Ok(())
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One DNS name or more, sorted, each once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DnsNames {
    first: DnsName,
    rest: Vec<DnsName>,
}

impl DnsNames {
    /// The names, sorted, each once; `None` if there are none.
    pub fn new(names: impl IntoIterator<Item = DnsName>) -> Option<Self> {
        let mut sorted = names.into_iter().collect::<BTreeSet<_>>().into_iter();
        Some(Self { first: sorted.next()?, rest: sorted.collect() })
    }

    /// The first name in order.
    #[must_use]
    pub fn first(&self) -> &DnsName {
        &self.first
    }

    /// All names in order.
    pub fn iter(&self) -> impl Iterator<Item = &DnsName> {
        std::iter::once(&self.first).chain(&self.rest)
    }

    /// How many there are; at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "never empty by construction")]
    pub fn len(&self) -> usize {
        1 + self.rest.len()
    }

    /// All names as strings, in order.
    #[must_use]
    pub fn to_strings(&self) -> Vec<String> {
        self.iter().map(ToString::to_string).collect()
    }

    /// Reads names that an object of ours carries; `None` if one is not in normal form or none is there.
    #[must_use]
    pub fn from_strings(names: &[String]) -> Option<Self> {
        let read = names.iter().map(|text| DnsName::in_normal_form(text));
        Self::new(read.collect::<Option<Vec<_>>>()?)
    }
}

/// The names separated by commas, as in the annotation `resolved.sallyport.dev/dns-names`.
impl fmt::Display for DnsNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        self.rest.iter().try_for_each(|name| write!(f, ",{name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_one_normal_form() {
        for (text, normal) in [
            ("web.shop.corp.example", "web.shop.corp.example"),
            ("WEB.Shop.corp.example", "web.shop.corp.example"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÜCHER.example", "xn--bcher-kva.example"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("*.shop.corp.example", "*.shop.corp.example"),
            ("1.corp.example", "1.corp.example"),
            ("web。shop.example", "web.shop.example"),
        ] {
            assert_eq!(text.parse::<DnsName>().map(|n| n.to_string()), Ok(normal.to_owned()), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_not_a_plain_dns_name() {
        use NameError as E;
        let long_label = format!("{}.example", "a".repeat(64));
        let too_long = format!("{}.example", ["a"; 130].join("."));
        let long_pattern = format!("{}.{}.example", "a".repeat(60), "b".repeat(60));
        for (text, error) in [
            ("", E::Empty),
            (".", E::EmptyLabel),
            ("web", E::SingleLabel),
            ("web.shop.example.", E::EmptyLabel),
            (".shop.example", E::EmptyLabel),
            ("web..example", E::EmptyLabel),
            ("10.0.0.1", E::Address),
            ("web.123", E::Address),
            ("fe80::1", E::Character(':')),
            ("a'b.example", E::Character('\'')),
            ("a\"]b.example", E::Character('"')),
            ("a]b.example", E::Character(']')),
            ("a<b.example", E::Character('<')),
            ("a\\b.example", E::Character('\\')),
            ("a\nb.example", E::Character('\n')),
            ("a\0b.example", E::Character('\0')),
            ("a b.example", E::Character(' ')),
            ("a_b.example", E::Character('_')),
            (".*", E::Wildcard),
            ("*", E::Wildcard),
            ("*.*.example", E::Wildcard),
            ("a*.corp.example", E::Wildcard),
            ("web.*.example", E::Wildcard),
            ("*.example", E::WildcardTooWide),
            ("*.", E::Empty),
            ("-web.example", E::Hyphen),
            ("web-.example", E::Hyphen),
            ("xn--a.example", E::International),
            ("xn--.example", E::International),
            ("\u{202e}web.example", E::International),
            (&long_label, E::LabelTooLong(64)),
            (&too_long, E::TooLong(267)),
            (&long_pattern, E::PatternTooLong(140)),
        ] {
            assert_eq!(text.parse::<DnsName>(), Err(error), "{text:?}");
        }
        assert!("a".repeat(100_000).parse::<DnsName>().is_err());
    }

    #[test]
    fn law_6_wildcards_overlap_exactly_one_label() {
        let name = |text: &str| text.parse::<DnsName>().unwrap();
        for (a, b, overlap) in [
            ("web.shop.example", "web.shop.example", true),
            ("web.shop.example", "pay.shop.example", false),
            ("*.shop.example", "web.shop.example", true),
            ("*.shop.example", "a.web.shop.example", false),
            ("*.shop.example", "*.shop.example", true),
            ("*.shop.example", "*.web.shop.example", false),
        ] {
            assert_eq!(name(a).overlaps(&name(b)), overlap, "{a} {b}");
            assert_eq!(name(b).overlaps(&name(a)), overlap, "{b} {a}");
        }
    }

    #[test]
    fn names_are_a_sorted_set() {
        let names = |texts: &[&str]| DnsNames::new(texts.iter().map(|t| t.parse().unwrap()));
        assert_eq!(names(&[]), None);
        let three = names(&["b.x.example", "a.x.example", "B.x.example"]).unwrap();
        assert_eq!(three.to_string(), "a.x.example,b.x.example");
        assert_eq!(three.len(), 2);
        assert_eq!(DnsNames::from_strings(&three.to_strings()), Some(three));
        assert_eq!(DnsNames::from_strings(&["B.x.example".to_owned()]), None);
    }
}
