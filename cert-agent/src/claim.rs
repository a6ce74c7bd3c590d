//! Who holds which DNS name: the rules of claims over everything that is claimed.
//!
//! Making a `NameClaim` is the lock; this tells before whether it can be had, and after whether a claim of
//! another namespace that can match the same name is older.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{BuildHasher as _, RandomState},
};

use jiff::Timestamp;
use sallyport_contract::{
    DnsName,
    identity::claim_of,
    object::{NameClaim, NameClaimSpec},
};

use crate::{
    cluster::{Exactly, version_of},
    observe::shelf::Change,
    text::Text,
    uid::Uid,
};

/// One claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The name.
    pub dns_name: DnsName,
    /// Who holds it.
    pub namespace: Text,
    /// UID of the object; none while we only mean to make it.
    pub uid: Option<Uid>,
    /// Version of the object; 0 if it is not told.
    pub version: u64,
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
            uid: object.metadata.uid.as_ref().map(Into::into),
            version: version_of(&object.metadata),
            created: object.metadata.creation_timestamp.as_ref().map(|time| time.0),
            on_a_firewall: object.status.as_ref().is_some_and(|status| !status.firewalls.is_empty()),
        })
    }

    /// Exactly this object, as far as it tells.
    #[must_use]
    pub fn exactly(&self) -> Option<Exactly> {
        Exactly::of(self.uid.as_ref(), self.version)
    }

    /// Whether we only mean to make it.
    fn is_reserved(&self) -> bool {
        self.uid.is_none()
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
    standing: Standing,
    /// The new list, while it comes.
    incoming: Option<Standing>,
    complete: bool,
    ending: HashSet<DnsName>,
}

impl ClaimBook {
    /// Takes a change from the watch.
    pub fn take(&mut self, change: Change<Claim>) {
        match change {
            Change::ListBegins => self.incoming = Some(Standing::default()),
            Change::Listed(_, claim) => self.incoming.get_or_insert_default().put(claim),
            Change::ListEnds => {
                let listed = self.incoming.take().unwrap_or_default();
                let before = std::mem::replace(&mut self.standing, listed);
                before.into_reserved().for_each(|claim| self.standing.reserve(claim));
                self.complete = true;
            }
            Change::Put(_, claim) => self.standing.put(claim),
            Change::Gone((_, object)) => self.standing.gone(&object),
        }
    }

    /// Notes a claim that was just made or found, before the watch tells.
    pub fn note(&mut self, claim: Claim) {
        self.standing.put(claim);
    }

    /// Notes that a free name is about to be claimed, so that nobody else in this process tries.
    pub fn reserve(&mut self, dns_name: &DnsName, namespace: &str) {
        self.standing.reserve(Claim {
            dns_name: dns_name.clone(),
            namespace: namespace.into(),
            uid: None,
            version: 0,
            created: None,
            on_a_firewall: false,
        });
    }

    /// Takes a reservation back.
    pub fn release(&mut self, dns_name: &DnsName) {
        if self.get(dns_name).is_some_and(Claim::is_reserved) {
            self.standing.remove(dns_name);
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
            self.standing.remove(dns_name);
        }
    }

    /// Whether the first list is complete.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.complete
    }

    /// The claim of a name.
    #[must_use]
    pub fn get(&self, name: &DnsName) -> Option<&Claim> {
        self.standing.beside(name)?.get(name).map(|claim| &**claim)
    }

    /// All claims.
    pub fn all(&self) -> impl Iterator<Item = &Claim> {
        self.standing.by_parent.values().flat_map(BTreeMap::values).map(|claim| &**claim)
    }

    /// Whether `namespace` has `name`.
    #[must_use]
    pub fn holding(&self, namespace: &str, name: &DnsName) -> Holding {
        let siblings = self.standing.beside(name);
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

/// Claims, each found by its name and by its object's.
#[derive(Debug, Default)]
struct Standing {
    /// By what stands behind the left-most label: only such names can overlap.
    by_parent: HashMap<String, Siblings>,
    /// The names that stand in objects, by a hash of what the objects are called.
    by_object: HashMap<u64, DnsName>,
    hasher: RandomState,
}

type Siblings = BTreeMap<DnsName, Box<Claim>>;

impl Standing {
    fn put(&mut self, claim: Claim) {
        let object = self.hasher.hash_one(claim_of(&claim.dns_name));
        self.by_object.insert(object, claim.dns_name.clone());
        let siblings = self.by_parent.entry(parent(&claim.dns_name).to_owned()).or_default();
        siblings.insert(claim.dns_name.clone(), Box::new(claim));
    }

    /// Puts a reservation where no claim is.
    fn reserve(&mut self, claim: Claim) {
        let siblings = self.by_parent.entry(parent(&claim.dns_name).to_owned()).or_default();
        siblings.entry(claim.dns_name.clone()).or_insert_with(|| Box::new(claim));
    }

    fn gone(&mut self, object: &str) {
        let held = self.by_object.get(&self.hasher.hash_one(object));
        // Two names of objects may have one hash.
        if let Some(dns_name) = held.filter(|held| claim_of(held) == object).cloned() {
            self.remove(&dns_name);
        }
    }

    fn remove(&mut self, dns_name: &DnsName) {
        self.by_object.remove(&self.hasher.hash_one(claim_of(dns_name)));
        let Some(siblings) = self.by_parent.get_mut(parent(dns_name)) else { return };
        siblings.remove(dns_name);
        if siblings.is_empty() {
            self.by_parent.remove(parent(dns_name));
        }
    }

    /// The claims that can overlap with a name.
    fn beside(&self, name: &DnsName) -> Option<&Siblings> {
        self.by_parent.get(parent(name))
    }

    fn into_reserved(self) -> impl Iterator<Item = Claim> {
        let all = self.by_parent.into_values().flat_map(BTreeMap::into_values);
        all.filter(|claim| claim.is_reserved()).map(|claim| *claim)
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
            version: 0,
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
    fn a_claim_goes_with_its_object_and_with_no_other() {
        let (mut book, asked) = (ClaimBook::default(), name("web.corp.example"));
        book.note(claim("web.corp.example", "shop", 1));
        let gone = |object: &str| Change::Gone((String::new(), object.to_owned()));
        book.take(gone("web"));
        book.take(gone(&claim_of(&name("pay.corp.example"))));
        assert_eq!(book.holding("shop", &asked), Holding::Ours);
        book.take(gone(&claim_of(&asked)));
        assert_eq!(book.holding("shop", &asked), Holding::Free);
        assert_eq!(book.all().count(), 0);
    }

    #[test]
    fn an_object_under_a_wrong_name_is_no_claim() {
        let mut object = to_make(&name("web.corp.example"), "shop");
        assert!(Claim::read(&object).is_some());
        object.metadata.name = Some("web".to_owned());
        assert_eq!(Claim::read(&object), None);
    }
}
