//! Escaping: text and attributes of XML, and string literals of XPath.

/// Why a text cannot stand in an XPath.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} holds both kinds of quotes or a control character and cannot stand in an XPath")]
pub struct NotALiteral(pub String);

/// Text between tags.
#[must_use]
pub fn text(raw: &str) -> String {
    escape(raw, false)
}

/// The value of an attribute, without its quotes.
#[must_use]
pub fn attribute(raw: &str) -> String {
    escape(raw, true)
}

/// A string literal of XPath 1.0 with its quotes. XPath 1.0 cannot escape a quote inside a literal
/// (<https://www.w3.org/TR/1999/REC-xpath-19991116/#NT-Literal>), so the other kind is taken.
///
/// # Errors
/// The text holds both kinds of quotes, or a control character.
pub fn literal(raw: &str) -> Result<String, NotALiteral> {
    if raw.chars().any(char::is_control) {
        return Err(NotALiteral(raw.to_owned()));
    }
    match (raw.contains('\''), raw.contains('"')) {
        (false, _) => Ok(format!("'{raw}'")),
        (true, false) => Ok(format!("\"{raw}\"")),
        (true, true) => Err(NotALiteral(raw.to_owned())),
    }
}

/// The device's text, fit to be told to people: so many characters at most, and all of them visible.
#[must_use]
pub fn excerpt(text: &str, longest: usize) -> String {
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    let mut excerpt: String = text.chars().take(longest).map(visible).collect();
    if text.chars().nth(longest).is_some() {
        excerpt.push('…');
    }
    excerpt
}

fn escape(raw: &str, quotes: bool) -> String {
    let mut out = String::with_capacity(raw.len());
    for c in raw.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if quotes => out.push_str("&quot;"),
            '\'' if quotes => out.push_str("&apos;"),
            // Not characters of XML 1.0 (https://www.w3.org/TR/xml/#charsets); nothing of ours holds them.
            '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_never_gets_out() {
        assert_eq!(text("a<b>&\"c'"), "a&lt;b&gt;&amp;\"c'");
        assert_eq!(attribute("a\"b'c<"), "a&quot;b&apos;c&lt;");
        assert_eq!(text("a\u{1}b"), "a\u{fffd}b");
    }

    #[test]
    fn what_is_told_is_short_and_visible() {
        assert_eq!(excerpt("a\u{0}b\nc", 5), "a b c");
        assert_eq!(excerpt("äbcdef", 3), "äbc…");
    }

    #[test]
    fn literals_take_the_other_quote_or_are_refused() {
        assert_eq!(literal("web"), Ok("'web'".to_owned()));
        assert_eq!(literal("it's"), Ok("\"it's\"".to_owned()));
        assert!(literal("it's \"web\"").is_err());
        assert!(literal("a\nb").is_err());
    }
}
