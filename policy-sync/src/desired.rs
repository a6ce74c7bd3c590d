//! What one firewall is to hold: names with their App-IDs, and the rules that carry them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use compact_str::CompactString;
use jiff::Timestamp;
use sallyport_contract::{
    DnsName, Reason, firewall_names,
    object::{Action, FirewallSpec, Style, Traffic},
};

use crate::{
    capacity::Capacity,
    ledger::{Holding, Ledger},
    lending::Loan,
    wish::{Refusals, Wish, wishes},
    world::World,
};

/// What one firewall is to hold. Only [`desired`] makes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    names: BTreeMap<DnsName, Name>,
    rules: BTreeMap<String, Rule>,
    refused: Refusals,
}

/// One DNS name and its App-ID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The namespace that holds it.
    pub namespace: CompactString,
    /// The custom App-ID.
    pub app: CompactString,
    /// The rule that carries it.
    pub rule: CompactString,
    /// What the rule does.
    pub action: Action,
    /// Nobody wants it any more; it stays until this time.
    pub quarantined_until: Option<Timestamp>,
    /// The `Firewall` blocks it: the rule denies, whatever is asked.
    pub blocked: bool,
    /// The cluster whose App-ID and rule serve it: we write neither.
    pub lender: Option<CompactString>,
}

/// One rule and its members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// Everything but the members; `None` where no policy says it today, and the rule stays as it is.
    pub terms: Option<Terms>,
    /// The App-IDs.
    pub apps: BTreeSet<CompactString>,
}

/// A rule without its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Source zones.
    pub from: Vec<String>,
    /// Destination zones.
    pub to: Vec<String>,
    /// Source addresses.
    pub source: Vec<String>,
    /// Destination addresses.
    pub destination: Vec<String>,
    /// The TCP ports; each is a service object of ours.
    pub ports: BTreeSet<u16>,
    /// The action in the device's words.
    pub action: &'static str,
    /// Log forwarding profile.
    pub log_setting: Option<String>,
    /// Security profile group.
    pub profile_group: Option<String>,
    /// The description, from which the rule's name can be derived again.
    pub description: String,
}

impl Desired {
    /// Nothing: the object is being deleted, and all that is ours goes with it.
    #[must_use]
    pub fn nothing(firewall: &str, world: &World) -> Self {
        let words = format!(
            "Firewall {firewall} is being deleted, and spec.deletionPolicy: Remove takes what is ours off it"
        );
        let of_it = world.identities.iter().filter(|(_, identity)| identity.firewall == firewall);
        let refused = of_it.map(|(key, _)| (key.clone(), (Reason::NotFound, words.clone())));
        Self { refused: refused.collect(), ..Self::default() }
    }

    /// The other one, where both say the same: of thousands of names one copy is enough.
    #[must_use]
    pub fn alike(self: Arc<Self>, other: &Arc<Self>) -> Arc<Self> {
        if self == *other { Arc::clone(other) } else { self }
    }

    /// The names in order.
    #[must_use]
    pub const fn names(&self) -> &BTreeMap<DnsName, Name> {
        &self.names
    }

    /// The rules by name.
    #[must_use]
    pub const fn rules(&self) -> &BTreeMap<String, Rule> {
        &self.rules
    }

    /// The identities that this firewall does not serve, with the reason and words for it.
    #[must_use]
    pub const fn refused(&self) -> &Refusals {
        &self.refused
    }

    /// The same with some names served by what other clusters lend.
    #[must_use]
    pub fn with_loans(mut self, loans: &BTreeMap<DnsName, Loan>) -> Self {
        for (dns, loan) in loans {
            let Some(mut name) = self.names.remove(dns).filter(|name| name.quarantined_until.is_none())
            else {
                continue;
            };
            let terms = self.rules.get(name.rule.as_str()).and_then(|rule| rule.terms.clone());
            if let Some(rule) = self.rules.get_mut(name.rule.as_str()) {
                rule.apps.remove(&name.app);
                if rule.apps.is_empty() {
                    self.rules.remove(name.rule.as_str());
                }
            }
            name.app = loan.app.as_str().into();
            name.rule = loan.rule.as_str().into();
            name.lender = Some(loan.cluster.as_str().into());
            self.place(dns.clone(), name, terms);
        }
        self
    }

    /// The same without some names, which something holds back.
    #[must_use]
    pub fn without(&self, held: &BTreeSet<DnsName>) -> Self {
        let mut rest = self.clone();
        for name in held {
            let Some(name) = rest.names.remove(name) else { continue };
            if let Some(rule) = rest.rules.get_mut(name.rule.as_str()) {
                rule.apps.remove(&name.app);
                if rule.apps.is_empty() {
                    rest.rules.remove(name.rule.as_str());
                }
            }
        }
        rest
    }
}

/// Decides what the firewall called `firewall` is to hold now. `room`: how much fits, once it was read.
#[must_use]
pub fn desired(
    firewall: &str,
    spec: &FirewallSpec,
    world: &World,
    ledger: &Ledger,
    room: Option<&Capacity>,
    now: Timestamp,
) -> Desired {
    let cluster = &spec.cluster_name;
    let mut result = Desired::default();
    let mut apps: BTreeMap<CompactString, DnsName> = BTreeMap::new();
    let (mut wanted, mut refused) = wishes(firewall, spec, world, ledger);
    let quarantine = spec.removal.quarantine.as_signed();
    let blocked = |dns: &DnsName| spec.blocked.iter().any(|name| name == dns.as_str());

    for (dns, holding) in ledger.iter().filter(|(dns, _)| !wanted.contains_key(*dns)) {
        let until = holding.entry.last_wanted.saturating_add(quarantine).unwrap_or(Timestamp::MAX);
        // What nobody wants and the firewall's people block goes at once; what was lent is not ours to keep.
        let own = holding.entry.app == firewall_names::app_id(cluster, dns);
        if until > now && !blocked(dns) && own {
            apps.insert(holding.entry.app.as_str().into(), dns.clone());
            let name = unwanted(holding, until);
            result.place(dns.clone(), name, None);
        }
    }
    // Names that stand come first, then the oldest identities: a full firewall refuses the newcomer.
    let mut order: Vec<(DnsName, Wish<'_>)> = std::mem::take(&mut wanted).into_iter().collect();
    order.sort_by_key(|(dns, wish)| (ledger.get(dns).is_none(), wish.since, dns.clone()));
    for (dns, wish) in order {
        let app = CompactString::from(firewall_names::app_id(cluster, &dns));
        if let Some(other) = apps.get(&app) {
            let words = format!(
                "the names {dns} and {other} would both be called {app} on the firewall; take another name"
            );
            refused.add(&wish, Reason::NameRefused, &words);
            continue;
        }
        let newcomer = ledger.get(&dns).is_none();
        let most = room.map_or(usize::from(spec.bounds.max_names), |room| room.names);
        if newcomer && result.names.len() >= most {
            let counted = room.map(|room| format!(" ({})", room.words)).unwrap_or_default();
            let words = format!(
                "firewall {firewall} takes {most} names of this cluster and holds as many{counted}; {dns} does not fit"
            );
            refused.add(&wish, Reason::CapacityReached, &words);
            continue;
        }
        if let Some(other) = result.overlapping(&dns, ledger) {
            let words = format!(
                "{other} stands on the firewall and matches an SNI of {dns}; no SNI may match two App-IDs"
            );
            refused.add(&wish, Reason::NameHeldElsewhere, &words);
            continue;
        }
        apps.insert(app.clone(), dns.clone());
        let blocked = blocked(&dns);
        let action = if blocked { Action::Deny } else { wish.action };
        let name = Name {
            namespace: wish.namespace.into(),
            app,
            rule: firewall_names::rule_of(cluster, spec.rules.style, wish.policy, action, &dns).into(),
            action,
            quarantined_until: None,
            blocked,
            lender: None,
        };
        let one = (spec.rules.style == Style::PerIdentity).then_some(&dns);
        let terms = terms(cluster, wish.policy, wish.traffic, action, one);
        result.place(dns, name, Some(terms));
    }
    result.refused = refused;
    result
}

/// A name that nobody wants any more, as it stands.
fn unwanted(holding: &Holding, until: Timestamp) -> Name {
    Name {
        namespace: holding.namespace.clone(),
        app: holding.entry.app.as_str().into(),
        rule: holding.entry.rule.as_str().into(),
        action: holding.entry.action,
        quarantined_until: Some(until),
        blocked: false,
        lender: None,
    }
}

impl Desired {
    /// A name of ours, other than this one, that can match one of its SNIs: the wildcard above it, or a name
    /// under the wildcard that it is. What nobody wants any more counts until it is gone from every device: two names that
    /// overlap are never on the firewall together, and so never both in the ledger.
    fn overlapping(&self, dns: &DnsName, ledger: &Ledger) -> Option<DnsName> {
        let newcomer = ledger.get(dns).is_none();
        let stands =
            |name: &DnsName| self.names.contains_key(name) || (newcomer && ledger.get(name).is_some());
        let (_, parent) = dns.as_str().split_once('.')?;
        if !dns.is_wildcard() {
            return format!("*.{parent}").parse().ok().filter(stands);
        }
        let known = ledger.iter().map(|(name, _)| name).filter(|_| newcomer);
        self.names.keys().chain(known).find(|name| *name != dns && name.overlaps(dns)).cloned()
    }

    fn place(&mut self, dns: DnsName, name: Name, terms: Option<Terms>) {
        let rule = self.rules.entry(name.rule.to_string()).or_default();
        rule.apps.insert(name.app.clone());
        if terms.is_some() {
            rule.terms = terms;
        }
        self.names.insert(dns, name);
    }
}

fn terms(cluster: &str, policy: &str, traffic: &Traffic, action: Action, one: Option<&DnsName>) -> Terms {
    Terms {
        from: traffic.from.zones.clone(),
        to: traffic.to.zones.clone(),
        source: traffic.from.addresses.clone(),
        destination: traffic.to.addresses.clone(),
        ports: traffic.ports.iter().copied().collect(),
        action: firewall_names::rule_action(action, traffic.deny_with),
        log_setting: traffic.log_setting.clone(),
        profile_group: traffic.profile_group.clone(),
        description: rule_description(cluster, policy, action, one),
    }
}

const RULE_MARK: &str = "sallyport";

/// What a rule says about itself. Its name follows from it: see [`rule_name_in`]. `one`: the only name that it
/// carries, where each has its own rule.
#[must_use]
pub fn rule_description(cluster: &str, policy: &str, action: Action, one: Option<&DnsName>) -> String {
    let one = one.map(|name| format!(" {name}")).unwrap_or_default();
    format!("{RULE_MARK} {cluster} {policy} {}{one}  (managed: changes here are reverted)", action.as_str())
}

/// The name that a rule with this description must have in this cluster; `None` if it is no description of ours.
#[must_use]
pub fn rule_name_in(cluster: &str, description: &str) -> Option<String> {
    let mut words = description.split_ascii_whitespace();
    if words.next()? != RULE_MARK || words.next()? != cluster {
        return None;
    }
    let policy = words.next()?;
    let action = match words.next()? {
        "allow" => Action::Allow,
        "deny" => Action::Deny,
        _ => return None,
    };
    let one = words.next().and_then(|word| word.parse::<DnsName>().ok());
    Some(match one {
        None => firewall_names::rule(cluster, policy, action),
        Some(name) => firewall_names::rule_for_name(cluster, policy, action, &name),
    })
}
