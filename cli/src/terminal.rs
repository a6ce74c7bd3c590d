//! Text for people and for what shows it to them.

/// The same without control characters, line ends apart: words from outside must not move a
/// cursor, and in XML they have no place, escaped or not.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}
