//! Idempotency: which calls to IssueCertificate are one and the same request.
//!
//! Tokens time out after five minutes, see `IdempotencyToken` in
//! <https://docs.aws.amazon.com/privateca/latest/APIReference/API_IssueCertificate.html>. What AWS answers to the same
//! token with *another* request is not documented; for the sister service a user got the old certificate back
//! (<https://github.com/hashicorp/terraform-provider-aws/pull/6666>). The stand-in takes this worst case.

use std::collections::HashMap;

use time::{Duration, OffsetDateTime};

use super::arn::CaArn;
use crate::error::AwsError;

/// How long a token is remembered.
pub const WINDOW: Duration = Duration::minutes(5);

const LONGEST: usize = 36;

/// Checks the length of a token: 1 to 36 characters.
///
/// # Errors
/// `ValidationException`, as <https://github.com/cert-manager/aws-privateca-issuer/issues/30> met it.
pub fn check(token: &str) -> Result<(), AwsError> {
    let refuse = |rule: String| Err(AwsError::constraint("idempotencyToken", token, &rule));
    match token.chars().count() {
        0 => refuse("Member must have length greater than or equal to 1".to_owned()),
        1..=LONGEST => Ok(()),
        _ => refuse(format!("Member must have length less than or equal to {LONGEST}")),
    }
}

/// The tokens seen of late, for each CA.
#[derive(Default, Debug)]
pub struct Tokens {
    seen: HashMap<(CaArn, String), (OffsetDateTime, String)>,
}

impl Tokens {
    /// The certificate ARN that `token` stands for at `now`.
    pub fn find(&self, ca: &CaArn, token: &str, now: OffsetDateTime) -> Option<&str> {
        let (at, arn) = self.seen.get(&(ca.clone(), token.to_owned()))?;
        (now - *at < WINDOW).then_some(arn)
    }

    /// Remembers what was issued for `token` at `now`, and forgets what has timed out.
    pub fn remember(&mut self, ca: &CaArn, token: &str, certificate_arn: &str, now: OffsetDateTime) {
        self.seen.retain(|_, (at, _)| now - *at < WINDOW);
        self.seen.insert((ca.clone(), token.to_owned()), (now, certificate_arn.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_to_thirty_six_characters() {
        for (length, good) in [(0, false), (1, true), (36, true), (37, false), (64, false)] {
            let answer = check(&"x".repeat(length));
            assert_eq!(answer.is_ok(), good, "{length}");
            if let Err(refusal) = answer {
                assert_eq!(refusal.kind(), "ValidationException");
            }
        }
    }

    #[test]
    fn a_token_stands_for_five_minutes_at_its_ca() {
        let start = OffsetDateTime::UNIX_EPOCH;
        let ca = |id| CaArn::new("eu-central-1", "123456789012", id);
        let mut tokens = Tokens::default();
        tokens.remember(&ca("a"), "t", "arn-1", start);
        for (ca_id, token, seconds, found) in [
            ("a", "t", 0, Some("arn-1")),
            ("a", "t", 299, Some("arn-1")),
            ("a", "t", 300, None),
            ("a", "u", 1, None),
            ("b", "t", 1, None),
        ] {
            let at = start + Duration::seconds(seconds);
            assert_eq!(tokens.find(&ca(ca_id), token, at), found, "{ca_id} {token} {seconds}");
        }
    }
}
