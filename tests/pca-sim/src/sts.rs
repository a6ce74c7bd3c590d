//! AWS STS beside AWS Private CA, at the same endpoint: roles are assumed with credentials, or with a web identity; and who one is.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>,
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>. Its protocol is the AWS query
//! protocol, <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html>. Trust policies are not there: a role may be
//! assumed by all, with its external id if one is set.

use std::collections::HashMap;

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use time::OffsetDateTime;

use crate::{
    error::AwsError,
    ledger::rfc3339,
    protocol,
    rules::scope,
    service::Service,
    sessions::{self, Session},
};

/// The content type of the query protocol.
pub const FORM: &str = "application/x-www-form-urlencoded";

/// Answers one call.
pub fn call(service: &Service, headers: &HeaderMap, body: &[u8]) -> Response {
    let form: HashMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
    let action = form.get("Action").map(String::as_str).unwrap_or_default();
    let answer = match action {
        "AssumeRole" => by_credentials(service, headers, &form).map(|session| granted(action, &session)),
        "AssumeRoleWithWebIdentity" => {
            by_web_identity(service, &form).map(|session| granted(action, &session))
        }
        "GetCallerIdentity" => identity(service, headers),
        _ => Err(refusal("InvalidAction", &format!("Could not find operation {action}"))),
    };
    let (status, body) = match answer {
        Ok(body) => (StatusCode::OK, body),
        Err(error) => (error.status(), refused(&error)),
    };
    service.memory().counters.sts(action, status == StatusCode::OK);
    (status, [(CONTENT_TYPE, HeaderValue::from_static("text/xml"))], body).into_response()
}

fn by_credentials(
    service: &Service,
    headers: &HeaderMap,
    form: &HashMap<String, String>,
) -> Result<Session, AwsError> {
    let now = service.now();
    let key = scope::check(headers, &service.region, "sts")?;
    let mut memory = service.memory();
    let caller = memory.sessions.caller(&key, scope::session_token(headers), now)?;
    let role = field(form, "RoleArn")?;
    let wanted = memory.sessions.rules.external_id.as_deref();
    if wanted.is_some_and(|wanted| form.get("ExternalId").is_none_or(|id| id != wanted)) {
        let text = format!("User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role}");
        return Err(refusal("AccessDenied", &text));
    }
    Ok(memory.sessions.hand_out(&assumed(form)?, now))
}

fn by_web_identity(service: &Service, form: &HashMap<String, String>) -> Result<Session, AwsError> {
    field(form, "WebIdentityToken")?;
    let caller = assumed(form)?;
    Ok(service.memory().sessions.hand_out(&caller, service.now()))
}

/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>. An administrator is of the account that owns
/// the CAs, but who signs with an access key `AKIA` and twelve digits is of that account.
fn identity(service: &Service, headers: &HeaderMap) -> Result<String, AwsError> {
    let key = scope::check(headers, &service.region, "sts")?;
    let caller = service.memory().sessions.caller(&key, scope::session_token(headers), service.now())?;
    let foreign = key.strip_prefix("AKIA").and_then(|key| key.get(..12));
    let foreign = foreign.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
    let account = foreign.or_else(|| sessions::account(&caller)).unwrap_or(&service.account);
    Ok(format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Arn>arn:aws:iam::{account}:user/somebody</Arn><UserId>AIDASOMEBODY</UserId><Account>{account}</Account>\
         </GetCallerIdentityResult><ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata>\
         </GetCallerIdentityResponse>",
        protocol::uuid(rand::random()),
    ))
}

fn assumed(form: &HashMap<String, String>) -> Result<String, AwsError> {
    let role = field(form, "RoleArn")?;
    sessions::assumed(role, field(form, "RoleSessionName")?)
        .ok_or_else(|| refusal("ValidationError", &format!("{role} is invalid")))
}

fn field<'a>(form: &'a HashMap<String, String>, name: &str) -> Result<&'a str, AwsError> {
    form.get(name)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
        .ok_or_else(|| refusal("ValidationError", &format!("Value null at '{name}' must not be null")))
}

fn refusal(code: &str, message: &str) -> AwsError {
    let status = if code == "AccessDenied" { StatusCode::FORBIDDEN } else { StatusCode::BAD_REQUEST };
    AwsError::injected(code, message, status)
}

fn granted(action: &str, session: &Session) -> String {
    let Session { access_key, secret_key, token, caller, ends } = session;
    let ends: &OffsetDateTime = ends;
    format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>\
         <AssumedRoleUser><AssumedRoleId>AROASIM:session</AssumedRoleId><Arn>{caller}</Arn></AssumedRoleUser>\
         <Credentials><AccessKeyId>{access_key}</AccessKeyId><SecretAccessKey>{secret_key}</SecretAccessKey>\
         <SessionToken>{token}</SessionToken><Expiration>{}</Expiration></Credentials>\
         </{action}Result><ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata></{action}Response>",
        rfc3339(*ends),
        protocol::uuid(rand::random()),
    )
}

fn refused(error: &AwsError) -> String {
    format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
         <Code>{}</Code><Message>{}</Message></Error><RequestId>{}</RequestId></ErrorResponse>",
        error.kind(),
        escaped(error.message()),
        protocol::uuid(rand::random()),
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
