//! What an entry may be called.

/// The characters of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameRule {
    /// First a letter, then letters, digits, space, period, hyphen, underscore
    /// (<https://docs.paloaltonetworks.com/ngfw/help/12-1/objects/objects-applications/defining-applications>).
    Application,
    /// First a letter or digit, then letters, digits, space, hyphen, underscore, period
    /// (<https://docs.paloaltonetworks.com/ngfw/help/12-1/objects/objects-addresses>).
    Object,
    /// Letters, digits, space, hyphen, underscore
    /// (<https://docs.paloaltonetworks.com/ngfw/help/12-1/policies/policies-security/building-blocks-in-a-security-policy-rule>).
    Rule,
    /// `[ 0-9a-zA-Z._-]` (vendor OpenAPI, names of signatures and conditions).
    Inner,
    /// Anything printable, as tags are.
    Free,
}

impl NameRule {
    pub(crate) fn holds(self, name: &str) -> bool {
        let first = name.chars().next();
        let rest = |extra: &'static str| name.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c));
        match self {
            NameRule::Application => first.is_some_and(|c| c.is_ascii_alphabetic()) && rest(" ._-"),
            NameRule::Object => first.is_some_and(|c| c.is_ascii_alphanumeric()) && rest(" ._-"),
            NameRule::Rule => first.is_some_and(|c| c.is_ascii_alphanumeric()) && rest(" _-"),
            NameRule::Inner => rest(" ._-"),
            NameRule::Free => name.chars().all(|c| !c.is_control()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::NameRule::{Application, Free, Inner, Object, Rule};

    #[test]
    fn names_are_judged_by_kind() {
        for (rule, name, expected) in [
            (Application, "sp-web-3f9a2c1b", true),
            (Application, "9web", false),
            (Application, "web/one", false),
            (Object, "9web.x_y z-1", true),
            (Object, "-web", false),
            (Object, "sallyport:x", false),
            (Rule, "sp-shop-allow-9c04d7e2", true),
            (Rule, "rule.with.dots", false),
            (Inner, "And Condition 1", true),
            (Inner, "a+b", false),
            (Free, "sallyport:prod-eu-1", true),
            (Free, "a\u{7}", false),
        ] {
            assert_eq!(rule.holds(name), expected, "{rule:?} {name}");
        }
    }
}
