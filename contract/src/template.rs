//! How a policy writes names: `{workload}.{namespace}.corp.example`, `*.shop.corp.example`.
//!
//! A variable expands to dot-free text inside one label and `*` stands for one label, so a pattern has a
//! fixed number of labels. That is what makes a namespace a boundary: see [`NamePattern::namespace_place`].

use std::{collections::BTreeSet, str::FromStr};

use crate::dns_name::{DnsName, NameError};

/// A variable of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variable {
    /// `{workload}`: the name of the Deployment, StatefulSet, DaemonSet, Job, CronJob or bare pod.
    Workload,
    /// `{namespace}`.
    Namespace,
    /// `{serviceAccount}`.
    ServiceAccount,
    /// `{service}`: a StatefulSet's `serviceName`, or a pod's `subdomain`.
    Service,
    /// `{pod}`: the pod's own name, for StatefulSets.
    Pod,
}

impl Variable {
    /// The variable as a pattern writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Workload => "{workload}",
            Self::Namespace => "{namespace}",
            Self::ServiceAccount => "{serviceAccount}",
            Self::Service => "{service}",
            Self::Pod => "{pod}",
        }
    }

    const ALL: [Self; 5] = [Self::Workload, Self::Namespace, Self::ServiceAccount, Self::Service, Self::Pod];
}

/// What the variables stand for, for one pod.
#[derive(Clone, Copy, Debug, Default)]
pub struct Values<'a> {
    /// `{workload}`; none where nobody can tell.
    pub workload: Option<&'a str>,
    /// `{namespace}`.
    pub namespace: &'a str,
    /// `{serviceAccount}`.
    pub service_account: &'a str,
    /// `{service}`; none if the pod has none.
    pub service: Option<&'a str>,
    /// `{pod}`; none but for StatefulSets.
    pub pod: Option<&'a str>,
}

impl<'a> Values<'a> {
    const fn of(&self, variable: Variable) -> Option<&'a str> {
        match variable {
            Variable::Workload => self.workload,
            Variable::Namespace => Some(self.namespace),
            Variable::ServiceAccount => Some(self.service_account),
            Variable::Service => self.service,
            Variable::Pod => self.pod,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Label {
    /// `*`, a whole label.
    Any,
    Text(Vec<Piece>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Variable(Variable),
}

/// A pattern for DNS names: literals, variables and `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePattern {
    text: String,
    labels: Vec<Label>,
}

/// Why a text is not a [`NamePattern`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// A brace without its partner.
    #[error("has a brace without its partner")]
    Brace,
    /// A variable that does not exist.
    #[error(
        "has the unknown variable {{{0}}}; there are {{workload}}, {{namespace}}, {{serviceAccount}}, {{service}} and {{pod}}"
    )]
    UnknownVariable(String),
    /// `*` beside other text in one label.
    #[error("has a * that is not a whole label")]
    Star,
    /// With every variable filled in it is still not a DNS name.
    #[error("is not a DNS name even with its variables filled in: it {0}")]
    Name(NameError),
}

/// Why a pattern gives no name for a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpandError {
    /// The variable has no value here.
    NoValue(Variable),
    /// The value holds a dot, so it cannot stand inside one label.
    Dot(Variable, String),
    /// A default with `*` names nothing.
    Star,
    /// What comes out is not a DNS name.
    Name(String, NameError),
}

impl FromStr for NamePattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let labels = text.split('.').map(parse_label).collect::<Result<Vec<_>, _>>()?;
        let pattern = Self { text: text.to_owned(), labels };
        let sample = Values {
            workload: Some("w"),
            namespace: "n",
            service_account: "a",
            service: Some("s"),
            pod: Some("p"),
        };
        let filled = pattern.labels.iter().map(|label| match label {
            Label::Any => Ok("x".to_owned()),
            Label::Text(pieces) => fill(pieces, &sample),
        });
        match filled.collect::<Result<Vec<_>, _>>() {
            Ok(labels) => labels.join(".").parse::<DnsName>().map(|_| pattern).map_err(PatternError::Name),
            Err(_) => Err(PatternError::Brace),
        }
    }
}

fn parse_label(text: &str) -> Result<Label, PatternError> {
    if text == "*" {
        return Ok(Label::Any);
    }
    if text.contains('*') {
        return Err(PatternError::Star);
    }
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((literal, tail)) = rest.split_once('{') {
        let (name, after) = tail.split_once('}').ok_or(PatternError::Brace)?;
        if literal.contains('}') {
            return Err(PatternError::Brace);
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal.to_ascii_lowercase()));
        }
        let known = Variable::ALL.into_iter().find(|variable| variable.as_str() == format!("{{{name}}}"));
        pieces.push(Piece::Variable(known.ok_or_else(|| PatternError::UnknownVariable(name.to_owned()))?));
        rest = after;
    }
    if rest.contains('}') {
        return Err(PatternError::Brace);
    }
    if !rest.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Literal(rest.to_ascii_lowercase()));
    }
    Ok(Label::Text(pieces))
}

fn fill(pieces: &[Piece], values: &Values<'_>) -> Result<String, ExpandError> {
    let mut label = String::new();
    for piece in pieces {
        match piece {
            Piece::Literal(text) => label.push_str(text),
            Piece::Variable(variable) => {
                let value = values.of(*variable).ok_or(ExpandError::NoValue(*variable))?;
                if value.contains('.') {
                    return Err(ExpandError::Dot(*variable, value.to_owned()));
                }
                label.push_str(value);
            }
        }
    }
    Ok(label)
}

/// Whether the pieces can make the label. What is kept is every place that they can reach, so that many
/// variables in one label cost no more than a few.
fn fits(pieces: &[Piece], label: &str, namespace: &str) -> bool {
    let mut reached = BTreeSet::from([0]);
    for piece in pieces {
        let text = match piece {
            Piece::Literal(text) => text.as_str(),
            Piece::Variable(Variable::Namespace) => namespace,
            Piece::Variable(
                Variable::Workload | Variable::ServiceAccount | Variable::Service | Variable::Pod,
            ) => {
                let first = reached.first().map_or(label.len() + 1, |first| first + 1);
                reached = (first..=label.len()).collect();
                continue;
            }
        };
        let goes_on = |at: &usize| label.get(*at..).is_some_and(|rest| rest.starts_with(text));
        reached = reached.into_iter().filter(goes_on).map(|at| at + text.len()).collect();
    }
    reached.contains(&label.len())
}

impl NamePattern {
    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The one name that the pattern gives for a pod.
    ///
    /// # Errors
    /// A variable without a value or with a dot in it, a `*`, or a result that is not a DNS name.
    pub fn expand(&self, values: &Values<'_>) -> Result<DnsName, ExpandError> {
        let labels = self.labels.iter().map(|label| match label {
            Label::Any => Err(ExpandError::Star),
            Label::Text(pieces) => fill(pieces, values),
        });
        let name = labels.collect::<Result<Vec<_>, _>>()?.join(".");
        name.parse().map_err(|error| ExpandError::Name(name, error))
    }

    /// Whether the pattern gives this name to a pod with these values. The `*` of a wildcard name is
    /// covered by nothing but the `*` of a pattern.
    #[must_use]
    pub fn allows(&self, name: &DnsName, values: &Values<'_>) -> bool {
        let labels: Vec<&str> = name.labels().collect();
        labels.len() == self.labels.len()
            && self.labels.iter().zip(labels).all(|(pattern, label)| match pattern {
                Label::Any => true,
                Label::Text(pieces) => fill(pieces, values).is_ok_and(|text| text == label),
            })
    }

    /// Whether the pattern gives this name to some workload of the namespace: what nobody knows here of the
    /// workload stands for any text inside one label.
    #[must_use]
    pub fn may_allow(&self, name: &DnsName, namespace: &str) -> bool {
        let labels: Vec<&str> = name.labels().collect();
        labels.len() == self.labels.len()
            && self.labels.iter().zip(labels).all(|(pattern, label)| match pattern {
                Label::Any => true,
                Label::Text(pieces) => label != "*" && fits(pieces, label, namespace),
            })
    }

    /// The pattern with `{namespace}` filled in, for messages.
    #[must_use]
    pub fn shown_for(&self, namespace: &str) -> String {
        self.text.replace(Variable::Namespace.as_str(), namespace)
    }

    /// The place of the label that is `{namespace}` and nothing else, counted from the right.
    ///
    /// Two patterns of one policy with the same place can never give one name to two namespaces: names of
    /// different length differ, and names of the same length differ in that label.
    #[must_use]
    pub fn namespace_place(&self) -> Option<usize> {
        let whole = Label::Text(vec![Piece::Variable(Variable::Namespace)]);
        self.labels.iter().rev().position(|label| *label == whole)
    }

    /// Whether the pattern uses the variable.
    #[must_use]
    pub fn uses(&self, variable: Variable) -> bool {
        self.text.contains(variable.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: Values<'static> = Values {
        workload: Some("web"),
        namespace: "shop",
        service_account: "default",
        service: None,
        pod: None,
    };

    fn pattern(text: &str) -> NamePattern {
        text.parse().unwrap()
    }

    #[test]
    fn expands() {
        let name = |text: &str| pattern(text).expand(&WEB).map(|name| name.to_string());
        assert_eq!(name("{workload}.{namespace}.corp.example"), Ok("web.shop.corp.example".into()));
        assert_eq!(name("api-{workload}-x.Corp.example"), Ok("api-web-x.corp.example".into()));
        assert_eq!(name("{service}.corp.example"), Err(ExpandError::NoValue(Variable::Service)));
        assert_eq!(name("*.corp.example"), Err(ExpandError::Star));
        let dotted = Values { workload: Some("a.b"), ..WEB };
        assert_eq!(
            pattern("{workload}.corp.example").expand(&dotted),
            Err(ExpandError::Dot(Variable::Workload, "a.b".into()))
        );
        let long = "w".repeat(100);
        let long = Values { workload: Some(&long), ..WEB };
        assert!(matches!(
            pattern("{workload}.corp.example").expand(&long),
            Err(ExpandError::Name(_, NameError::LabelTooLong(100)))
        ));
    }

    #[test]
    fn refuses_what_is_no_pattern() {
        for (text, error) in [
            ("{workload.corp.example", PatternError::Brace),
            ("workload}.corp.example", PatternError::Brace),
            ("}{workload}.corp.example", PatternError::Brace),
            ("{pod.name}.corp.example", PatternError::Brace),
            ("{cluster}.corp.example", PatternError::UnknownVariable("cluster".into())),
            ("w*.corp.example", PatternError::Star),
            ("corp", PatternError::Name(NameError::SingleLabel)),
            ("a_b.corp.example", PatternError::Name(NameError::Character('_'))),
            ("", PatternError::Name(NameError::Empty)),
        ] {
            assert_eq!(text.parse::<NamePattern>(), Err(error), "{text}");
        }
    }

    #[test]
    fn allows_one_label_for_a_star() {
        let allows =
            |pattern_text: &str, name: &str| pattern(pattern_text).allows(&name.parse().unwrap(), &WEB);
        assert!(allows("*.shop.corp.example", "web.shop.corp.example"));
        assert!(!allows("*.shop.corp.example", "a.web.shop.corp.example"));
        assert!(!allows("*.shop.corp.example", "shop.corp.example"));
        assert!(allows("{workload}.{namespace}.corp.example", "web.shop.corp.example"));
        assert!(!allows("{workload}.{namespace}.corp.example", "pay.shop.corp.example"));
        assert!(allows("*.shop.corp.example", "*.shop.corp.example"));
        assert!(!allows("{workload}.shop.corp.example", "*.shop.corp.example"));
    }

    #[test]
    fn without_the_workload_a_variable_is_any_text_inside_one_label() {
        for (text, name, may) in [
            ("{workload}.{namespace}.corp.example", "web.shop.corp.example", true),
            ("{workload}.{namespace}.corp.example", "web.pay.corp.example", false),
            ("{workload}.{namespace}.corp.example", "a.web.shop.corp.example", false),
            ("{workload}.{namespace}.corp.example", "*.shop.corp.example", false),
            ("*.{namespace}.corp.example", "*.shop.corp.example", true),
            ("api-{workload}-x.corp.example", "api-web-x.corp.example", true),
            ("api-{workload}-x.corp.example", "api--x.corp.example", false),
            ("{workload}{namespace}.corp.example", "shop.corp.example", false),
            ("{workload}{namespace}.corp.example", "webshop.corp.example", true),
            ("{workload}{pod}-{namespace}.corp.example", "ab-shop.corp.example", true),
            ("{workload}{pod}-{namespace}.corp.example", "a-shop.corp.example", false),
        ] {
            assert_eq!(pattern(text).may_allow(&name.parse().unwrap(), "shop"), may, "{text} {name}");
        }
    }

    #[test]
    fn law_5_namespace_must_be_a_whole_label() {
        assert_eq!(pattern("{workload}.{namespace}.corp.example").namespace_place(), Some(2));
        assert_eq!(pattern("{workload}-{namespace}.corp.example").namespace_place(), None);
        assert_eq!(pattern("*.corp.example").namespace_place(), None);
    }
}
