//! What proves that the firewall enforces a name: its running configuration, its list of signatures that
//! did not compile, and its own policy test. A [`Proof`] can be made from nothing else.

use jiff::Timestamp;
use sallyport_contract::{
    DnsName, Reason, firewall_names,
    object::{Action, Evidence},
};

use crate::{
    actual::{Index, same},
    desired::{Name, Terms},
    diff::Held,
    elements,
    firewall::{BadSignatures, Probe},
    network::Network,
};

/// Most zone pairs that are tested for one name.
const MOST_PAIRS: usize = 4;
/// Stands for `any`: addresses that belong to nobody
/// (<https://www.rfc-editor.org/rfc/rfc5737>, <https://www.rfc-editor.org/rfc/rfc3849>).
const ANYBODY: [&str; 2] = ["192.0.2.1", "2001:db8::1"];

/// A name that the running configuration holds, with what is still to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown<'a> {
    name: &'a Name,
    terms: &'a Terms,
}

/// Proof that one device enforces one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    rule: String,
    action: Action,
}

/// Whether a device runs the name: App-ID, signature, rule and action. `missing`: what it means if it does not.
///
/// # Errors
/// What is missing, and why that may be.
pub fn shown<'a>(
    dns: &DnsName,
    name: &'a Name,
    terms: &'a Terms,
    running: &Index<'_>,
    bad: &BadSignatures,
    missing: Reason,
) -> Result<Shown<'a>, Held> {
    let missing = |what: String| Err((missing, format!("the running configuration {what}")));
    let (app, rule_name) = (&name.app, &name.rule);
    let Some(entry) = running.application(app) else {
        return missing(format!("does not hold App-ID {app}"));
    };
    let wanted = elements::signature(&firewall_names::sni_pattern(dns));
    if !entry.child("signature").is_some_and(|signature| same(signature, &wanted)) {
        return missing(format!("holds App-ID {app} with another signature"));
    }
    let Some(rule) = running.rule(rule_name) else {
        return missing(format!("does not hold rule {rule_name}"));
    };
    if !running.carries(rule_name, app) {
        return missing(format!("holds rule {rule_name} without App-ID {app}"));
    }
    if rule.text_of("action") != Some(terms.action) {
        return missing(format!("holds rule {rule_name} with an action other than {}", terms.action));
    }
    if rule.text_of("disabled") == Some("yes") {
        return missing(format!("holds rule {rule_name} disabled"));
    }
    if let Some(words) = bad.about(app) {
        let words =
            format!("the firewall lists App-ID {app} among the signatures that did not compile: {words}");
        return Err((Reason::SignatureNotCompiled, words));
    }
    Ok(Shown { name, terms })
}

impl Shown<'_> {
    /// What is to be asked of the device's policy test.
    #[must_use]
    pub fn probes(&self) -> Vec<Probe> {
        probes(&self.name.app, self.terms)
    }

    /// Judges the device's answers, one for each probe in order.
    ///
    /// # Errors
    /// Another rule decides, or none does, or an answer is missing.
    pub fn judge(&self, answers: &[Option<String>]) -> Result<Proof, Held> {
        let Name { rule, action, .. } = self.name;
        let wrong = self.probes().into_iter().enumerate().find_map(|(n, probe)| {
            let answer = answers.get(n).and_then(Option::as_deref);
            (answer != Some(rule.as_str())).then_some((probe, answer))
        });
        let Some((probe, answer)) = wrong else {
            return Ok(Proof { rule: rule.to_string(), action: *action });
        };
        let Probe { from, to, source, destination, port, application } = probe;
        let question = format!("{application} from {from} {source} to {to} {destination} port {port}");
        let words = match answer {
            Some(other) => format!(
                "the firewall's policy test for {question} answers rule {other}, not our {rule}; move that rule, or ours above it"
            ),
            None => format!(
                "the firewall's policy test for {question} answers no rule, not our {rule}: the default decides"
            ),
        };
        Err((Reason::ShadowedByForeignRule, words))
    }
}

impl Proof {
    /// The proof as the claim's status keeps it. `devices`: every one of them was asked; `job`: which commit of ours
    /// carried it, where we know.
    #[must_use]
    pub fn into_evidence(self, devices: Vec<String>, now: Timestamp, job: Option<String>) -> Evidence {
        let Self { rule, action } = self;
        Evidence { devices, proven_at: now, action, rule, job }
    }
}

/// One question for each pair of zones, with an address of either side and the first port.
fn probes(app: &str, terms: &Terms) -> Vec<Probe> {
    let (source, destination) = samples(&terms.source, &terms.destination);
    let port = terms.ports.first().copied().unwrap_or(443);
    let pairs = terms.from.iter().flat_map(|from| terms.to.iter().map(move |to| (from, to)));
    pairs
        .take(MOST_PAIRS)
        .map(|(from, to)| Probe {
            from: from.clone(),
            to: to.clone(),
            source: source.clone(),
            destination: destination.clone(),
            port,
            application: app.to_owned(),
        })
        .collect()
}

/// An address of either side, of one family where the lists allow that.
fn samples(sources: &[String], destinations: &[String]) -> (String, String) {
    let networks =
        |texts: &[String]| texts.iter().filter_map(|text| text.parse::<Network>().ok()).collect::<Vec<_>>();
    let (sources, destinations) = (networks(sources), networks(destinations));
    let destination = destinations.first().copied();
    let wanted = destination.or_else(|| sources.first().copied()).is_none_or(|network| network.is_ipv4());
    let source =
        sources.iter().find(|network| network.is_ipv4() == wanted).or_else(|| sources.first()).copied();
    let any = if wanted { ANYBODY[0] } else { ANYBODY[1] };
    let text = |network: Option<Network>| {
        network.map_or_else(|| any.to_owned(), |network| network.sample().to_string())
    };
    (text(source), text(destination))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{actual::Configuration, desired::rule_description, xml::Element};

    fn dns() -> DnsName {
        "web.shop.corp.example".parse().unwrap()
    }

    fn name() -> Name {
        Name {
            namespace: "shop".into(),
            app: firewall_names::app_id("c", &dns()).into(),
            rule: "sp-shop-allow".into(),
            action: Action::Allow,
            quarantined_until: None,
            blocked: false,
            lender: None,
        }
    }

    fn terms() -> Terms {
        Terms {
            from: vec!["trust".into(), "edge".into()],
            to: vec!["trust".into()],
            source: vec!["any".into()],
            destination: vec!["10.20.0.0/16".into()],
            ports: [443].into(),
            action: "allow",
            log_setting: None,
            profile_group: None,
            description: rule_description("c", "shop", Action::Allow, None),
        }
    }

    fn running(change: impl FnOnce(&mut Element)) -> Configuration {
        let rule = crate::desired::Rule { terms: None, apps: [name().app].into() };
        let mut entry = elements::rule("c", "sp-shop-allow", &rule, &terms());
        change(&mut entry);
        let mut configuration = Configuration { rules: vec![entry], ..Configuration::default() };
        configuration
            .applications
            .insert(name().app.into(), elements::application("c", &dns(), &name()).into());
        configuration
    }

    fn judge(running: &Configuration, bad: &str, answers: &[Option<&str>]) -> Result<(), Reason> {
        let answers: Vec<_> = answers.iter().map(|answer| answer.map(ToOwned::to_owned)).collect();
        let bad = BadSignatures(bad.to_owned());
        shown(&dns(), &name(), &terms(), &Index::of(running), &bad, Reason::PartialCommitIneffective)
            .and_then(|shown| shown.judge(&answers))
            .map(|_| ())
            .map_err(|(reason, _)| reason)
    }

    #[test]
    fn law_2_proof_needs_every_fact() {
        let ours = Some("sp-shop-allow");
        let whole = running(|_| ());
        assert_eq!(judge(&whole, "", &[ours, ours]), Ok(()));
        assert_eq!(judge(&whole, "", &[ours]), Err(Reason::ShadowedByForeignRule), "an answer is missing");
        assert_eq!(judge(&whole, "", &[ours, None]), Err(Reason::ShadowedByForeignRule));
        assert_eq!(judge(&whole, "", &[Some("deny-all"), ours]), Err(Reason::ShadowedByForeignRule));
        assert_eq!(judge(&whole, &name().app, &[ours, ours]), Err(Reason::SignatureNotCompiled));
        let ineffective = Err(Reason::PartialCommitIneffective);
        assert_eq!(judge(&Configuration::default(), "", &[ours, ours]), ineffective);
        let changed = running(|rule| rule.children.push(Element::leaf("disabled", "yes")));
        assert_eq!(judge(&changed, "", &[ours, ours]), ineffective);
        let changed = running(|rule| rule.children.retain(|child| child.name != "application"));
        assert_eq!(judge(&changed, "", &[ours, ours]), ineffective);
        let mut changed = running(|_| ());
        changed.applications.insert(
            name().app.into(),
            Element::entry(&name().app).with(elements::signature("^other$")).into(),
        );
        assert_eq!(judge(&changed, "", &[ours, ours]), ineffective);
    }

    #[test]
    fn probes_ask_inside_the_rule() {
        let running = running(|_| ());
        let (name, terms, bad) = (name(), terms(), BadSignatures::default());
        let shown = shown(&dns(), &name, &terms, &Index::of(&running), &bad, Reason::AwaitingCommit).unwrap();
        let asked: Vec<_> = shown
            .probes()
            .iter()
            .map(|p| format!("{} {} {} {} {}", p.from, p.to, p.source, p.destination, p.port))
            .collect();
        assert_eq!(asked, ["trust trust 192.0.2.1 10.20.0.1 443", "edge trust 192.0.2.1 10.20.0.1 443"]);
        let lists = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            samples(&lists(&["10.0.0.0/8", "fd00::/8"]), &lists(&["fd01::/16"])),
            ("fd00::1".into(), "fd01::1".into())
        );
    }
}
