//! Whether the request is signed for this service and Region.
//!
//! The form of the header is checked, **the signature itself is not**: the stand-in knows no secret keys.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html>

use axum::http::{HeaderMap, header::AUTHORIZATION};

use crate::error::{AwsError, Code};

/// Checks the `Authorization` and `X-Amz-Date` headers; the answer is the access key.
///
/// # Errors
/// `MissingAuthenticationTokenException` without a header; `IncompleteSignatureException` for one that is not
/// SigV4 (status and type as in <https://github.com/iann0036/cloud9-sync/issues/10>);
/// `InvalidSignatureException` for another service (<https://github.com/aws/aws-sdk-ruby/issues/431>) or Region
/// (<https://github.com/fsouza/s3-upload-proxy/issues/241>).
pub fn check(headers: &HeaderMap, region: &str, service: &str) -> Result<String, AwsError> {
    let header = headers
        .get(AUTHORIZATION)
        .ok_or_else(|| AwsError::new(Code::MissingAuthenticationToken, "Missing Authentication Token"))?;
    let header = header.to_str().map_err(|_| incomplete("Authorization header is not text."))?;
    let parameters = header
        .strip_prefix("AWS4-HMAC-SHA256 ")
        .ok_or_else(|| incomplete(&format!("Unsupported algorithm in Authorization header: '{header}'.")))?;
    let find = |name: &str| {
        let mut parts = parameters.split(',').map(str::trim);
        parts
            .find_map(|part| part.strip_prefix(name)?.strip_prefix('=').filter(|value| !value.is_empty()))
            .ok_or_else(|| incomplete(&format!("Authorization header requires '{name}' parameter.")))
    };
    let credential = find("Credential")?;
    find("SignedHeaders")?;
    let signature = find("Signature")?;
    if signature.len() != 64 || !signature.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(incomplete("Signature is not 64 hexadecimal digits."));
    }
    if !headers.contains_key("x-amz-date") && !headers.contains_key("date") {
        return Err(incomplete(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
        ));
    }
    check_scope(credential, region, service)
}

/// The token that comes with temporary credentials, or nothing.
pub fn session_token(headers: &HeaderMap) -> &str {
    headers.get("x-amz-security-token").and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// `<access key>/<YYYYMMDD>/<region>/<service>/aws4_request`.
fn check_scope(credential: &str, region: &str, wanted: &str) -> Result<String, AwsError> {
    let wrong = |text: String| Err(AwsError::new(Code::InvalidSignature, text));
    match credential.split('/').collect::<Vec<_>>().as_slice() {
        [key, date, named, service, "aws4_request"] if !key.is_empty() && is_date(date) => {
            if *named != region {
                wrong(format!("Credential should be scoped to a valid region, not '{named}'. "))
            } else if *service != wanted {
                wrong(format!("Credential should be scoped to correct service: '{wanted}'. "))
            } else {
                Ok((*key).to_owned())
            }
        }
        _ => Err(incomplete(&format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{credential}'"
        ))),
    }
}

fn is_date(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn incomplete(text: &str) -> AwsError {
    AwsError::new(Code::IncompleteSignature, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(authorization: Option<String>) -> Result<String, String> {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-date", "20260101T000000Z".parse().unwrap());
        if let Some(text) = authorization {
            headers.insert(AUTHORIZATION, text.parse().unwrap());
        }
        check(&headers, "eu-central-1", "acm-pca").map_err(|refusal| refusal.kind().to_owned())
    }

    fn signed(credential: &str) -> Option<String> {
        let signature = "0a".repeat(32);
        Some(format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature={signature}"))
    }

    #[test]
    fn a_header_for_this_service_and_region_passes() {
        assert_eq!(answer(signed("AKID/20260101/eu-central-1/acm-pca/aws4_request")), Ok("AKID".to_owned()));
    }

    #[test]
    fn anything_else_is_refused_as_aws_does() {
        for (header, kind) in [
            (None, "MissingAuthenticationTokenException"),
            (Some("Bearer abc".to_owned()), "IncompleteSignatureException"),
            (Some("AWS4-HMAC-SHA256 Credential=a".to_owned()), "IncompleteSignatureException"),
            (
                Some("AWS4-HMAC-SHA256 Credential=a/20260101/eu-central-1/acm-pca/aws4_request, SignedHeaders=host, Signature=zz".to_owned()),
                "IncompleteSignatureException",
            ),
            (signed("AKID/20260101/eu-central-1/acm-pca"), "IncompleteSignatureException"),
            (signed("AKID/today/eu-central-1/acm-pca/aws4_request"), "IncompleteSignatureException"),
            (signed("AKID/20260101/us-east-1/acm-pca/aws4_request"), "InvalidSignatureException"),
            (signed("AKID/20260101/eu-central-1/acm/aws4_request"), "InvalidSignatureException"),
        ] {
            assert_eq!(answer(header.clone()), Err(kind.to_owned()), "{header:?}");
        }
    }

    #[test]
    fn a_date_is_required() {
        let mut headers = HeaderMap::new();
        let header = signed("AKID/20260101/eu-central-1/acm-pca/aws4_request").unwrap();
        headers.insert(AUTHORIZATION, header.parse().unwrap());
        assert_eq!(
            check(&headers, "eu-central-1", "acm-pca").unwrap_err().kind(),
            "IncompleteSignatureException"
        );
    }
}
