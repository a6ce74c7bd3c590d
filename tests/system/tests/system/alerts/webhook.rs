//! A webhook that refuses, that cannot judge, that cannot read a policy, whose certificate ends, and that is gone.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ground::{Team, manifests, team::TeamOptions};
use rcgen::{CertificateParams, Issuer, KeyPair};
use sallyport_contract::keys;
use serde_json::{Value, json};

use super::Drill;

const SYSTEM: &str = "sallyport-system";
const HOUR: Duration = Duration::from_secs(3_600);

pub(super) async fn all(drill: &Drill<'_>) -> Result<()> {
    refuses(drill).await?;
    cannot_judge(drill).await?;
    unreadable(drill).await
}

async fn refuses(drill: &Drill<'_>) -> Result<()> {
    let kubectl = &drill.ground.cluster.kubectl;
    let quiet = drill.quiet("SallyportWebhookRefusesPods").await?;
    let team = Team::start(drill.ground, "al-refuses", TeamOptions::default()).await?;
    let asks = json!({keys::SAN: team.dns_name("shop")});
    kubectl.apply(&team.deployment("web", 1, &asks).to_string()).await?;
    team.ready("web", 1).await?;
    team.patch("identitypolicy", &json!({"dnsNames": {"allowed": ["pay.al-refuses.corp.example"]}})).await?;
    kubectl.run(&["scale", "deployment/web", "--replicas=5", "-n", &team.name]).await?;
    let words = ["al-refuses", "shop.al-refuses.corp.example", "is not allowed"];
    quiet.fires().await?.command("kubectl get events -A", &[], &words).await
}

async fn cannot_judge(drill: &Drill<'_>) -> Result<()> {
    let ground = drill.ground;
    let quiet = drill.quiet("SallyportWebhookCannotJudge").await?;
    let configuration =
        ground.cluster.kubectl.get(&["mutatingwebhookconfiguration", keys::WEBHOOK_CONFIGURATION]).await?;
    let bundle = &configuration["webhooks"][0]["clientConfig"]["caBundle"];
    let ca = reqwest::Certificate::from_pem(&decoded(bundle)?)?;
    let http = reqwest::Client::builder().tls_certs_only([ca]).build()?;
    let request = http.post(format!("https://{}/pods", ground.webhook_address));
    let answer = request.header("content-type", "application/json").body("{}").send().await?;
    ensure!(answer.status() == 400, "it took {}", answer.text().await?);
    quiet.fires().await?.log(&*ground.webhook.lock().await, "request turned away")
}

async fn unreadable(drill: &Drill<'_>) -> Result<()> {
    let ground = drill.ground;
    let quiet = drill.quiet("SallyportPolicyUnreadable").await?;
    let definition = "identitypolicies.sallyport.dev";
    // As a later version's definition might be.
    let newer = json!([{"op": "remove",
        "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/dnsNames/properties/wildcards/enum"}]);
    let args = ["patch", "crd", definition, "--type=json", "-p", &newer.to_string()];
    ground.cluster.kubectl.run(&args).await?;
    let mut policy = manifests::example("identity-policy")?;
    policy["metadata"]["name"] = json!("al-newer");
    policy["spec"]["dnsNames"]["wildcards"] = json!("Sometimes");
    ground::wait::until("the newer policy to be taken", ground::wait::GENEROUS, || async {
        ground.cluster.kubectl.apply(&policy.to_string()).await
    })
    .await?;
    quiet.fires().await?.log(&*ground.webhook.lock().await, "policy cannot be read and holds nothing")?;
    ground.cluster.kubectl.run(&["delete", "identitypolicy", "al-newer", "--wait=false"]).await.map(drop)
}

/// Of a webhook whose agent is gone, the certificate comes near its end.
pub(super) async fn certificate_ends(drill: &Drill<'_>) -> Result<()> {
    let kubectl = &drill.ground.cluster.kubectl;
    let quiet = drill.quiet("SallyportServingCertificateEnds").await?;
    let authority = kubectl.get(&["secret", "sallyport-webhook-ca", "-n", SYSTEM]).await?;
    let part = |key: &str| Ok::<_, anyhow::Error>(String::from_utf8(decoded(&authority["data"][key])?)?);
    let issuer = Issuer::from_ca_cert_pem(&part("tls.crt")?, KeyPair::from_pem(&part("tls.key")?)?)?;
    let key = KeyPair::generate()?;
    let mut leaf = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()])?;
    let since_1970 = Duration::from_secs(u64::try_from(super::prometheus::clock().as_second())?);
    leaf.not_before = rcgen::date_time_ymd(1970, 1, 1) + since_1970 - HOUR;
    leaf.not_after = rcgen::date_time_ymd(1970, 1, 1) + since_1970 + HOUR * 72;
    let leaf = leaf.signed_by(&key, &issuer)?;
    let data = json!({"data": {
        "tls.crt": STANDARD.encode(leaf.pem()), "tls.key": STANDARD.encode(key.serialize_pem())}});
    let secret = keys::WEBHOOK_SERVING_SECRET;
    kubectl.run(&["patch", "secret", secret, "-n", SYSTEM, "--type=merge", "-p", &data.to_string()]).await?;
    quiet.fires().await?.names_the_last_holder_of_the_lease("cert-agent").await
}

/// There is no webhook any more.
pub(super) async fn down(drill: &Drill<'_>) -> Result<()> {
    let quiet = drill.quiet("SallyportWebhookDown").await?;
    drill.ground.webhook.lock().await.kill().await?;
    // The programs of this ground are no pods: none is found, as after a Deployment that cannot start any.
    let pods = "kubectl -n sallyport-system get pods";
    quiet.fires().await?.command(pods, &[], &["No resources found"]).await
}

fn decoded(text: &Value) -> Result<Vec<u8>> {
    Ok(STANDARD.decode(text.as_str().context("no text")?)?)
}
