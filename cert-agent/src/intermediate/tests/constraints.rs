//! Which names a leash lets pass, and which certificates are on one.

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, CustomExtension, GeneralSubtree, IsCa, KeyPair,
    NameConstraints,
};
use sallyport_contract::DnsNames;

use crate::{intermediate::constraints::Permitted, key::PrivateKey};

fn permitted(domains: &[&str]) -> Permitted {
    Permitted::from_spec(&domains.iter().map(|&domain| domain.to_owned()).collect::<Vec<_>>()).unwrap()
}

#[test]
fn a_domain_stands_for_itself_and_all_names_below_it() {
    for (domains, name, passes) in [
        (&["corp.example"][..], "web.shop.corp.example", true),
        (&["corp.example"], "corp.example", true),
        (&["corp.example"], "*.shop.corp.example", true),
        (&["corp.example"], "*.corp.example", true),
        (&["corp.example"], "evilcorp.example", false),
        (&["corp.example"], "corp.example.evil.example", false),
        (&["shop.corp.example"], "*.corp.example", false),
        (&["shop.corp.example"], "web.bank.corp.example", false),
        (&["a.example", "b.example"], "x.b.example", true),
        (&["Corp.Example"], "web.corp.example", true),
    ] {
        let names = DnsNames::new([name.parse().unwrap()]).unwrap();
        assert_eq!(permitted(domains).first_outside(&names).is_none(), passes, "{domains:?} {name}");
    }
    let names = ["web.corp.example", "web.other.example"].map(|name| name.parse().unwrap());
    let outside = DnsNames::new(names).unwrap();
    let outside = permitted(&["corp.example"]).first_outside(&outside).map(ToString::to_string);
    assert_eq!(outside.as_deref(), Some("web.other.example"), "one is enough");
}

#[test]
fn what_is_no_domain_is_no_leash() {
    for (domains, told) in [
        (&[][..], "permits no DNS domain"),
        (&["example"], "single label"),
        (&["*.corp.example"], "without a *"),
        (&[".corp.example"], "empty label"),
        (&["10.0.0.1"], "IP address"),
    ] {
        let domains: Vec<String> = domains.iter().map(|&domain: &&str| domain.to_owned()).collect();
        let error = Permitted::from_spec(&domains).unwrap_err().to_string();
        assert!(error.contains(told), "{domains:?}: {error}");
    }
}

/// What a certificate with these constraints is found to permit, or why it is on no leash.
fn found(change: impl FnOnce(&mut CertificateParams)) -> Result<String, String> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    change(&mut params);
    let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    let (_, made) = x509_parser::parse_x509_certificate(made.der()).unwrap();
    Permitted::of_certificate(&made).map(|found| found.to_string()).map_err(|error| error.to_string())
}

const ANY4: GeneralSubtree = GeneralSubtree::IpAddress(CidrSubnet::V4([0; 4], [0; 4]));
const ANY6: GeneralSubtree = GeneralSubtree::IpAddress(CidrSubnet::V6([0; 16], [0; 16]));

#[test]
fn a_certificate_is_on_a_leash_only_as_we_ask_for_it() {
    let domain = |name: &str| GeneralSubtree::DnsName(name.to_owned());
    let everywhere = || vec![ANY4, ANY6];
    for (permitted_subtrees, excluded_subtrees, expected) in [
        (vec![domain("corp.example"), domain("a.example")], everywhere(), Ok("a.example, corp.example")),
        (vec![], everywhere(), Err("permits no DNS domain")),
        (vec![domain("")], everywhere(), Err("permit DNSName()")),
        (vec![domain(".corp.example")], everywhere(), Err("permit DNSName(.corp.example)")),
        (vec![domain("example")], everywhere(), Err("permit DNSName(example)")),
        (
            vec![domain("corp.example"), GeneralSubtree::Rfc822Name("corp.example".to_owned())],
            everywhere(),
            Err("permit RFC822Name(corp.example)"),
        ),
        (vec![domain("corp.example")], vec![], Err("do not exclude every IP address")),
        (vec![domain("corp.example")], vec![ANY4], Err("do not exclude every IP address")),
        (
            vec![domain("corp.example")],
            vec![ANY6, GeneralSubtree::IpAddress(CidrSubnet::V4([0; 4], [128, 0, 0, 0]))],
            Err("do not exclude every IP address"),
        ),
    ] {
        let constraints = NameConstraints { permitted_subtrees, excluded_subtrees };
        let got = found(|params| params.name_constraints = Some(constraints));
        match expected {
            Ok(domains) => assert_eq!(got.as_deref(), Ok(domains)),
            Err(told) => assert!(got.as_ref().is_err_and(|error| error.contains(told)), "{told}: {got:?}"),
        }
    }
    assert!(found(|_| {}).is_err_and(|error| error.contains("has no name constraints")));
}

#[test]
fn constraints_that_a_client_may_ignore_are_none() {
    let key = PrivateKey::generate().unwrap();
    let value = permitted(&["corp.example"]).extension(&key).unwrap();
    for (critical, value, expected) in [
        (true, value.clone(), Ok("corp.example")),
        (false, value, Err("are not critical")),
        (true, vec![0x30, 0], Err("permits no DNS domain")),
        (true, vec![0x04, 0], Err("cannot be read")),
    ] {
        let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, 30], value);
        extension.set_criticality(critical);
        let got = found(|params| params.custom_extensions.push(extension));
        match expected {
            Ok(domains) => assert_eq!(got.as_deref(), Ok(domains)),
            Err(told) => assert!(got.as_ref().is_err_and(|error| error.contains(told)), "{told}: {got:?}"),
        }
    }
}
