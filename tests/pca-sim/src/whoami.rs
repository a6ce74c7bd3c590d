//! The one call to another service that an issuer of intermediates makes: STS GetCallerIdentity, in the AWS query protocol.
//! Everybody is of the account that owns the CAs, but who signs with an access key `AKIA` and twelve digits is of that one.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>

use axum::{
    http::{
        HeaderMap,
        header::{AUTHORIZATION, CONTENT_TYPE},
    },
    response::{IntoResponse as _, Response},
};

/// Whether this is the call: a form, and not JSON as every call to AWS Private CA.
pub fn is_asked(headers: &HeaderMap, body: &[u8]) -> bool {
    let asks = String::from_utf8_lossy(body).contains("Action=GetCallerIdentity");
    text(headers, CONTENT_TYPE.as_str()).starts_with("application/x-www-form-urlencoded") && asks
}

/// The answer; `owner` is the account that owns the CAs.
pub fn answer(headers: &HeaderMap, owner: &str) -> Response {
    let key = text(headers, AUTHORIZATION.as_str()).split_once("Credential=AKIA");
    let account = key.and_then(|(_, key)| key.get(..12));
    let account =
        account.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit())).unwrap_or(owner);
    let text = format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Arn>arn:aws:iam::{account}:user/somebody</Arn><UserId>AIDASOMEBODY</UserId><Account>{account}</Account>\
         </GetCallerIdentityResult><ResponseMetadata><RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId>\
         </ResponseMetadata></GetCallerIdentityResponse>"
    );
    ([(CONTENT_TYPE, "text/xml")], text).into_response()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
