//! Certificates with one thing wrong each, made by hand; the stand-in for AWS tries what a CA could send.

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PublicKeyData as _,
};
use sallyport_contract::{DnsNames, object::Usage};
use time::{Duration, OffsetDateTime};

use super::{Expected, VerifiedLeaf, Wrong, pem, read, verify};

const NOW: i64 = 1_800_000_000;

fn day(days: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(NOW).unwrap() + Duration::days(days)
}

/// Root, intermediate and a leaf, each as one would have them until a test changes one.
struct Made {
    root: CertificateParams,
    between: CertificateParams,
    leaf: CertificateParams,
    keys: [KeyPair; 3],
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    (params.not_before, params.not_after) = (day(-10), day(3650));
    params
}

fn made() -> Made {
    let names = ["a.x.example", "b.x.example"].map(str::to_owned);
    let mut leaf = CertificateParams::new(names).unwrap();
    leaf.distinguished_name = DistinguishedName::new();
    leaf.is_ca = IsCa::ExplicitNoCa;
    leaf.use_authority_key_identifier_extension = true;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    (leaf.not_before, leaf.not_after) = (day(0), day(6));
    let keys = [(); 3].map(|()| KeyPair::generate().unwrap());
    Made { root: authority("root"), between: authority("between"), leaf, keys }
}

impl Made {
    fn judge(
        &self,
        change: impl FnOnce(&mut Vec<Vec<u8>>, &mut Option<String>),
    ) -> Result<VerifiedLeaf, Wrong> {
        let [root_key, between_key, leaf_key] = &self.keys;
        let root = self.root.self_signed(root_key).unwrap();
        let by_root = Issuer::from_params(&self.root, root_key);
        let between = self.between.signed_by(between_key, &by_root).unwrap();
        let by_between = Issuer::from_params(&self.between, between_key);
        let leaf = self.leaf.signed_by(leaf_key, &by_between).unwrap();
        let mut anchors = vec![between.der().to_vec(), root.der().to_vec()];
        let mut chain = Some(format!("{}{}", between.pem(), root.pem()));
        change(&mut anchors, &mut chain);
        let names = DnsNames::new(["a.x.example", "b.x.example"].map(|name| name.parse().unwrap())).unwrap();
        let expected = Expected {
            public_key: &leaf_key.subject_public_key_info(),
            dns_names: &names,
            usages: &[Usage::ServerAuth],
            not_after: Timestamp::from_second(day(6).unix_timestamp()).unwrap(),
        };
        let now = Timestamp::from_second(NOW).unwrap();
        verify(&leaf.pem(), chain.as_deref(), &expected, &anchors, now)
    }
}

#[test]
fn what_was_asked_for_passes_with_any_telling_of_the_chain() {
    let made = made();
    let whole = made.judge(|_, _| {}).unwrap();
    assert_eq!(read("leaf", whole.leaf()).unwrap().len(), 1);
    assert_eq!(read("between", whole.intermediates()).unwrap().len(), 1);
    assert!(whole.root().ends_with("-----END CERTIFICATE-----\n"));
    let mut root = String::new();
    let early = made.judge(|anchors, chain| {
        *chain = Some(pem(&anchors[0]));
        root = pem(&anchors[1]);
    });
    assert_eq!(early.unwrap().root(), root, "a chain that stops early goes on as the authority told");
    assert!(made.judge(|_, chain| *chain = None).is_ok());
}

#[test]
fn law_8_every_wrong_leaf_is_refused() {
    type Change = fn(&mut CertificateParams);
    let cases: [(&str, Change); 13] = [
        ("is one of a certificate authority", |leaf| leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
        ("has the subject", |leaf| leaf.distinguished_name.push(DnType::CommonName, "a.x.example")),
        ("has the names", |leaf| drop(leaf.subject_alt_names.pop())),
        ("has the names", |leaf| {
            leaf.subject_alt_names.push(rcgen::SanType::IpAddress("10.0.0.1".parse().unwrap()));
        }),
        ("has the names", |leaf| leaf.subject_alt_names.push(leaf.subject_alt_names[0].clone())),
        ("has no subject alternative name", |leaf| leaf.subject_alt_names.clear()),
        ("is for ServerAuth and ClientAuth", |leaf| {
            leaf.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
        }),
        ("is for something else", |leaf| leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any]),
        ("has no extended key usage", |leaf| leaf.extended_key_usages.clear()),
        ("key usage is", |leaf| leaf.key_usages.push(KeyUsagePurpose::KeyCertSign)),
        ("ends at", |leaf| leaf.not_after = day(7)),
        ("is valid from", |leaf| leaf.not_before = day(1)),
        ("extension 1.2.3.4", |leaf| {
            leaf.custom_extensions.push(CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]));
        }),
    ];
    for (told, change) in cases {
        let mut made = made();
        change(&mut made.leaf);
        let wrong = made.judge(|_, _| {}).unwrap_err();
        assert!(wrong.to_string().contains(told), "{told}: {wrong}");
    }
}

#[test]
fn law_8_every_wrong_path_is_refused() {
    type Change = fn(&mut Made);
    let cases: [(&str, Change); 5] = [
        ("it has no basic constraints", |made| made.between.is_ca = IsCa::NoCa),
        ("say that it is not a CA", |made| made.between.is_ca = IsCa::ExplicitNoCa),
        ("its key usage does not say so", |made| {
            made.between.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        }),
        ("more CAs stand below it", |made| {
            made.root.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        }),
        ("is valid from", |made| made.root.not_after = day(-1)),
    ];
    for (told, change) in cases {
        let mut made = made();
        change(&mut made);
        let wrong = made.judge(|_, _| {}).unwrap_err();
        assert!(wrong.to_string().contains(told), "{told}: {wrong}");
    }
}

#[test]
fn another_authority_of_the_same_name_is_refused() {
    let (ours, theirs) = (made(), made());
    let mut foreign = Vec::new();
    theirs.judge(|anchors, _| foreign = anchors.clone()).unwrap();
    let told = ours.judge(|anchors, _| *anchors = foreign.clone()).unwrap_err();
    assert!(matches!(told, Wrong::Chain(_)), "{told}");
    let pinned = ours
        .judge(|anchors, chain| {
            *anchors = foreign.clone();
            *chain = None;
        })
        .unwrap_err();
    assert!(matches!(pinned, Wrong::Signature(_)), "{pinned}");
    let nothing = ours.judge(|anchors, _| anchors.clear()).unwrap_err();
    assert!(matches!(nothing, Wrong::Chain(_)), "{nothing}");
}

#[test]
fn more_than_is_worth_reading_is_not_read() {
    let der = made().root.self_signed(&KeyPair::generate().unwrap()).unwrap();
    assert!(matches!(read("it", &der.pem().repeat(9)), Err(Wrong::TooLarge(8))));
    assert!(matches!(read("it", &" ".repeat(300_000)), Err(Wrong::TooLarge(_))));
    assert!(matches!(read("it", "-----BEGIN CERTIFICATE-----\n!"), Err(Wrong::Pem("it"))));
    assert!(matches!(read("it", ""), Err(Wrong::Pem("it"))));
    assert!(matches!(read("it", &KeyPair::generate().unwrap().serialize_pem()), Err(Wrong::Pem("it"))));
}

#[test]
fn law_4_a_leaf_outside_the_constraints_above_is_refused() {
    let constrained = |domain: &str| {
        let mut made = made();
        let permitted_subtrees = vec![GeneralSubtree::DnsName(domain.to_owned())];
        made.between.name_constraints =
            Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
        made.judge(|_, _| {})
    };
    constrained("x.example").unwrap();
    for domain in ["a.x.example", "y.example"] {
        let refused = constrained(domain);
        assert!(matches!(refused, Err(Wrong::Client(_))), "{domain}: {refused:?}");
    }
    let mut by_root = made();
    by_root.root.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName("y.example".to_owned())],
        excluded_subtrees: Vec::new(),
    });
    assert!(matches!(by_root.judge(|_, _| {}), Err(Wrong::Client(_))), "a root's constraints count too");
}
