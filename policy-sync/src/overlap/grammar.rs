//! PAN-OS patterns as the regular expressions of our own engine.
//!
//! The grammar: <https://docs.paloaltonetworks.com/advanced-threat-prevention/custom-signatures/custom-application-and-threat-signatures/custom-signature-pattern-requirements>
//! and <https://docs.paloaltonetworks.com/ngfw/help/12-1/objects/objects-custom-objects/objects-custom-objects-data-patterns/syntax-for-regular-expression-data-patterns>.

use std::fmt::Write as _;

/// Longest pattern that is read; the device takes 127 characters.
const LENGTH_LIMIT: usize = 1024;

/// The same pattern in our engine's words; `None` where we cannot tell. Differences: `{2-4}` of the classic
/// engine is a gap of so many bytes of any kind, `\x41 42\x` are bytes in hex, `\Z` is the end, `\h` is a blank.
pub(super) fn translate(pattern: &str) -> Option<String> {
    if pattern.is_empty() || pattern.len() > LENGTH_LIMIT {
        return None;
    }
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        rest = rest.get(c.len_utf8()..)?;
        match c {
            '\\' => rest = escaped(rest, &mut out)?,
            '{' => {
                let (inside, tail) = rest.split_once('}')?;
                if !inside.bytes().all(|b| b.is_ascii_digit() || matches!(b, b',' | b'-')) {
                    return None;
                }
                match inside.split_once('-') {
                    Some((least, most)) => write!(out, "(?s:.){{{least},{most}}}").ok()?,
                    None => write!(out, "{{{inside}}}").ok()?,
                }
                rest = tail;
            }
            c => out.push(c),
        }
    }
    Some(out)
}

fn escaped<'a>(rest: &'a str, out: &mut String) -> Option<&'a str> {
    let c = rest.chars().next()?;
    let tail = rest.get(c.len_utf8()..)?;
    match c {
        'x' => {
            let (hex, tail) = tail.split_once("\\x")?;
            let digits: Vec<char> = hex.chars().filter(|c| !c.is_ascii_whitespace()).collect();
            if digits.is_empty()
                || !digits.len().is_multiple_of(2)
                || !digits.iter().all(char::is_ascii_hexdigit)
            {
                return None;
            }
            for pair in digits.chunks(2) {
                write!(out, "\\x{}", pair.iter().collect::<String>()).ok()?;
            }
            return Some(tail);
        }
        'Z' => out.push_str("\\z"),
        'h' => out.push_str("[ \\t]"),
        'v' => out.push_str("[\\n\\x0B\\f\\r]"),
        's' | 'd' | 'w' | 'S' | 'D' | 'W' | 'A' | 'z' | 'b' | 'B' | 'n' | 'r' | 't' => {
            out.push('\\');
            out.push(c);
        }
        c if c.is_ascii_alphanumeric() => return None,
        c if c.is_ascii() => write!(out, "\\x{:02X}", u32::from(c)).ok()?,
        c => out.push(c),
    }
    Some(tail)
}

#[cfg(test)]
mod tests {
    use super::translate;

    #[test]
    fn classic_and_enhanced_forms_translate() {
        for (pattern, ours) in [
            (r"a\.b", Some(r"a\x2Eb")),
            (r"a{2-4}b", Some(r"a(?s:.){2,4}b")),
            (r"a{2,4}", Some(r"a{2,4}")),
            (r"a{2,}", Some(r"a{2,}")),
            (r"\x41 42\xz", Some(r"\x41\x42z")),
            (r"\Aweb\Z", Some(r"\Aweb\z")),
            (r"\x4\x", None),
            (r"\k", None),
            (r"\", None),
            (r"a{b}", None),
        ] {
            assert_eq!(translate(pattern).as_deref(), ours, "{pattern}");
        }
    }
}
