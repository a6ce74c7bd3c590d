//! Which CSRs are signed and what of them reaches the certificate; the CSRs are made by openssl.
#![cfg(test)]

mod common;

use common::{broken_signature, client, code, facts, issue, obtain, openssl, relabel, request, start};
use pca_sim::rules::csr::{MAX_BYTES, read};
use tempfile::TempDir;
use x509_parser::pem::parse_x509_pem;

fn der(pem: &str) -> Vec<u8> {
    parse_x509_pem(pem.as_bytes()).unwrap().1.contents
}

#[test]
fn which_csrs_are_signed() {
    let plain = request("/CN=web", &["subjectAltName=DNS:web.shop.corp.example"]);
    let many =
        (0..900).map(|n| format!("DNS:host-number-{n:04}.shop.corp.example")).collect::<Vec<_>>().join(",");
    let huge = request("/CN=web", &[&format!("subjectAltName={many}")]);
    assert!(huge.len() > MAX_BYTES);
    let trailing = [der(&plain), vec![0]].concat();
    for (what, pem, expected) in [
        ("subject and SAN", plain.clone(), "ok"),
        ("subject only", request("/CN=web", &[]), "ok"),
        ("long subject", request("/C=DE/O=Shop/OU=Web/CN=web/emailAddress=a@b.example", &[]), "ok"),
        ("empty subject, critical SAN", request("/", &["subjectAltName=critical,DNS:web.example"]), "ok"),
        ("empty subject, SAN", request("/", &["subjectAltName=DNS:web.example"]), "MalformedCSRException"),
        ("neither", request("/", &[]), "MalformedCSRException"),
        ("broken signature", broken_signature(&plain), "MalformedCSRException"),
        ("trailing bytes", relabel(&trailing, "CERTIFICATE REQUEST"), "MalformedCSRException"),
        ("old label", relabel(&der(&plain), "NEW CERTIFICATE REQUEST"), "ok"),
        ("other label", relabel(&der(&plain), "CERTIFICATE"), "MalformedCSRException"),
        ("DER", "0\u{1}".to_owned(), "MalformedCSRException"),
        ("empty", String::new(), "ValidationException"),
        ("over 32 KiB", huge, "ValidationException"),
        ("two units", request("/OU=a/OU=b/CN=web", &[]), "NotSimulatedException"),
    ] {
        let answer = read(pem.as_bytes(), None);
        assert_eq!(answer.as_ref().map_or_else(|refusal| refusal.kind(), |_| "ok"), expected, "{what}");
    }
}

#[test]
fn the_empty_subject_is_refused_in_awss_words() {
    let refusal = read(request("/", &["subjectAltName=DNS:web.example"]).as_bytes(), None).unwrap_err();
    assert_eq!(refusal.message(), "CSR must mark the SAN extension critical when it has an empty subject");
}

#[tokio::test]
async fn subject_and_names_are_copied_and_nothing_else() {
    let sim = start(|_| {}).await;
    let pca = client(&sim);
    let names =
        "DNS:web.example,DNS:*.web.example,URI:spiffe://corp.example/ns/shop,IP:10.1.2.3,email:a@b.example";
    for (critical, prefix) in [(false, ""), (true, "critical,")] {
        let pem = request(
            "/C=DE/O=Shop GmbH/CN=web",
            &[
                &format!("subjectAltName={prefix}{names}"),
                "keyUsage=critical,keyCertSign",
                "extendedKeyUsage=codeSigning",
                "basicConstraints=critical,CA:TRUE",
                "certificatePolicies=1.2.3.4",
            ],
        );
        let (leaf, _) = obtain(&pca, &sim.ca_arn, &pem).await;
        let facts = facts(&leaf);
        assert_eq!(facts.subject, "C=DE, O=Shop GmbH, CN=web");
        assert_eq!(facts.san_critical, critical);
        assert_eq!(facts.names.len(), 5);
        assert_eq!(facts.extensions.len(), 6, "no extension of the CSR but the SAN");
        assert!(facts.server && !facts.client);
        let (_, block) = parse_x509_pem(leaf.as_bytes()).unwrap();
        let certificate = block.parse_x509().unwrap();
        let usage = certificate.key_usage().unwrap().unwrap();
        assert!(usage.value.digital_signature() && usage.value.key_encipherment());
        assert!(!usage.value.key_cert_sign() && usage.critical);
        assert!(!certificate.basic_constraints().unwrap().unwrap().value.ca);
        let (_, asked) = parse_x509_pem(pem.as_bytes()).unwrap();
        let san = |der: &[u8]| der.windows(17).any(|window| window == b"web.example\x82\x0d*.we");
        assert!(san(&asked.contents) && san(&block.contents), "names in the same order and bytes");
    }
    sim.stop().await;
}

#[tokio::test]
async fn an_rsa_key_under_a_p256_ca() {
    let sim = start(|_| {}).await;
    let directory = TempDir::new().unwrap();
    let output = openssl(
        directory.path(),
        &["req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", "k", "-subj", "/CN=a"],
    );
    let pem = String::from_utf8(output.stdout).unwrap();
    let answer = issue(&client(&sim), &sim.ca_arn, &pem).send().await;
    assert_eq!(code(answer), "ok");
    sim.stop().await;
}
