//! Text for people and for what shows it to them.

use jiff::SignedDuration;

/// The same without control characters, line ends apart: words from outside must not move a
/// cursor, and in XML they have no place, escaped or not.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// A length in its two largest units: `6d 3h`, `41s`.
pub(crate) fn rounded(length: SignedDuration) -> String {
    let seconds = length.as_secs().max(0);
    let units = [(86_400, "d"), (3600, "h"), (60, "m"), (1, "s")];
    let (mut left, mut parts) = (seconds, Vec::new());
    for (size, unit) in units {
        if left >= size && parts.len() < 2 {
            parts.push(format!("{}{unit}", left / size));
            left %= size;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}
