//! The steps of the journey, in the order in which they happen.

use std::{collections::BTreeSet, net::SocketAddr};

use anyhow::{Context as _, Result, bail, ensure};
use ground::{
    Team, leaf,
    network::Outcome,
    team::{Delivered, condition, gate},
    wait,
};
use jiff::Timestamp;
use sallyport_contract::firewall_names;
use serde_json::{Value, json};

use crate::{show, stage::Stage, story::Story};

/// How many steps there are.
pub(crate) const STEPS: usize = 16;
/// The team, and with it the namespace, the policy, the CA and the cluster's name on the firewall.
const NAME: &str = "web.shop.corp.example";
const DENIED: &str = "old.shop.corp.example";

/// Travels it.
pub(crate) async fn travel(story: &mut Story, stage: &Stage<'_>, shop: &Team<'_>) -> Result<()> {
    story.step("the namespace has the label, and a policy holds it", bound(stage)).await?;
    story.step("the firewall answers, and nothing is on it yet", reachable(stage, shop)).await?;
    let deployment = stage.deployment(shop, "web", 3, &json!({}));
    story
        .step("kubectl apply -f deployment.yaml   (3 replicas; it asks for nothing)", async {
            let said = stage.kubectl().apply(&deployment.to_string()).await?;
            Ok(((), said))
        })
        .await?;
    let pod = story
        .step("each stored pod carries its name, a certificate volume and a readiness gate", injected(shop))
        .await?;
    let identity = story
        .step("the identity was prepared from the workload, its name claimed", identity(stage, shop, &pod))
        .await?;
    let delivered = story
        .step(
            "AWS Private CA signed one certificate for exactly that name",
            certificate(stage, shop, &identity),
        )
        .await?;
    story.step("the pods run, but the commit does not: none is Ready", held_back(shop)).await?;
    story.step("sallyport explain: why, and whose turn it is", explained(stage, &pod)).await?;
    story.step("the running configuration holds the App-ID and the rule", enforced(shop)).await?;
    story.step("the commit job, as provenance", committed(stage)).await?;
    story
        .step("the evidence is stored with the claim; the gates open; 3 of 3 are Ready", ready(stage, shop))
        .await?;
    called(story, stage, shop, &identity, delivered).await?;
    story
        .step(
            "kubectl apply --dry-run=server of a bad workload is refused, and leaves nothing behind",
            refused(stage, shop),
        )
        .await
}

/// The part in which somebody calls.
async fn called(
    story: &mut Story,
    stage: &Stage<'_>,
    shop: &Team<'_>,
    identity: &str,
    delivered: Delivered,
) -> Result<()> {
    stage.serves(shop, &delivered).await?;
    let web = stage.through_the_firewall(shop, "web").await?;
    let roots = &delivered.ca;
    story
        .step(
            "a TLS client through the firewall: the name gets through, the certificate verifies",
            passes(stage, web, roots),
        )
        .await?;
    story.step("a workload with action deny: the same client is reset", denied(stage, shop, roots)).await?;
    story
        .step(
            "with our rule taken away by hand, the first name fails too; then Sallyport puts it back",
            control(stage, shop, web, roots),
        )
        .await?;
    story
        .step(
            "sallyport cert renew: the same pods serve another certificate",
            renewed(stage, shop, identity, web, &delivered),
        )
        .await
}

async fn bound(stage: &Stage<'_>) -> Result<((), String)> {
    let kubectl = &stage.kubectl();
    let binding = wait::until("the binding", wait::GENEROUS, || async {
        kubectl.get(&["nsb", "sallyport", "-n", "shop"]).await
    })
    .await?;
    ensure!(binding["spec"]["policy"] == "shop", "the binding names {}", binding["spec"]["policy"]);
    let policy = kubectl.get(&["idpol", "shop"]).await?;
    Ok((
        (),
        format!(
            "kubectl get nsb -n shop\n{}\nallowed: {}",
            show::fields(&binding, &["/spec/policy", "/spec/optOut"]),
            policy["spec"]["dnsNames"]["allowed"]
        ),
    ))
}

async fn reachable(stage: &Stage<'_>, shop: &Team<'_>) -> Result<((), String)> {
    let firewall = wait::until("the firewall to be reachable", wait::GENEROUS, || async {
        let object = stage.kubectl().get(&["fw", "shop"]).await?;
        let reachable = condition(&object, "Reachable").context("no condition Reachable yet")?;
        ensure!(reachable["status"] == "True", "{}", reachable["message"]);
        Ok(object)
    })
    .await?;
    ensure!(!shop.firewall.running().await?.contains("sp-"), "the firewall already holds objects of ours");
    Ok((
        (),
        format!(
            "kubectl get fw shop\n{}",
            show::fields(&firewall, &["/status/model", "/status/version", "/spec/standalone/host"])
        ),
    ))
}

async fn injected(shop: &Team<'_>) -> Result<(Value, String)> {
    let pods = wait::until("3 pods", wait::GENEROUS, || async {
        let pods = shop.pods("web").await?;
        ensure!(pods.len() == 3, "{} pods", pods.len());
        Ok(pods)
    })
    .await?;
    let pod = pods.into_iter().next().context("no pod")?;
    let names = &pod["metadata"]["annotations"]["resolved.sallyport.dev/dns-names"];
    ensure!(names == NAME, "the pod was given {names}");
    let gates = &pod["spec"]["readinessGates"];
    ensure!(gates == &json!([{"conditionType": "sallyport.dev/identity-ready"}]), "the gates are {gates}");
    let volumes = pod["spec"]["volumes"].as_array().context("no volumes")?;
    let volume =
        volumes.iter().find(|volume| volume["name"] == "sallyport-tls").context("no certificate volume")?;
    let shown = show::fields(
        &pod,
        &[
            "/metadata/annotations/resolved.sallyport.dev~1dns-names",
            "/metadata/annotations/resolved.sallyport.dev~1action",
            "/metadata/labels/sallyport.dev~1identity",
            "/spec/readinessGates",
        ],
    );
    let shown = format!("{shown}\nvolume: {volume}");
    Ok((pod, shown))
}

async fn identity(stage: &Stage<'_>, shop: &Team<'_>, pod: &Value) -> Result<(String, String)> {
    let identity = shop.identity(NAME).await?;
    let name = identity["metadata"]["name"].as_str().context("no name")?.to_owned();
    ensure!(
        pod["metadata"]["labels"]["sallyport.dev/identity"] == name.as_str(),
        "the pod's label is another's"
    );
    let claim = sallyport_contract::identity::claim_of(&NAME.parse()?);
    let claim =
        wait::until("the claim", wait::GENEROUS, || async { stage.kubectl().get(&["nclaim", &claim]).await })
            .await?;
    ensure!(
        claim["spec"] == json!({"dnsName": NAME, "namespace": "shop"}),
        "the claim says {}",
        claim["spec"]
    );
    let shown =
        format!("workloadidentity {name}\nnameclaim {}: {}", claim["metadata"]["name"], claim["spec"]);
    Ok((name, shown))
}

async fn certificate(stage: &Stage<'_>, shop: &Team<'_>, identity: &str) -> Result<(Delivered, String)> {
    let delivered =
        wait::until("the Secret", wait::GENEROUS, || async { shop.certificate(identity).await }).await?;
    let read = leaf::read(&delivered.chain)?;
    ensure!(read.dns_names == [NAME], "the leaf names {:?}", read.dns_names);
    ensure!(delivered.ca.trim() == stage.site().pca().root_pem.trim(), "ca.crt is not the root of the CA");
    let issued = stage.site().pca().issued().await?;
    let count = issued.as_array().or_else(|| issued["certificates"].as_array()).map_or(0, Vec::len);
    ensure!(count == 1, "the CA issued {count} certificates");
    let ends = Timestamp::from_second(read.not_after)?;
    Ok((
        delivered,
        format!(
            "SAN: {}\nissuer: {}\nserial: {}\nexpires: {ends}\ncertificates billed: {count}",
            read.dns_names.join(", "),
            read.issuer,
            read.serial
        ),
    ))
}

async fn held_back(shop: &Team<'_>) -> Result<((), String)> {
    let gate = shop.gate_waits("web", "AwaitingCommit", "job").await?;
    let running = shop.firewall.running().await?;
    ensure!(!running.contains(&app()), "the running configuration already holds the App-ID");
    let pods = shop.pods("web").await?;
    let ready =
        pods.iter().filter(|pod| condition(pod, "Ready").is_some_and(|c| c["status"] == "True")).count();
    ensure!(ready == 0, "{ready} pods are Ready before the commit");
    Ok(((), format!("the pod's condition: {}", gate["message"].as_str().unwrap_or_default())))
}

async fn enforced(shop: &Team<'_>) -> Result<((), String)> {
    let rule = firewall_names::rule("shop", "shop", sallyport_contract::object::Action::Allow);
    let xml = wait::until("the running configuration", wait::GENEROUS, || async {
        let xml = shop.firewall.running().await?;
        ensure!(xml.contains(&format!("<entry name=\"{rule}\"")), "no rule {rule} yet");
        Ok(xml)
    })
    .await?;
    let (app, rule) = (show::entry(&xml, &app())?, show::entry(&xml, &rule)?);
    ensure!(app.contains(r"(?i)^web\.shop\.corp\.example\.?$"), "the pattern is another");
    ensure!(rule.contains(&self::app()), "the rule does not carry the App-ID");
    Ok(((), format!("{app}\n{rule}")))
}

async fn committed(stage: &Stage<'_>) -> Result<((), String)> {
    let job = wait::until("the commit to end", wait::GENEROUS, || async {
        let object = stage.kubectl().get(&["fw", "shop"]).await?;
        let job = object["status"]["lastCommit"].clone();
        ensure!(job["result"] == "OK", "the last commit is {job}");
        Ok(job)
    })
    .await?;
    Ok(((), show::fields(&job, &["/job", "/result", "/finished", "/tookSeconds"])))
}

async fn ready(stage: &Stage<'_>, shop: &Team<'_>) -> Result<((), String)> {
    let pods = shop.ready("web", 3).await?;
    let claim = sallyport_contract::identity::claim_of(&NAME.parse()?);
    let claim = stage.kubectl().get(&["nclaim", &claim]).await?;
    let evidence = &claim["status"]["firewalls"][0]["evidence"];
    let proven: Timestamp = evidence["provenAt"].as_str().context("no evidence is stored")?.parse()?;
    for pod in &pods {
        let opened: Timestamp =
            gate(pod).and_then(|gate| gate["lastTransitionTime"].as_str()).context("no gate")?.parse()?;
        // Condition times have whole seconds.
        ensure!(
            opened.as_second() >= proven.as_second(),
            "a gate opened at {opened}, before the proof at {proven}"
        );
    }
    let message = pods.first().and_then(gate).map(|gate| gate["message"].clone()).context("no gate")?;
    let table = stage.kubectl().run(&["get", "wid,pods", "-n", "shop"]).await?;
    Ok(((), format!("evidence: {evidence}\ngate: {}\n{table}", message.as_str().unwrap_or_default())))
}

async fn explained(stage: &Stage<'_>, pod: &Value) -> Result<((), String)> {
    let name = pod["metadata"]["name"].as_str().context("the pod has no name")?;
    let said = stage.sallyport(&["explain", &format!("pod/{name}"), "-n", "shop"]).await?;
    // It exits with 1 while the pod waits.
    for part in [name, "✓ admitted", "✓ certificate", "whose turn"] {
        ensure!(said.stdout.contains(part), "it does not say {part}: {}{}", said.stdout, said.stderr);
    }
    Ok(((), said.stdout))
}

async fn passes(stage: &Stage<'_>, web: SocketAddr, roots: &str) -> Result<((), String)> {
    let outcome = stage.call(web, NAME, roots).await?;
    let Outcome::Verified(said) = outcome else { bail!("the client saw {outcome:?}") };
    let unknown = stage.call(web, "nobody.shop.corp.example", roots).await?;
    ensure!(!matches!(unknown, Outcome::Verified(_)), "an unknown name gets through as well: {unknown:?}");
    Ok(((), format!("{NAME}: verified, answered \"{said}\"\nnobody.shop.corp.example: {unknown:?}")))
}

async fn denied(stage: &Stage<'_>, shop: &Team<'_>, roots: &str) -> Result<((), String)> {
    let object = stage.deployment(shop, "old", 1, &json!({"sallyport.dev/action": "deny"}));
    stage.kubectl().apply(&object.to_string()).await?;
    shop.ready("old", 1).await?;
    let old = stage.through_the_firewall(shop, "old").await?;
    let outcome = stage.call(old, DENIED, roots).await?;
    ensure!(outcome == Outcome::Reset, "the client saw {outcome:?}");
    Ok(((), format!("{DENIED}: {outcome:?}")))
}

async fn control(stage: &Stage<'_>, shop: &Team<'_>, web: SocketAddr, roots: &str) -> Result<((), String)> {
    shop.patch("fw", &json!({"suspend": true})).await?;
    wait::until("Sallyport to hold still", wait::GENEROUS, || async {
        let object = stage.kubectl().get(&["fw", "shop"]).await?;
        let synced = condition(&object, "InSync").context("no condition InSync")?;
        ensure!(synced["observedGeneration"] == object["metadata"]["generation"], "{synced}");
        Ok(())
    })
    .await?;
    let rule = firewall_names::rule("shop", "shop", sallyport_contract::object::Action::Allow);
    let xpath = format!(
        "/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']/rulebase/security/rules/entry[@name='{rule}']"
    );
    shop.firewall.colleague(&[("type", "config"), ("action", "delete"), ("xpath", &xpath)]).await?;
    shop.firewall.colleague(&[("type", "commit"), ("cmd", "<commit></commit>")]).await?;
    let lost = wait::until("the rule to be gone", wait::GENEROUS, || async {
        let outcome = stage.call(web, NAME, roots).await?;
        ensure!(!matches!(outcome, Outcome::Verified(_)), "it still gets through");
        Ok(outcome)
    })
    .await?;
    shop.patch("fw", &json!({"suspend": false})).await?;
    reached(stage, web, roots).await?;
    shop.ready("web", 3).await?;
    Ok(((), format!("without the rule: {lost:?}\nwith it again: verified; the pods stayed Ready all along")))
}

/// Waits until the name gets through.
async fn reached(stage: &Stage<'_>, web: SocketAddr, roots: &str) -> Result<()> {
    wait::until("the name to get through", wait::GENEROUS, || async {
        let outcome = stage.call(web, NAME, roots).await?;
        ensure!(matches!(outcome, Outcome::Verified(_)), "the client sees {outcome:?}");
        Ok(())
    })
    .await
}

async fn renewed(
    stage: &Stage<'_>,
    shop: &Team<'_>,
    identity: &str,
    web: SocketAddr,
    before: &Delivered,
) -> Result<((), String)> {
    let uids = uids(&shop.ready("web", 3).await?);
    let said = stage.sallyport(&["cert", "renew", &format!("shop/{identity}")]).await?;
    ensure!(said.ok, "refused: {}{}", said.stdout, said.stderr);
    let after = wait::until("another certificate", wait::GENEROUS, || async {
        let delivered = shop.certificate(identity).await?;
        ensure!(delivered.chain != before.chain, "still the same");
        Ok(delivered)
    })
    .await?;
    stage.serves(shop, &after).await?;
    reached(stage, web, &after.ca).await?;
    ensure!(self::uids(&shop.ready("web", 3).await?) == uids, "the pods are others");
    let (old, new) = (leaf::read(&before.chain)?.serial, leaf::read(&after.chain)?.serial);
    Ok((
        (),
        format!(
            "{}\nserial before: {old}\nserial now:    {new}, verified through the firewall",
            said.stdout.trim()
        ),
    ))
}

fn uids(pods: &[Value]) -> BTreeSet<String> {
    pods.iter().map(|pod| pod["metadata"]["uid"].to_string()).collect()
}

async fn refused(stage: &Stage<'_>, shop: &Team<'_>) -> Result<((), String)> {
    let calls = (shop.firewall.log().await?.len(), stage.site().pca().counters().await?);
    let bad = shop.deployment("bad", 1, &json!({"sallyport.dev/san": "web.billing.corp.example"}));
    let said = stage.kubectl().dry_run(&bad.to_string()).await?;
    ensure!(!said.ok, "it was accepted: {}", said.stdout);
    for part in ["web.billing.corp.example", "IdentityPolicy shop allows", "*.shop.corp.example"] {
        ensure!(said.stderr.contains(part), "the refusal does not say {part}: {}", said.stderr);
    }
    let there = stage.kubectl().attempt(&["get", "deployment", "bad", "-n", "shop"], None).await?;
    ensure!(!there.ok, "the object exists");
    ensure!(stage.site().pca().counters().await? == calls.1, "the CA was asked");
    Ok(((), said.stderr))
}

fn app() -> String {
    NAME.parse().map(|name| firewall_names::app_id("shop", &name)).unwrap_or_default()
}
