//! Two namespaces, one name, the same moment, a hundred times on a real API server: one gets it, with the
//! only certificate; the other is told who holds it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use ground::{Ground, manifests, team::condition, wait};
use sallyport_contract::{DnsNames, IdentityName, object::Delivery};
use serde_json::{Value, json};

use crate::run::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![test("claims::law_5_of_two_namespaces_in_the_same_moment_one_gets_the_name_a_hundred_times", |g| {
        Box::pin(pairs(g))
    })]
}

const NAMES: usize = 100;
/// So many pairs of namespaces share the names among them.
const PAIRS: usize = 25;
const SIDES: [&str; 2] = ["left", "right"];
/// Label of everything that this test makes, and the name of its authority.
const MARK: &str = "pairs";

/// The namespace that asks for the `n`-th name on one side.
fn namespace(side: &str, n: usize) -> String {
    format!("{MARK}-{side}-{}", n % PAIRS)
}

fn dns_name(n: usize) -> String {
    format!("n{n}.{MARK}.example")
}

async fn pairs(ground: &Ground) -> Result<()> {
    let result = raced(ground).await;
    let selector = format!("sallyport.test/of={MARK}");
    for kind in ["namespaces", "identitypolicies", "certificateauthorities"] {
        let args = ["delete", kind, "-l", &selector, "--wait=false"];
        ground.cluster.kubectl.run(&args).await?;
    }
    result
}

async fn raced(ground: &Ground) -> Result<()> {
    let kubectl = &ground.cluster.kubectl;
    kubectl.create(&list(surroundings(ground)?)).await?;
    // Two people, each with a hundred Deployments in the same order.
    let [left, right] = SIDES.map(|side| list((0..NAMES).map(|n| deployment(side, n)).collect()));
    let (left, right) = tokio::join!(kubectl.create(&left), kubectl.create(&right));
    left.and(right)?;
    let holders = wait::until("each name to have one holder", wait::GENEROUS, || settled(ground)).await?;
    let delivered = delivered(ground).await?;
    let issued = ground.pca.issued().await?;
    let issued = issued.as_array().context("no list")?;
    for (n, holder) in holders {
        for side in SIDES {
            let place = namespace(side, n);
            let own = (place.clone(), secret_of(&place, &dns_name(n))?);
            ensure!(delivered.contains(&own) == (place == holder), "{own:?}, where {holder} holds the name");
        }
        let name = json!([dns_name(n)]);
        let count = issued.iter().filter(|one| one["names"] == name).count();
        ensure!(count == 1, "{count} certificates for {name}");
    }
    Ok(())
}

/// Every Secret with a certificate of ours: namespace and name.
async fn delivered(ground: &Ground) -> Result<BTreeSet<(String, String)>> {
    let ours = "app.kubernetes.io/managed-by=sallyport";
    let secrets = ground.cluster.kubectl.get(&["secrets", "-A", "-l", ours]).await?;
    let secrets = secrets["items"].as_array().context("no list")?;
    let place = |secret: &Value| {
        let meta = &secret["metadata"];
        Some((meta["namespace"].as_str()?.to_owned(), meta["name"].as_str()?.to_owned()))
    };
    Ok(secrets.iter().filter_map(place).collect())
}

fn secret_of(namespace: &str, dns_name: &str) -> Result<String> {
    let names = DnsNames::new([dns_name.parse()?]).context("no names")?;
    Ok(IdentityName::of(namespace, &names, Delivery::Secret).secret())
}

fn list(items: Vec<Value>) -> Value {
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

/// One authority, and for each side of each pair a namespace with a policy that gives it the pair's name.
/// There is no firewall: the name is decided before one is asked.
fn surroundings(ground: &Ground) -> Result<Vec<Value>> {
    let labels = json!({"sallyport.test/of": MARK});
    let mut authority = manifests::example("certificate-authority-aws")?;
    authority["metadata"] = json!({"name": MARK, "labels": labels});
    authority["spec"]["awsPrivateCA"]["arn"] = json!(ground.pca.ca_arn);
    let mut objects = vec![authority];
    let example = manifests::example("identity-policy")?;
    for (side, n) in SIDES.into_iter().flat_map(|side| (0..PAIRS).map(move |n| (side, n))) {
        let name = namespace(side, n);
        let mut policy = example.clone();
        policy["metadata"] = json!({"name": name, "labels": labels});
        let spec = &mut policy["spec"];
        (spec["namespaces"], spec["firewall"]) = (json!([name]), json!(MARK));
        spec["dnsNames"]["allowed"] = json!([format!("*.{MARK}.example")]);
        spec["certificate"]["authority"] = json!(MARK);
        let on = json!({"sallyport.test/of": MARK, "sallyport.dev/inject": "enabled"});
        objects.push(policy);
        objects
            .push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": on}}));
    }
    Ok(objects)
}

/// A Deployment without pods: its template alone asks for the name.
fn deployment(side: &str, n: usize) -> Value {
    let labels = json!({"app": format!("api-{n}")});
    let template = json!({"metadata": {"labels": labels, "annotations": {"sallyport.dev/san": dns_name(n)}},
        "spec": {"containers": [{"name": "nginx", "image": "nginx"}]}});
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": format!("api-{n}"), "namespace": namespace(side, n)},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}})
}

/// Who holds the name of each pair, once all is decided: one side has its certificate, the other says who.
async fn settled(ground: &Ground) -> Result<BTreeMap<usize, String>> {
    let all = ground.cluster.kubectl.get(&["wid", "-A"]).await?;
    let all = all["items"].as_array().context("no list")?;
    let of = |name: &str| -> Vec<&Value> {
        all.iter().filter(|identity| identity["spec"]["dnsNames"] == json!([name])).collect()
    };
    let mut holders = BTreeMap::new();
    for n in 0..NAMES {
        let name = dns_name(n);
        let pair = of(&name);
        ensure!(pair.len() == 2, "{} identities of {name}", pair.len());
        let said: BTreeMap<&str, &Value> = pair
            .iter()
            .filter_map(|identity| {
                Some((identity["metadata"]["namespace"].as_str()?, condition(identity, "CertificateIssued")?))
            })
            .collect();
        let issued: BTreeSet<&str> =
            said.iter().filter(|(_, said)| said["reason"] == "Issued").map(|(place, _)| *place).collect();
        let holder = issued.first().with_context(|| format!("nobody has {name} yet: {said:?}"))?;
        ensure!(issued.len() == 1, "two namespaces have {name}: {said:?}");
        let (_, other) = said.iter().find(|(place, _)| *place != holder).context("the other says nothing")?;
        let message = other["message"].as_str().unwrap_or_default();
        ensure!(
            other["reason"] == "NameHeldElsewhere" && message.contains(&format!("namespace {holder}")),
            "{name}: {other}"
        );
        holders.insert(n, (*holder).to_owned());
    }
    Ok(holders)
}
