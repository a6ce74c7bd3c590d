//! Certificates with one thing wrong each, and what openssl makes of what an intermediate signs.

use std::{path::PathBuf, process::Command};

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use sallyport_contract::{duration::Duration, object::IntermediateCa};
use sallyport_process::clock::Clock;

use super::ca::{ARN, Ca, offset};
use crate::{
    chain,
    intermediate::{
        asked::{Asked, TEMPLATE},
        held::Held,
        stored::Stored,
    },
    key::PrivateKey,
};

pub(super) fn spec(domains: &[&str]) -> IntermediateCa {
    IntermediateCa {
        parent: "corp-pca".to_owned(),
        permitted_dns_domains: domains.iter().map(|&domain| domain.to_owned()).collect(),
        lifetime: Duration::from_secs(720 * 3600),
    }
}

pub(super) fn clock() -> Clock {
    Clock::manual("2027-01-01T00:00:00Z".parse().unwrap())
}

struct Made {
    ca: Ca,
    key: PrivateKey,
    asked: Asked,
    now: Timestamp,
}

fn made() -> Made {
    let clock = clock();
    let (ca, key, now) = (Ca::new(&clock), PrivateKey::generate().unwrap(), clock.now());
    let ends = ca.looked.lock().unwrap().described.not_after;
    let asked = Asked::new(&key, "corp-app", &spec(&["corp.example"]), (ARN, ends), now).unwrap();
    Made { ca, key, asked, now }
}

impl Made {
    fn judged(&self, change: impl FnOnce(&mut CertificateParams)) -> Result<Held, String> {
        let der = chain::read("it", &self.ca.sign(&self.asked, change)).unwrap();
        let path: Vec<Vec<u8>> = der.into_iter().chain(self.ca.path()).collect();
        let held = Held::new(self.key.clone(), path, self.now).map_err(|error| error.to_string())?;
        held.is_what_was_asked(&self.asked, &self.ca.path()).map_err(|error| error.to_string())?;
        Ok(held)
    }
}

#[test]
fn law_8_what_was_asked_for_is_decided_once_and_stays_within_bounds() {
    let Made { ca, key, asked, now } = made();
    assert_eq!(asked.token.len(), 36);
    assert_eq!(asked.not_after, now.saturating_add(SignedDuration::from_hours(720)).unwrap());
    assert_eq!(asked.not_before, now.saturating_sub(SignedDuration::from_hours(1)).unwrap());
    let at = |hours: i64| now.saturating_add(SignedDuration::from_hours(hours)).unwrap();
    let ask = |spec: &IntermediateCa, ends| Asked::new(&key, "corp-app", spec, (ARN, ends), now);
    let again = ask(&spec(&["corp.example"]), ca.looked.lock().unwrap().described.not_after).unwrap();
    assert_eq!((&again.token, &again.constraints), (&asked.token, &asked.constraints));
    let other = ask(&spec(&["other.example"]), at(8760)).unwrap();
    assert_ne!(other.token, asked.token);
    let cut = ask(&spec(&["corp.example"]), at(100)).unwrap();
    assert_eq!(cut.not_after, at(100).saturating_sub(SignedDuration::from_mins(10)).unwrap());
    for (hours, ends, told) in [
        (720, 20, "the parent's own certificate ends"),
        (23, 9000, "a day at least and a year at most"),
        (8785, 90_000, "a day at least and a year at most"),
    ] {
        let spec = IntermediateCa { lifetime: Duration::from_secs(hours * 3600), ..spec(&["corp.example"]) };
        let error = ask(&spec, at(ends)).unwrap_err().to_string();
        assert!(error.contains(told), "{hours} {ends}: {error}");
    }
}

#[test]
fn law_4_only_what_was_asked_for_may_sign() {
    let made = made();
    let held = made.judged(|_| {}).unwrap();
    assert_eq!(held.permitted().to_string(), "corp.example");
    let constraints = |critical: bool, value: Vec<u8>| {
        let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, 30], value);
        extension.set_criticality(critical);
        vec![extension]
    };
    let value = made.asked.constraints.clone();
    let wider = Asked::new(
        &made.key,
        "corp-app",
        &spec(&["corp.example", "other.example"]),
        (ARN, made.asked.not_after),
        made.now,
    );
    let wider = wider.unwrap().constraints;
    type Change<'a> = Box<dyn FnOnce(&mut CertificateParams) + 'a>;
    let cases: Vec<(&str, Change<'_>)> = vec![
        ("has no name constraints", Box::new(|params| params.custom_extensions.clear())),
        ("are not critical", Box::new(|params| params.custom_extensions = constraints(false, value))),
        (
            "not those that were asked for",
            Box::new(|params| params.custom_extensions = constraints(true, wider)),
        ),
        ("path length of 0", Box::new(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained))),
        ("path length of 0", Box::new(|params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1)))),
        ("path length of 0", Box::new(|params| params.is_ca = IsCa::ExplicitNoCa)),
        ("no key usage", Box::new(|params| params.key_usages = vec![KeyUsagePurpose::DigitalSignature])),
        ("key usage is", Box::new(|params| params.key_usages.push(KeyUsagePurpose::KeyEncipherment))),
        (
            "2.5.29.37",
            Box::new(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
        ),
        ("ends at", Box::new(|params| params.not_after += time::Duration::hours(1))),
        ("ends at", Box::new(|params| params.not_after -= time::Duration::hours(1))),
        ("is valid from", Box::new(|params| params.not_before += time::Duration::hours(2))),
    ];
    for (told, change) in cases {
        let error = made.judged(change).err().unwrap_or_else(|| panic!("{told}: it was taken"));
        assert!(error.contains(told), "{told}: {error}");
    }
}

#[test]
fn law_4_a_key_or_a_parent_of_somebody_else_is_told() {
    let made = made();
    let der = chain::read("it", &made.ca.sign(&made.asked, |_| {})).unwrap();
    let path: Vec<Vec<u8>> = der.iter().cloned().chain(made.ca.path()).collect();
    let foreign = PrivateKey::generate().unwrap();
    let error = Held::new(foreign, path, made.now).err().unwrap().to_string();
    assert!(error.contains("another key"), "{error}");
    let elsewhere: Vec<Vec<u8>> = der.into_iter().chain(Ca::new(&clock()).path()).collect();
    let error = Held::new(made.key.clone(), elsewhere, made.now).err().unwrap().to_string();
    assert!(error.contains("is not signed by the certificate above it"), "{error}");
}

#[test]
fn law_11_what_is_stored_is_read_back_and_a_spoiled_secret_is_told_without_its_text() {
    let made = made();
    let held = made.judged(|_| {}).unwrap();
    let stored = Stored { held, parent: ARN.to_owned(), certificate: format!("{ARN}/certificate/1") };
    let secret = stored.secret("sallyport-system", "corp-app");
    let read = Stored::read(&secret, made.now).unwrap();
    assert_eq!((read.parent, read.certificate), (stored.parent, stored.certificate));
    assert_eq!(read.held.path(), stored.held.path());
    for part in ["tls.key", "tls.crt", "ca.crt", "parent", "arn"] {
        let mut spoiled = secret.clone();
        spoiled.data.as_mut().unwrap().remove(part);
        let error = Stored::read(&spoiled, made.now).err().unwrap().to_string();
        assert!(error.contains(part), "{part}: {error}");
    }
    let mut foreign = secret.clone();
    foreign.metadata.labels = None;
    assert!(Stored::read(&foreign, made.now).err().unwrap().to_string().contains("not of type"));
    let later = made.asked.not_after;
    assert!(Stored::read(&secret, later).err().unwrap().to_string().contains("is valid from"));
}

/// A leaf for one name, signed by the intermediate and judged by nobody.
fn leaf(made: &Made, held: &Held, name: &str) -> String {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    (params.not_before, params.not_after) = (offset(made.now), offset(made.asked.not_after));
    let issuer = Issuer::from_ca_cert_pem(&chain::pem(&held.path()[0]), held.key().pair().unwrap()).unwrap();
    params.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap().pem()
}

/// What `openssl verify` says of a leaf below root and intermediate at this time.
fn openssl(root: &str, between: &str, leaf: &str, at: Timestamp) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (root, between, leaf) = (file("root", root), file("between", between), file("leaf", leaf));
    let output = Command::new("openssl")
        .args(["verify", "-x509_strict", "-purpose", "sslserver", "-attime", &at.as_second().to_string()])
        .arg("-CAfile")
        .arg(root)
        .arg("-untrusted")
        .arg(between)
        .arg(leaf)
        .output()
        .expect("openssl must be installed");
    if output.status.success() { Ok(()) } else { Err(String::from_utf8(output.stderr).unwrap()) }
}

#[test]
fn openssl_takes_names_inside_the_constraints_and_refuses_those_outside() {
    let made = made();
    let held = made.judged(|_| {}).unwrap();
    let (root, between) = (chain::pem(&made.ca.path()[0]), chain::pem(&held.path()[0]));
    for (name, passes) in [
        ("web.shop.corp.example", true),
        ("corp.example", true),
        ("*.shop.corp.example", true),
        ("web.bank.example", false),
        ("evilcorp.example", false),
        ("10.0.0.1", false),
        ("fd00::1", false),
    ] {
        let leaf = leaf(&made, &held, name);
        let told =
            openssl(&root, &between, &leaf, made.now.saturating_add(SignedDuration::from_hours(1)).unwrap());
        match (passes, &told) {
            (true, told) => assert_eq!(*told, Ok(()), "{name}"),
            (false, Ok(())) => panic!("openssl takes {name}"),
            (false, Err(words)) => assert!(words.contains("subtree violation"), "{name}: {words}"),
        }
    }
}

/// `IssueCertificate` with that one template, and three reads: what the command calls, and nothing else.
#[test]
fn the_policy_of_the_role_allows_what_the_command_calls() {
    let text = include_str!("../../../../manifests/aws/iam-intermediate-issuer.json");
    let policy: serde_json::Value = serde_json::from_str(text).unwrap();
    let [issue, read] = policy["Statement"].as_array().unwrap().as_slice() else { panic!("{policy}") };
    assert_eq!(issue["Action"], "acm-pca:IssueCertificate");
    let template = format!("arn:*:acm-pca:::template/{TEMPLATE}");
    let condition = serde_json::json!({"ArnLike": {"acm-pca:TemplateArn": template}});
    assert_eq!(issue["Condition"], condition);
    let reads = ["DescribeCertificateAuthority", "GetCertificateAuthorityCertificate", "GetCertificate"];
    assert_eq!(read["Action"], serde_json::json!(reads.map(|call| format!("acm-pca:{call}"))));
    for statement in [issue, read] {
        assert!(statement["Resource"].as_str().is_some_and(|arn| !arn.contains('*')), "{statement}");
    }
}
