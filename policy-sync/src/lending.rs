//! A name that another cluster holds on the same firewall: refused with that cluster's name, or used as it stands there.

use sallyport_contract::{DnsName, Reason, firewall_names, object::FirewallSpec};

use crate::{
    actual::{Configuration, same},
    desired::{Name, Terms},
    diff::Held,
    elements,
    xml::Element,
};

/// An App-ID and a rule of another cluster that serve a name of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loan {
    /// The other cluster.
    pub cluster: String,
    /// Its App-ID.
    pub app: String,
    /// Its rule.
    pub rule: String,
}

/// The cluster whose mark a description carries, and the name in it; nothing for our own or nobody's.
#[must_use]
pub fn marked_by<'a>(description: &'a str, cluster: &str) -> Option<(&'a str, &'a str)> {
    let mut words = description.lines().next()?.split_ascii_whitespace();
    let (mark, other, _, name) = (words.next()?, words.next()?, words.next()?, words.next()?);
    (mark == "sallyport" && other != cluster).then_some((other, name))
}

/// What another cluster that `spec.sharedWith` lists holds for a name; nothing if none does.
///
/// # Errors
/// It holds the name and does something else with it.
pub fn loan(
    spec: &FirewallSpec,
    dns: &DnsName,
    name: &Name,
    terms: &Terms,
    candidate: &Configuration,
) -> Result<Option<Loan>, Held> {
    let signature = elements::signature(&firewall_names::sni_pattern(dns));
    let lender = |entry: &Element| {
        let (cluster, told) = marked_by(entry.text_of("description")?, &spec.cluster_name)?;
        let fits =
            told == dns.as_str() && entry.child("signature").is_some_and(|other| same(other, &signature));
        (fits && spec.shared_with.iter().any(|listed| listed == cluster)).then(|| cluster.to_owned())
    };
    let held = candidate.applications.values().find_map(|entry| Some((lender(entry)?, entry.entry_name())));
    let Some((cluster, app)) = held else { return Ok(None) };
    let tag = firewall_names::tag(&cluster);
    let carries = |rule: &&Element| {
        rule.members_of("tag").any(|member| member == tag)
            && rule.members_of("application").any(|member| member == app)
    };
    let Some(rule) = candidate.rules.iter().find(carries) else {
        let words = format!(
            "cluster {cluster} holds {dns} on this firewall (App-ID {app}) in no rule; it is about to"
        );
        return Err((Reason::NameHeldElsewhere, words));
    };
    let does = rule.text_of("action").unwrap_or_default();
    if does != terms.action {
        let words = format!(
            "cluster {cluster} holds {dns} on this firewall with the action {does} (rule {}), and {} is asked for here \
             (rule {}); agree on one",
            rule.entry_name(),
            terms.action,
            name.rule
        );
        return Err((Reason::ActionConflict, words));
    }
    Ok(Some(Loan { cluster, app: app.to_owned(), rule: rule.entry_name().to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_tells_the_cluster_and_the_name() {
        let marked = |text| marked_by(text, "prod-eu-1");
        let theirs = "sallyport prod-eu-0 shop web.shop.corp.example  (managed: changes here are reverted)";
        assert_eq!(marked(theirs), Some(("prod-eu-0", "web.shop.corp.example")));
        let ours = theirs.replace("prod-eu-0", "prod-eu-1");
        assert_eq!(marked_by(&ours, "prod-eu-1"), None, "our own");
        assert_eq!(marked("made by hand"), None);
        assert_eq!(marked(""), None);
    }
}
