//! Hours without the authority while hundreds of certificates are due, and the time after.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use sallyport_contract::object::WorkloadIdentity;
use serde_json::json;

use super::stage::{Stage, read};
use crate::issuer::governor::rates::Rates;

const NAMESPACES: usize = 10;
/// Five thousand pass the line alone in its own tests; here each has its whole agent.
const IN_EACH: usize = 50;
const PER_SECOND: u32 = 4;
const RATES: Rates = Rates { issue: PER_SECOND, get: 3 * PER_SECOND, others: 5 };
const OUTAGE: Duration = Duration::from_secs(3 * 3600);
/// Renewed between 5:40 and 7:40 hours; about to expire with less than 1:15 left.
const LIFETIME: &str = "10h";

/// When each certificate ends, by the name in it.
fn ends(stage: &Stage) -> HashMap<String, Timestamp> {
    let memory = stage.twin.memory();
    let identities = memory.objects.iter().filter(|((kind, _, _), _)| kind == "workloadidentities");
    let identities = identities.map(|(_, value)| read::<WorkloadIdentity>(value.clone(), "WorkloadIdentity"));
    let end = |identity: WorkloadIdentity| {
        let certificate = identity.status.and_then(|status| status.certificate);
        certificate.map(|certificate| (identity.spec.dns_names.join(","), certificate.not_after))
    };
    identities.filter_map(end).collect()
}

/// Hundreds of identities with a certificate each, that end within half an hour of each other.
async fn crowd() -> Stage {
    let stage = Stage::governed(Rates { issue: 10_000, get: 10_000, others: 5 }).await;
    for namespace in 0..NAMESPACES {
        let namespace = format!("ns-{namespace}");
        stage.furnish_namespace(&namespace, &json!([]));
        stage.policy(&namespace, &json!({"certificate": {"authority": "ca", "lifetime": LIFETIME}}));
    }
    for number in 0..IN_EACH {
        for namespace in 0..NAMESPACES {
            stage.deployment_in(&format!("ns-{namespace}"), &format!("w{namespace}-{number}"), json!({}));
        }
        if number % 25 == 24 {
            stage.pass(90).await;
        }
    }
    stage
}

#[tokio::test(start_paused = true)]
async fn law_8_after_three_hours_without_the_authority_none_expires_and_none_storms() {
    let stage = crowd().await;
    let before = ends(&stage);
    assert_eq!(before.len(), NAMESPACES * IN_EACH);
    let (asked, started) = (stage.script.asked().len(), stage.now());
    assert_eq!(asked, before.len(), "each once");
    stage.script.slow_down(RATES);
    // Five hours after the first, none is due; three hours later each was.
    stage.sleep(5).await;
    stage.pass(1).await;
    stage.script.set_away(true);
    let described = stage.script.described();
    stage.pass_in_steps(OUTAGE, Duration::from_secs(15)).await;
    let tries = stage.script.described() - described;
    assert!(tries <= 3 * 3600 / 2, "{tries} questions in vain");
    let in_vain = stage.script.asked().len() - asked;
    stage.script.set_away(false);
    let back = stage.now();
    let most = u32::try_from(before.len()).unwrap() / PER_SECOND;
    stage.pass_in_steps(Duration::from_secs(u64::from(most) + 60), Duration::from_millis(250)).await;

    let after = ends(&stage);
    let renewed = after.iter().filter(|(name, end)| before[*name] < **end).count();
    assert_eq!(renewed, before.len(), "all are renewed, {} h after the first", (back - started).get_hours());
    let asked: Vec<_> = stage.script.asked().split_off(asked + in_vain);
    assert_eq!(asked.len(), before.len(), "each once");
    let mut last: HashMap<&str, Timestamp> = HashMap::new();
    for (sent, one) in asked.iter().enumerate() {
        let (end, since) = (before[&one.names], one.at.duration_since(back).as_secs_f64());
        assert!(one.at < end, "{} had ended", one.names);
        let most = f64::from(PER_SECOND) * (since + 1.5);
        assert!(f64::from(u32::try_from(sent).unwrap()) <= most, "{sent} within {since} s");
        // The first go while the others are still on their way into the line.
        let namespace = one.names.split_once('.').unwrap().1;
        let before = if since < 30.0 { None } else { last.insert(namespace, end) };
        assert!(
            before.is_none_or(|before| before <= end),
            "{}: the one that ends first goes first",
            one.names
        );
    }
}
