//! Request parameters: query string and form body, mixed as clients mix them; the body wins.

use std::collections::BTreeMap;

/// The parameters of a request by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Params(BTreeMap<String, String>);

impl Params {
    pub(crate) fn parse(query: &str, body: &str) -> Self {
        let pairs = query.split('&').chain(body.split('&')).filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(key, value)| (decode(key), decode(value)))
                .collect(),
        )
    }

    /// The value; empty when the parameter is absent.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }

    /// The value, if the parameter is there and not empty.
    pub(crate) fn given(&self, name: &str) -> Option<&str> {
        Some(self.get(name)).filter(|value| !value.is_empty())
    }
}

/// Undoes form encoding. What is not valid encoding stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let hex =
            |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
        let mut ahead = rest.clone();
        match (byte, hex(ahead.next()), hex(ahead.next())) {
            (b'+', ..) => bytes.push(b' '),
            (b'%', Some(high), Some(low)) => {
                bytes.push(high * 16 + low);
                rest = ahead;
            }
            (other, ..) => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_and_body_are_read_together() {
        let params =
            Params::parse("type=config&action=get&key=q", "xpath=%2Fconfig%2Fa%20b+c&key=b&bad=%zz%4&empty=");
        for (name, value) in [
            ("type", "config"),
            ("xpath", "/config/a b c"),
            ("key", "b"),
            ("bad", "%zz%4"),
            ("empty", ""),
            ("absent", ""),
        ] {
            assert_eq!(params.get(name), value, "{name}");
        }
        assert_eq!(params.given("empty"), None);
        assert_eq!(decode("%E2%82%AC%ff"), "€\u{fffd}");
    }
}
