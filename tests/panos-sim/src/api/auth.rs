//! Who is asking: `X-PAN-KEY` header, `key` parameter, or HTTP Basic.
//!
//! <https://docs.paloaltonetworks.com/ngfw/api/api-authentication-and-security>

use super::params::Params;
use crate::accounts::Accounts;
use hyper::HeaderMap;
use std::time::Instant;

/// The administrator, if key or password are right.
pub(crate) fn authenticate(
    accounts: &Accounts,
    headers: &HeaderMap,
    params: &Params,
    now: Instant,
) -> Option<String> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(key) = header("x-pan-key").or_else(|| params.given("key")) {
        return accounts.owner_of(key.trim(), now);
    }
    let (scheme, credentials) = header("authorization")?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = decode_base64(credentials.trim())?;
    let (user, password) = decoded.split_once(':')?;
    accounts.password_is(user, password).then(|| user.to_owned())
}

/// Standard Base64 with padding.
fn decode_base64(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let (mut buffer, mut bits) = (0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        buffer = buffer << 6 & 0x3fff | u32::from(digit);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(buffer >> bits & 0xff).ok()?);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_of_authentication_works_and_wrong_ones_do_not() {
        let accounts = Accounts::new([("admin".to_owned(), "s3:cret".to_owned())]);
        let now = Instant::now();
        let key = accounts.generate_key("admin", now);
        let headers = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            headers
        };
        let none = Params::default();
        for (what, headers, params, expected) in [
            ("header", headers("x-pan-key", &key), none.clone(), true),
            ("wrong header", headers("x-pan-key", "LUFRPT1x"), none.clone(), false),
            ("parameter", HeaderMap::new(), Params::parse(&format!("key={key}"), ""), true),
            // base64 of admin:s3:cret
            ("basic", headers("authorization", "Basic YWRtaW46czM6Y3JldA=="), none.clone(), true),
            ("wrong basic", headers("authorization", "Basic YWRtaW46eA=="), none.clone(), false),
            ("not base64", headers("authorization", "Basic ***"), none.clone(), false),
            ("bearer", headers("authorization", "Bearer x"), none.clone(), false),
            ("nothing", HeaderMap::new(), none, false),
        ] {
            let user = authenticate(&accounts, &headers, &params, now);
            assert_eq!(user.as_deref(), expected.then_some("admin"), "{what}");
        }
    }
}
