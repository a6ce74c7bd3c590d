//! Who holds which DNS name: the rules of claims over everything that is claimed.
//!
//! Making a `NameClaim` is the lock; this tells before whether it can be had, and after whether a claim of
//! another namespace that can match the same name is older.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use jiff::Timestamp;
use sallyport_contract::{
    DnsName,
    identity::claim_of,
    object::{NameClaim, NameClaimSpec},
};

use crate::{
    cluster::Exactly,
    observe::shelf::{Change, Place, Shelf},
    text::Text,
};

/// One claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The name.
    pub dns_name: DnsName,
    /// Who holds it.
    pub namespace: Text,
    /// UID of the object; none while we only mean to make it.
    pub uid: Option<Box<str>>,
    /// Version of the object.
    pub resource_version: Option<Box<str>>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Whether a firewall still holds the name.
    pub on_a_firewall: bool,
}

impl Claim {
    /// Reads an object; `None` if it is not one of ours: its name must follow from the name it claims.
    #[must_use]
    pub fn read(object: &NameClaim) -> Option<Self> {
        let dns_name: DnsName = object.spec.dns_name.parse().ok()?;
        let ours = object.metadata.name.as_deref() == Some(&*claim_of(&dns_name));
        ours.then(|| Self {
            dns_name,
            namespace: (&object.spec.namespace).into(),
            uid: object.metadata.uid.as_deref().map(Into::into),
            resource_version: object.metadata.resource_version.as_deref().map(Into::into),
            created: object.metadata.creation_timestamp.as_ref().map(|time| time.0),
            on_a_firewall: object.status.as_ref().is_some_and(|status| !status.firewalls.is_empty()),
        })
    }

    /// Exactly this object, as far as it tells.
    #[must_use]
    pub fn exactly(&self) -> Option<Exactly> {
        let (uid, version) = (self.uid.as_ref()?, self.resource_version.as_ref()?);
        Some(Exactly { uid: uid.to_string(), resource_version: version.to_string() })
    }
}

/// The claim to make for a name.
#[must_use]
pub fn to_make(dns_name: &DnsName, namespace: &str) -> NameClaim {
    let spec = NameClaimSpec { dns_name: dns_name.to_string(), namespace: namespace.to_owned() };
    NameClaim::new(&claim_of(dns_name), spec)
}

/// Whether a namespace has a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holding {
    /// It holds it.
    Ours,
    /// Nobody does.
    Free,
    /// It held it, and the claim is just being ended: nothing may be built on it.
    Ending,
    /// Another namespace holds it, or one that can match the same SNI.
    Elsewhere {
        /// The name that is held.
        dns_name: DnsName,
        /// Who holds it.
        namespace: String,
    },
}

/// All claims of the cluster.
#[derive(Debug, Default)]
pub struct ClaimBook {
    shelf: Shelf<Claim>,
    /// By what stands behind the left-most label: only such names can overlap.
    by_parent: HashMap<String, BTreeMap<DnsName, Arc<Claim>>>,
    /// Claims that we are about to make; no list knows them yet.
    reserved: HashMap<DnsName, Arc<Claim>>,
    ending: HashSet<DnsName>,
}

impl ClaimBook {
    /// Takes a change from the watch; returns what changed.
    pub fn take(&mut self, change: Change<Claim>) -> Vec<Place> {
        let mut put = None;
        match &change {
            Change::Put(place, _) => put = Some(place.clone()),
            Change::Gone((namespace, name)) => {
                if let Some(claim) = self.shelf.get(namespace, name)
                    && let Some(siblings) = self.by_parent.get_mut(parent(&claim.dns_name))
                {
                    siblings.remove(&claim.dns_name);
                }
            }
            Change::ListBegins | Change::Listed(..) | Change::ListEnds => {}
        }
        let whole = matches!(change, Change::ListEnds);
        let touched = self.shelf.take(change);
        if let Some(claim) = put.and_then(|(namespace, name)| self.shelf.get(&namespace, &name)) {
            self.index(claim);
        }
        if whole {
            self.by_parent.clear();
            let all: Vec<Arc<Claim>> = self.shelf.all().map(|(_, _, claim)| Arc::clone(claim)).collect();
            let reserved: Vec<Arc<Claim>> = self.reserved.values().cloned().collect();
            for claim in reserved.into_iter().chain(all) {
                self.index(claim);
            }
        }
        touched
    }

    /// Notes a claim that was just made or found, before the watch tells.
    pub fn note(&mut self, claim: Claim) {
        self.release(&claim.dns_name);
        let place = (String::new(), claim_of(&claim.dns_name));
        self.take(Change::Put(place, claim));
    }

    /// Notes that a free name is about to be claimed, so that nobody else in this process tries.
    pub fn reserve(&mut self, dns_name: &DnsName, namespace: &str) {
        let claim = Arc::new(Claim {
            dns_name: dns_name.clone(),
            namespace: namespace.into(),
            uid: None,
            resource_version: None,
            created: None,
            on_a_firewall: false,
        });
        self.reserved.insert(dns_name.clone(), Arc::clone(&claim));
        self.index(claim);
    }

    /// Takes a reservation back.
    pub fn release(&mut self, dns_name: &DnsName) {
        if self.reserved.remove(dns_name).is_none() {
            return;
        }
        if let Some(siblings) = self.by_parent.get_mut(parent(dns_name))
            && siblings.get(dns_name).is_some_and(|claim| claim.uid.is_none())
        {
            siblings.remove(dns_name);
        }
    }

    /// Notes that a claim is about to be ended: from here on nobody builds on it.
    pub fn end(&mut self, dns_name: &DnsName) {
        self.ending.insert(dns_name.clone());
    }

    /// The end of a claim came, or came to nothing.
    pub fn ended(&mut self, dns_name: &DnsName, gone: bool) {
        self.ending.remove(dns_name);
        if gone {
            self.take(Change::Gone((String::new(), claim_of(dns_name))));
        }
    }

    fn index(&mut self, claim: Arc<Claim>) {
        let siblings = self.by_parent.entry(parent(&claim.dns_name).to_owned()).or_default();
        siblings.insert(claim.dns_name.clone(), claim);
    }

    /// Whether the first list is complete.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.shelf.complete()
    }

    /// The claim of a name.
    #[must_use]
    pub fn get(&self, name: &DnsName) -> Option<&Claim> {
        self.by_parent.get(parent(name))?.get(name).map(|claim| &**claim)
    }

    /// All claims.
    pub fn all(&self) -> impl Iterator<Item = &Claim> {
        self.by_parent.values().flat_map(BTreeMap::values).map(|claim| &**claim)
    }

    /// Whether `namespace` has `name`.
    #[must_use]
    pub fn holding(&self, namespace: &str, name: &DnsName) -> Holding {
        let siblings = self.by_parent.get(parent(name));
        let own = siblings.and_then(|claims| claims.get(name)).filter(|claim| claim.namespace == *namespace);
        let other = siblings
            .into_iter()
            .flat_map(BTreeMap::values)
            .filter(|claim| claim.namespace != *namespace && claim.dns_name.overlaps(name))
            .find(|claim| own.is_none_or(|own| goes_before(claim, own)));
        match (other, own) {
            (Some(other), _) => Holding::Elsewhere {
                dns_name: other.dns_name.clone(),
                namespace: String::from(&other.namespace),
            },
            (None, Some(own)) if self.ending.contains(&own.dns_name) => Holding::Ending,
            (None, Some(_)) => Holding::Ours,
            (None, None) => Holding::Free,
        }
    }
}

/// Of two claims that can match one SNI the older holds, then the first by namespace.
fn goes_before(one: &Claim, other: &Claim) -> bool {
    let key = |claim: &Claim| (claim.created.unwrap_or(Timestamp::MAX), claim.namespace.clone());
    key(one) < key(other)
}

/// What stands behind the left-most label; two names overlap only if this is the same.
fn parent(name: &DnsName) -> &str {
    name.as_str().split_once('.').map_or("", |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> DnsName {
        text.parse().unwrap()
    }

    fn claim(dns_name: &str, namespace: &str, second: i64) -> Claim {
        Claim {
            dns_name: name(dns_name),
            namespace: namespace.into(),
            uid: Some("u".into()),
            resource_version: None,
            created: Some(Timestamp::from_second(second).unwrap()),
            on_a_firewall: false,
        }
    }

    #[test]
    fn law_5_a_name_belongs_to_one_namespace_wildcards_included() {
        let mut book = ClaimBook::default();
        book.note(claim("web.corp.example", "shop", 1));
        book.note(claim("*.pay.example", "pay", 1));
        let held = |dns_name: &str, namespace: &str| Holding::Elsewhere {
            dns_name: name(dns_name),
            namespace: namespace.to_owned(),
        };
        for (namespace, asked, holding) in [
            ("shop", "web.corp.example", Holding::Ours),
            ("bill", "web.corp.example", held("web.corp.example", "shop")),
            ("bill", "*.corp.example", held("web.corp.example", "shop")),
            ("shop", "*.corp.example", Holding::Free),
            ("shop", "a.pay.example", held("*.pay.example", "pay")),
            ("pay", "a.pay.example", Holding::Free),
            ("shop", "a.b.pay.example", Holding::Free),
        ] {
            assert_eq!(book.holding(namespace, &name(asked)), holding, "{namespace} {asked}");
        }
    }

    #[test]
    fn law_5_of_two_that_raced_the_older_holds() {
        let mut book = ClaimBook::default();
        book.note(claim("*.corp.example", "bill", 1));
        book.note(claim("web.corp.example", "shop", 2));
        assert_eq!(book.holding("bill", &name("*.corp.example")), Holding::Ours);
        assert!(matches!(book.holding("shop", &name("web.corp.example")), Holding::Elsewhere { .. }));
    }

    #[test]
    fn law_5_a_reservation_holds_through_a_list_that_does_not_know_it() {
        let (mut book, asked) = (ClaimBook::default(), name("web.corp.example"));
        book.reserve(&asked, "shop");
        book.take(Change::ListBegins);
        book.take(Change::ListEnds);
        assert!(matches!(book.holding("bill", &name("*.corp.example")), Holding::Elsewhere { .. }));
        book.release(&asked);
        assert_eq!(book.holding("bill", &asked), Holding::Free);
        book.reserve(&asked, "shop");
        book.note(claim("web.corp.example", "shop", 1));
        book.release(&asked);
        assert_eq!(book.holding("shop", &asked), Holding::Ours, "what was made is no reservation");
    }

    #[test]
    fn law_5_nobody_builds_on_a_claim_that_is_being_ended() {
        let (mut book, asked) = (ClaimBook::default(), name("web.corp.example"));
        book.note(claim("web.corp.example", "shop", 1));
        book.end(&asked);
        assert_eq!(book.holding("shop", &asked), Holding::Ending);
        book.ended(&asked, false);
        assert_eq!(book.holding("shop", &asked), Holding::Ours);
        book.end(&asked);
        book.ended(&asked, true);
        assert_eq!(book.holding("shop", &asked), Holding::Free);
    }

    #[test]
    fn an_object_under_a_wrong_name_is_no_claim() {
        let mut object = to_make(&name("web.corp.example"), "shop");
        assert!(Claim::read(&object).is_some());
        object.metadata.name = Some("web".to_owned());
        assert_eq!(Claim::read(&object), None);
    }
}
