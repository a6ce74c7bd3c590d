//! The operations without the wire: what tokens, the clock, states and quotas make of a call.

use std::{collections::BTreeMap, sync::Arc, time::Duration as Span};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PublicKeyData as _};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use x509_parser::pem::{Pem, parse_x509_pem};

use super::{IssueDelay, Memory, Service, Tampering};
use crate::{
    AuthorityOptions, ManualClock, Operation, Quotas, Status, authority::Authority, rules::arn::CaArn,
};

const NOW: i64 = 1_790_000_000;
const DAY: i64 = 86_400;

/// Two CAs, the second under a root, in a time of its own.
struct Desk {
    service: Service,
    clock: Arc<ManualClock>,
    root: String,
    issuing: String,
}

impl Desk {
    fn new(quotas: Option<Quotas>, delay: IssueDelay) -> Self {
        let start = OffsetDateTime::from_unix_timestamp(NOW).unwrap();
        let clock = Arc::new(ManualClock::new(start));
        let make = |id: &str, intermediate| {
            let arn = CaArn::new("eu-central-1", "123456789012", id);
            let options =
                AuthorityOptions { intermediate, lifetime_days: 100, ..AuthorityOptions::default() };
            (arn.clone(), Authority::create(arn, &options, start).unwrap())
        };
        let authorities = BTreeMap::from([make("a", false), make("b", true)]);
        let mut arns = authorities.keys().map(ToString::to_string);
        let (root, issuing) = (arns.next().unwrap(), arns.next().unwrap());
        let memory = Memory::new(authorities, quotas, delay);
        let service = Service::new("eu-central-1", "123456789012", Arc::<ManualClock>::clone(&clock), memory);
        Self { service, clock, root, issuing }
    }

    fn at_once() -> Self {
        Self::new(None, IssueDelay { base: Span::ZERO, jitter: Span::ZERO })
    }

    fn call(&self, operation: Operation, parameters: &Value) -> Result<Value, String> {
        self.tampered(operation, parameters, None)
    }

    fn tampered(
        &self,
        operation: Operation,
        parameters: &Value,
        tampering: Option<Tampering>,
    ) -> Result<Value, String> {
        let answer = self.service.perform(operation, parameters.to_string().as_bytes(), tampering);
        answer.map_err(|refusal| refusal.kind().to_owned())
    }

    /// The ARN of a certificate, or the refusal.
    fn issue(&self, parameters: &Value) -> Result<String, String> {
        let answer = self.call(Operation::IssueCertificate, parameters)?;
        Ok(answer["CertificateArn"].as_str().unwrap().to_owned())
    }

    fn get(&self, ca: &str, arn: &str) -> Result<Value, String> {
        let parameters = json!({"CertificateAuthorityArn": ca, "CertificateArn": arn});
        self.call(Operation::GetCertificate, &parameters)
    }

    fn set(&self, ca: &str, status: Status) {
        self.service.set_status(&CaArn::parse(ca).unwrap(), status).unwrap();
    }
}

/// A CSR with a subject and two names, in PEM, and its key.
fn csr() -> (String, Vec<u8>) {
    let key = KeyPair::generate().unwrap();
    let names = ["a.shop.corp.example", "b.shop.corp.example"].map(str::to_owned);
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "web");
    (params.serialize_request(&key).unwrap().pem().unwrap(), key.subject_public_key_info())
}

/// The parameters of a call for a day.
fn asked(ca: &str) -> Value {
    asked_for(ca, &csr().0)
}

fn asked_for(ca: &str, csr: &str) -> Value {
    json!({
        "CertificateAuthorityArn": ca,
        "Csr": STANDARD.encode(csr),
        "SigningAlgorithm": "SHA256WITHECDSA",
        "TemplateArn": "arn:aws:acm-pca:::template/EndEntityServerAuthCertificate/V1",
        "Validity": {"Type": "DAYS", "Value": 1},
    })
}

/// The same with one more parameter, or another value for one.
fn with(parameters: &Value, name: &str, value: Value) -> Value {
    let mut changed = parameters.clone();
    changed.as_object_mut().unwrap().insert(name.to_owned(), value);
    changed
}

fn absolute(seconds: i64) -> Value {
    json!({"Type": "ABSOLUTE", "Value": seconds})
}

/// Begin and end in seconds.
fn window(answer: &Value) -> (i64, i64) {
    let (_, block) = parse_x509_pem(answer["Certificate"].as_str().unwrap().as_bytes()).unwrap();
    let validity = block.parse_x509().unwrap().validity().clone();
    (validity.not_before.timestamp(), validity.not_after.timestamp())
}

#[test]
fn the_window_on_the_certificate_is_the_one_that_was_asked() {
    let desk = Desk::at_once();
    let parameters = with(&asked(&desk.root), "Validity", absolute(NOW + 7200));
    for (parameters, expected) in [
        (parameters.clone(), (NOW - 3600, NOW + 7200)),
        (with(&parameters, "ValidityNotBefore", absolute(NOW - 300)), (NOW - 300, NOW + 7200)),
        (with(&parameters, "ValidityNotBefore", absolute(NOW + 60)), (NOW + 60, NOW + 7200)),
        (with(&parameters, "Validity", absolute(NOW + 100 * DAY)), (NOW - 3600, NOW + 100 * DAY)),
    ] {
        let arn = desk.issue(&parameters).unwrap();
        assert_eq!(window(&desk.get(&desk.root, &arn).unwrap()), expected);
    }
    let beyond = with(&parameters, "Validity", absolute(NOW + 100 * DAY + 1));
    assert_eq!(desk.issue(&beyond), Err("ValidationException".to_owned()), "the CA ends before");
}

#[test]
fn key_subject_and_names_are_the_csrs() {
    let desk = Desk::at_once();
    let (pem, key) = csr();
    let arn = desk.issue(&asked_for(&desk.root, &pem)).unwrap();
    let answer = desk.get(&desk.root, &arn).unwrap();
    let (_, block) = parse_x509_pem(answer["Certificate"].as_str().unwrap().as_bytes()).unwrap();
    let leaf = block.parse_x509().unwrap();
    assert_eq!(leaf.public_key().raw, key);
    assert_eq!(leaf.subject().to_string(), "CN=web");
    let names = leaf.subject_alternative_name().unwrap().unwrap().value.general_names.iter();
    let names = names.map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names, ["DNSName(a.shop.corp.example)", "DNSName(b.shop.corp.example)"]);
    let serial = leaf.raw_serial_as_string().replace(':', "");
    assert!(arn.ends_with(&format!("/{}", serial.trim_start_matches('0'))), "{arn} {serial}");
}

#[test]
fn one_token_is_one_certificate_whatever_else_the_call_says() {
    let desk = Desk::at_once();
    let parameters = with(&asked(&desk.root), "IdempotencyToken", json!("one"));
    let arn = desk.issue(&parameters).unwrap();
    for (what, again) in [
        ("the same", parameters.clone()),
        ("another CSR", with(&parameters, "Csr", json!(STANDARD.encode(csr().0)))),
        ("another end", with(&parameters, "Validity", absolute(NOW + 7200))),
        ("another template", with(&parameters, "TemplateArn", Value::Null)),
    ] {
        assert_eq!(desk.issue(&again).as_ref(), Ok(&arn), "{what}");
    }
    for (what, other) in [
        ("another token", with(&parameters, "IdempotencyToken", json!("two"))),
        ("no token", with(&parameters, "IdempotencyToken", Value::Null)),
        ("another CA", with(&parameters, "CertificateAuthorityArn", json!(desk.issuing))),
    ] {
        let other = desk.issue(&other).unwrap();
        assert_ne!(other, arn, "{what}");
    }
    assert_eq!(desk.service.memory().counters.certificates_issued, 4);
}

#[test]
fn a_token_times_out_five_minutes_after_its_first_use() {
    let desk = Desk::at_once();
    let parameters = with(&asked(&desk.root), "IdempotencyToken", json!("one"));
    let first = desk.issue(&parameters).unwrap();
    for (step, same) in [(100, true), (100, true), (99, true), (1, false)] {
        desk.clock.advance(Duration::seconds(step));
        assert_eq!(desk.issue(&parameters).unwrap() == first, same, "its use does not renew it");
    }
}

#[test]
fn a_refused_call_uses_up_no_token() {
    let desk = Desk::at_once();
    let good = with(&asked(&desk.root), "IdempotencyToken", json!("one"));
    let bad = with(&good, "Validity", absolute(NOW - 1));
    assert_eq!(desk.issue(&bad), Err("ValidationException".to_owned()));
    desk.set(&desk.root, Status::Disabled);
    assert_eq!(desk.issue(&good), Err("InvalidStateException".to_owned()));
    desk.set(&desk.root, Status::Active);
    let arn = desk.issue(&good).unwrap();
    assert!(desk.get(&desk.root, &arn).is_ok(), "a certificate of this call's own");
    desk.set(&desk.root, Status::Disabled);
    assert_eq!(desk.issue(&good), Err("InvalidStateException".to_owned()), "a known token does not help");
}

#[test]
fn only_an_active_ca_issues_and_what_else_each_state_allows() {
    let desk = Desk::at_once();
    let state = || Err("InvalidStateException".to_owned());
    for (status, issues, revokes, tells) in [
        (Status::Active, true, true, true),
        (Status::Disabled, false, true, true),
        (Status::Expired, false, false, true),
        (Status::Creating, false, false, false),
        (Status::PendingCertificate, false, false, false),
        (Status::Failed, false, false, false),
        (Status::Deleted, false, false, false),
    ] {
        desk.set(&desk.root, Status::Active);
        let arn = desk.issue(&asked(&desk.root)).unwrap();
        let serial = arn.rsplit('/').next().unwrap();
        desk.set(&desk.root, status);
        let own = json!({"CertificateAuthorityArn": desk.root});
        let revocation = json!({
            "CertificateAuthorityArn": desk.root, "CertificateSerial": serial, "RevocationReason": "SUPERSEDED",
        });
        let described = desk.call(Operation::DescribeCertificateAuthority, &own).unwrap();
        assert_eq!(described["CertificateAuthority"]["Status"], json!(status));
        for (what, answer, allowed) in [
            ("issue", desk.issue(&asked(&desk.root)).map(drop), issues),
            ("get", desk.get(&desk.root, &arn).map(drop), issues),
            ("revoke", desk.call(Operation::RevokeCertificate, &revocation).map(drop), revokes),
            ("tell", desk.call(Operation::GetCertificateAuthorityCertificate, &own).map(drop), tells),
        ] {
            assert_eq!(answer, if allowed { Ok(()) } else { state() }, "{what} {status:?}");
        }
    }
}

#[test]
fn a_ca_of_another_region_or_account_is_none_of_ours() {
    let desk = Desk::at_once();
    let elsewhere = [("eu-central-1", "us-east-1"), ("123456789012", "210987654321")];
    for (ours, theirs) in elsewhere {
        let ca = desk.root.replace(ours, theirs);
        let own = json!({"CertificateAuthorityArn": ca});
        let refused = Err("InvalidArnException".to_owned());
        assert_eq!(desk.issue(&asked(&ca)).map(drop), refused, "{theirs}");
        assert_eq!(desk.call(Operation::DescribeCertificateAuthority, &own).map(drop), refused, "{theirs}");
    }
    let unknown = desk.root.replace("/a", "/c");
    assert_eq!(desk.issue(&asked(&unknown)), Err("ResourceNotFoundException".to_owned()));
}

#[test]
fn a_certificate_is_not_shown_through_another_ca() {
    let desk = Desk::at_once();
    let arn = desk.issue(&asked(&desk.root)).unwrap();
    assert!(desk.get(&desk.root, &arn).is_ok());
    assert_eq!(desk.get(&desk.issuing, &arn), Err("InvalidArnException".to_owned()));
}

#[test]
fn a_certificate_is_in_progress_until_its_time_and_may_then_have_failed() {
    let desk = Desk::new(None, IssueDelay { base: Span::from_secs(3), jitter: Span::from_secs(2) });
    let progress = Err("RequestInProgressException".to_owned());
    let tampered = |tampering| {
        let answer = desk.tampered(Operation::IssueCertificate, &asked(&desk.root), tampering).unwrap();
        answer["CertificateArn"].as_str().unwrap().to_owned()
    };
    let (good, lost) = (tampered(None), tampered(Some(Tampering::LateFailure)));
    let never = tampered(Some(Tampering::InProgress));
    let get = |arn: &str| desk.get(&desk.root, arn).map(drop);
    desk.clock.advance(Duration::milliseconds(2_999));
    assert_eq!([get(&good), get(&lost), get(&never)], [progress.clone(), progress.clone(), progress.clone()]);
    desk.clock.advance(Duration::milliseconds(2_001));
    let failed = Err("RequestFailedException".to_owned());
    assert_eq!([get(&good), get(&lost), get(&never)], [Ok(()), failed, progress.clone()]);
    let revocation = json!({
        "CertificateAuthorityArn": desk.root, "CertificateSerial": good.rsplit('/').next().unwrap(),
        "RevocationReason": "KEY_COMPROMISE",
    });
    let revoke = || desk.call(Operation::RevokeCertificate, &revocation).map(drop);
    assert_eq!(revoke(), Ok(()));
    assert_eq!(revoke(), Err("RequestAlreadyProcessedException".to_owned()));
    assert_eq!(get(&good), Ok(()), "a revoked certificate is still answered");
}

#[test]
fn chains_lead_from_the_issuer_to_its_root_and_no_ca_stands_below() {
    let desk = Desk::at_once();
    for (ca, subjects, path_lengths) in [
        (&desk.root, vec!["O=pca-sim, CN=pca-sim root CA"], vec![None]),
        (
            &desk.issuing,
            vec!["O=pca-sim, CN=pca-sim issuing CA", "O=pca-sim, CN=pca-sim root CA"],
            vec![Some(0), None],
        ),
    ] {
        let arn = desk.issue(&asked(ca)).unwrap();
        let answer = desk.get(ca, &arn).unwrap();
        let text = format!(
            "{}\n{}",
            answer["Certificate"].as_str().unwrap(),
            answer["CertificateChain"].as_str().unwrap()
        );
        let blocks = Pem::iter_from_buffer(text.as_bytes()).collect::<Result<Vec<_>, _>>().unwrap();
        let path = blocks.iter().map(|block| block.parse_x509().unwrap()).collect::<Vec<_>>();
        let told = path.iter().skip(1).map(|ca| ca.subject().to_string()).collect::<Vec<_>>();
        assert_eq!(told, subjects);
        let lengths =
            path.iter().skip(1).map(|ca| ca.basic_constraints().unwrap().unwrap().value.path_len_constraint);
        assert_eq!(lengths.collect::<Vec<_>>(), path_lengths);
        for pair in path.windows(2) {
            assert_eq!(pair[0].issuer(), pair[1].subject());
            pair[0].verify_signature(Some(pair[1].public_key())).unwrap();
        }
    }
}

#[test]
fn a_throttled_call_does_nothing_and_counts_for_the_whole_account() {
    let quotas = Quotas { issue_per_second: 2, ..Quotas::default() };
    let desk = Desk::new(Some(quotas), IssueDelay { base: Span::ZERO, jitter: Span::ZERO });
    let parameters = with(&asked(&desk.root), "IdempotencyToken", json!("one"));
    desk.issue(&asked(&desk.root)).unwrap();
    desk.issue(&asked(&desk.issuing)).unwrap();
    for ca in [&desk.root, &desk.issuing] {
        let again = with(&parameters, "CertificateAuthorityArn", json!(ca));
        assert_eq!(desk.issue(&again), Err("ThrottlingException".to_owned()), "{ca}");
    }
    assert_eq!(desk.service.memory().counters.certificates_issued, 2);
    assert_eq!(desk.service.memory().ledger.list().len(), 2);
    desk.clock.advance(Duration::milliseconds(500));
    assert!(desk.issue(&parameters).is_ok(), "half a second brings one of two");
}
