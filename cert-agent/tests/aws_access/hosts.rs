//! Which hosts are asked, over real names and real TLS: the stand-in answers as each of them, behind a proxy.

use pca_sim::{AuthorityOptions, Options};
use serde_json::json;

use crate::{
    place::{Place, pairs},
    proxy::Proxy,
};

async fn asked(region: &str, partition: &str, environment: &[(&str, &str)], hosts: [&str; 2]) {
    let options = Options {
        region: region.to_owned(),
        authorities: vec![AuthorityOptions::default()],
        tls_names: hosts.map(str::to_owned).to_vec(),
        ..Options::default()
    };
    let place = Place::with(options).await;
    let proxy = Proxy::start(place.sim.endpoint.trim_start_matches("https://").parse().unwrap()).await;
    let own = |name: &str| name != "AWS_ENDPOINT_URL";
    let base = place.environment().into_iter().filter(|(name, _)| own(name)).collect();
    let keys = pairs([
        ("AWS_ACCESS_KEY_ID", "AKIDTEST"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("HTTPS_PROXY", &proxy.url),
    ]);
    let more = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let role = format!("arn:{partition}:iam::123456789012:role/issuer");
    let whom = json!({"arn": place.sim.ca_arn, "roleArn": role});
    assert!(place.sim.ca_arn.starts_with(&format!("arn:{partition}:")), "{}", place.sim.ca_arn);
    place.asker_for(whom, &[base, keys, more]).obtain().await;
    let mut hosts = hosts.map(str::to_owned);
    hosts.sort();
    assert_eq!(proxy.hosts(), hosts, "{region} {environment:?}");
    let caller = format!("arn:{partition}:sts::123456789012:assumed-role/issuer/sallyport-cert-agent");
    assert_eq!(place.callers(), [caller]);
}

/// The stand-in takes templates of its CA's partition alone, so a certificate shows that the template's ARN was right.
pub(crate) async fn each_partition_and_fips_has_its_own_hosts() {
    let fips = [("AWS_USE_FIPS_ENDPOINT", "true")];
    let plain: [(&str, &str); 0] = [];
    for (region, partition, environment, hosts) in [
        (
            "eu-central-1",
            "aws",
            &plain[..],
            ["acm-pca.eu-central-1.amazonaws.com", "sts.eu-central-1.amazonaws.com"],
        ),
        (
            "us-east-1",
            "aws",
            &fips[..],
            ["acm-pca-fips.us-east-1.amazonaws.com", "sts-fips.us-east-1.amazonaws.com"],
        ),
        (
            "us-gov-west-1",
            "aws-us-gov",
            &plain[..],
            ["acm-pca.us-gov-west-1.amazonaws.com", "sts.us-gov-west-1.amazonaws.com"],
        ),
        (
            "us-gov-west-1",
            "aws-us-gov",
            &fips[..],
            ["acm-pca.us-gov-west-1.amazonaws.com", "sts.us-gov-west-1.amazonaws.com"],
        ),
        (
            "cn-north-1",
            "aws-cn",
            &plain[..],
            ["acm-pca.cn-north-1.amazonaws.com.cn", "sts.cn-north-1.amazonaws.com.cn"],
        ),
    ] {
        asked(region, partition, environment, hosts).await;
    }
}

pub(crate) async fn an_endpoint_of_a_vpc_is_asked_instead() {
    let (pca, sts) = (
        "vpce-0a1b2c3d-x1y2z3.acm-pca.eu-central-1.vpce.amazonaws.com",
        "vpce-4e5f6a7b-x1y2z3.sts.eu-central-1.vpce.amazonaws.com",
    );
    let (pca_url, sts_url) = (format!("https://{pca}"), format!("https://{sts}"));
    let environment =
        [("AWS_ENDPOINT_URL_ACM_PCA", pca_url.as_str()), ("AWS_ENDPOINT_URL_STS", sts_url.as_str())];
    asked("eu-central-1", "aws", &environment, [pca, sts]).await;
}
