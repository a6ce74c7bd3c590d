//! The temporary credentials that the stand-in hands out, and what it makes of access keys that come back.
//!
//! Keys that it did not make pass, as an administrator's would, unless they look like temporary ones.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;
use time::OffsetDateTime;

use crate::{
    authority::hex,
    error::{AwsError, Code},
};

/// How sessions are handed out; `POST /sessions` changes it.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct SessionRules {
    /// How long a session lasts.
    pub lifetime_seconds: u32,
    /// What AssumeRole must bring as its external id.
    pub external_id: Option<String>,
}

impl Default for SessionRules {
    fn default() -> Self {
        Self { lifetime_seconds: 3600, external_id: None }
    }
}

/// Temporary credentials.
#[derive(Clone)]
pub struct Session {
    /// Begins with `ASIA`.
    pub access_key: String,
    /// What the client signs with; the stand-in checks no signature.
    pub secret_key: String,
    /// Must come with each call.
    pub token: String,
    /// Whose they are: the ARN of an assumed role.
    pub caller: String,
    /// When they end.
    pub ends: OffsetDateTime,
}

/// The sessions handed out so far.
#[derive(Default)]
pub struct Sessions {
    /// How the next are handed out.
    pub rules: SessionRules,
    by_key: BTreeMap<String, Session>,
}

impl Sessions {
    /// Makes credentials for a caller.
    pub fn hand_out(&mut self, caller: &str, now: OffsetDateTime) -> Session {
        let random: [u8; 24] = rand::random();
        let text = hex(&random).to_uppercase();
        let (key, secret) = text.split_at(16);
        let lifetime = Duration::from_secs(self.rules.lifetime_seconds.into());
        let session = Session {
            access_key: format!("ASIA{key}"),
            secret_key: secret.to_owned(),
            token: format!("session-token-{text}"),
            caller: caller.to_owned(),
            ends: now + lifetime,
        };
        self.by_key.insert(session.access_key.clone(), session.clone());
        session
    }

    /// Ends all, as a changed role or a revocation of its sessions does, before their own time.
    pub fn end_all(&mut self, now: OffsetDateTime) {
        self.by_key.values_mut().for_each(|session| session.ends = now);
    }

    /// The secret keys and tokens of all.
    pub fn secrets(&self) -> Vec<String> {
        let both = |session: &Session| [session.secret_key.clone(), session.token.clone()];
        self.by_key.values().flat_map(both).collect()
    }

    /// Whose call it is. Keys that begin with `ASIA` are temporary:
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>.
    ///
    /// # Errors
    /// `UnrecognizedClientException` for temporary keys that the stand-in did not make, or without their token,
    /// `ExpiredTokenException` for those that have ended; texts as in <https://github.com/iann0036/iamlive/issues/58>
    /// and <https://docs.aws.amazon.com/privateca/latest/APIReference/CommonErrors.html>.
    pub fn caller(&self, key: &str, token: &str, now: OffsetDateTime) -> Result<String, AwsError> {
        if !key.starts_with("ASIA") {
            return Ok(key.to_owned());
        }
        let session = self.by_key.get(key).filter(|session| session.token == token).ok_or_else(|| {
            AwsError::new(Code::UnrecognizedClient, "The security token included in the request is invalid.")
        })?;
        if now >= session.ends {
            return Err(AwsError::new(
                Code::ExpiredToken,
                "The security token included in the request is expired",
            ));
        }
        Ok(session.caller.clone())
    }
}

/// The ARN under which a role's session appears:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>.
pub fn assumed(role_arn: &str, session_name: &str) -> Option<String> {
    let parts: Vec<&str> = role_arn.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", partition, "iam", "", account, path] => {
            let name = path.strip_prefix("role/")?.rsplit('/').next()?;
            Some(format!("arn:{partition}:sts::{account}:assumed-role/{name}/{session_name}"))
        }
        _ => None,
    }
}

/// The account of a caller, if it is a role's session.
pub fn account(caller: &str) -> Option<&str> {
    caller.split(':').nth(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_good_until_it_ends_and_only_with_its_token() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let mut sessions = Sessions::default();
        let one = sessions.hand_out("arn:aws:sts::1:assumed-role/a/b", now);
        let kind = |key: &str, token: &str, at| {
            sessions.caller(key, token, at).map_err(|error| error.kind().to_owned())
        };
        let last = now + Duration::from_secs(3599);
        assert_eq!(kind(&one.access_key, &one.token, last), Ok(one.caller.clone()));
        let ended = now + Duration::from_secs(3600);
        assert_eq!(kind(&one.access_key, &one.token, ended), Err("ExpiredTokenException".to_owned()));
        assert_eq!(kind(&one.access_key, "", now), Err("UnrecognizedClientException".to_owned()));
        assert_eq!(kind("ASIAUNKNOWN", &one.token, now), Err("UnrecognizedClientException".to_owned()));
        assert_eq!(kind("AKIDADMIN", "", ended), Ok("AKIDADMIN".to_owned()));
        sessions.end_all(now);
        let kind = sessions.caller(&one.access_key, &one.token, now).map_err(|error| error.kind().to_owned());
        assert_eq!(kind, Err("ExpiredTokenException".to_owned()));
    }

    #[test]
    fn a_role_appears_as_its_session() {
        let caller = assumed("arn:aws-cn:iam::210987654321:role/platform/pca-issuer", "me").unwrap();
        assert_eq!(caller, "arn:aws-cn:sts::210987654321:assumed-role/pca-issuer/me");
        assert_eq!(account(&caller), Some("210987654321"));
        assert_eq!(assumed("arn:aws:iam::210987654321:user/me", "me"), None);
    }
}
