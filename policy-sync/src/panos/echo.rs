//! Whether an answer repeats a secret that we sent: an error page of a proxy may show the whole request.

use std::collections::HashSet;

/// So many letters and digits of a secret in a row give it away.
const PIECE: usize = 8;
/// Of an error, more bytes than this are not searched: it counts as one that repeats.
const SEARCHED: usize = 128 << 10;

/// Whether a piece of a secret stands in an answer, however it is encoded: only letters and digits are compared.
pub(super) fn repeats(answer: &str, secrets: &[&str]) -> bool {
    if answer.len() > SEARCHED {
        return true;
    }
    let forms = [bare(answer.as_bytes()), bare(&decoded(answer.as_bytes()))];
    secrets.iter().any(|secret| {
        let secret = bare(secret.as_bytes());
        let size = PIECE.min(secret.len());
        // Of a secret without letters and digits nobody can tell.
        let pieces: HashSet<&[u8]> = secret.windows(size.max(1)).collect();
        size == 0 || forms.iter().any(|form| form.windows(size).any(|piece| pieces.contains(piece)))
    })
}

/// The letters and digits; of other scripts every byte.
fn bare(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii()).collect()
}

/// The text with what forms, XML and JSON write in its stead.
fn decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        if let Some((meant, after)) = escape(rest) {
            out.extend(meant);
            rest = after;
        } else {
            out.push(*first);
            rest = after;
        }
    }
    out
}

/// What an escape at the start of the text means, and what follows it.
fn escape(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    if let Some(rest) = text.strip_prefix(b"%") {
        let (digits, rest) = rest.split_at_checked(2)?;
        return Some((vec![u8::try_from(number(digits, 16)?).ok()?], rest));
    }
    if let Some(rest) = text.strip_prefix(b"\\u") {
        let (digits, rest) = rest.split_at_checked(4)?;
        return Some((character(number(digits, 16)?), rest));
    }
    let rest = text.strip_prefix(b"&")?;
    let end = rest.iter().take(10).position(|byte| *byte == b';')?;
    let (name, rest) = (rest.get(..end)?, rest.get(end + 1..)?);
    let meant = match (name.strip_prefix(b"#x").or_else(|| name.strip_prefix(b"#X")), name.strip_prefix(b"#"))
    {
        (Some(digits), _) => character(number(digits, 16)?),
        (None, Some(digits)) => character(number(digits, 10)?),
        // The named ones stand for punctuation.
        (None, None) => Vec::new(),
    };
    Some((meant, rest))
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
}

fn character(code: u32) -> Vec<u8> {
    char::from_u32(code).map(|c| c.to_string().into_bytes()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::repeats;

    #[test]
    fn law_11_a_secret_is_found_in_every_encoding_and_also_a_piece_of_it() {
        let secret = "c0rrect h&rse/bättery";
        for answer in [
            "GET /?password=c0rrect+h%26rse%2Fb%c3%a4ttery HTTP/1.1",
            "<p>c0rrect h&amp;rse/bättery</p>",
            "<p>c0rrect h&#38;rse/b&#xe4;ttery</p>",
            "{\"password\": \"c0rrect h\\u0026rse\\/b\\u00e4ttery\"}",
            "c0rrect%20h%26rs",
            "%63%30%72%72%65%63%74%20%68",
        ] {
            assert!(repeats(answer, &["another one", secret]), "{answer}");
        }
        for answer in
            ["", "502 Bad Gateway", "the correct horse", "c0rrect", "100 % &c; \\u12", "&#xffffffff;"]
        {
            assert!(!repeats(answer, &[secret]), "{answer}");
        }
        assert!(repeats("502", &["!?#"]), "it cannot be told");
        assert!(repeats(&"x".repeat(1 << 20), &[secret]), "it is not searched");
    }
}
