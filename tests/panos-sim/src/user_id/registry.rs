//! The book of registered addresses and user mappings, with their ends.

use super::Filter;
use crate::policy::address_range;
use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// An address holds at most so many tags on most models
/// (<https://docs.paloaltonetworks.com/pan-os/11-1/pan-os-admin/policy/monitor-changes-in-the-virtual-environment/use-dynamic-address-groups-in-policy>).
const MAX_TAGS: usize = 32;

/// Everything that was registered; clones share one book.
#[derive(Debug, Clone, Default)]
pub(crate) struct Registrations(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    addresses: BTreeMap<String, Registered>,
    users: BTreeMap<String, Mapping>,
}

/// An address, range or network with its tags and their ends.
#[derive(Debug)]
struct Registered {
    range: (IpAddr, IpAddr),
    tags: BTreeMap<String, Option<Instant>>,
}

#[derive(Debug)]
struct Mapping {
    user: String,
    until: Option<Instant>,
}

/// Which registered addresses a reader asks for; an absent condition is none.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted<'a> {
    pub(crate) ip: Option<&'a str>,
    pub(crate) tag: Option<&'a str>,
}

impl Registered {
    fn has(&self, tag: &str, now: Instant) -> bool {
        self.tags.get(tag).is_some_and(|until| lives(*until, now))
    }

    fn living(&self, now: Instant) -> Vec<String> {
        let living = self.tags.iter().filter(|(_, until)| lives(**until, now));
        living.map(|(tag, _)| tag.clone()).collect()
    }
}

fn lives(until: Option<Instant>, now: Instant) -> bool {
    until.is_none_or(|until| now < until)
}

impl Registrations {
    /// # Errors
    /// Why the device does not take it, in the words of one entry of its answer.
    pub(crate) fn register(
        &self,
        ip: &str,
        tag: &str,
        lasts: Option<Duration>,
        now: Instant,
    ) -> Result<(), String> {
        let range = address_range(ip).ok_or_else(|| format!("{ip} is not a valid address"))?;
        let mut book = self.lock();
        let entry = book
            .addresses
            .entry(ip.to_owned())
            .or_insert_with(|| Registered { range, tags: BTreeMap::new() });
        let until = lasts.map(|lasts| now + lasts);
        if entry.has(tag, now) && entry.tags.get(tag).is_some_and(|old| old.is_none() == until.is_none()) {
            entry.tags.insert(tag.to_owned(), until);
            return Err(format!("tag {tag} already exists, ignore"));
        }
        entry.tags.retain(|_, until| lives(*until, now));
        if entry.tags.len() >= MAX_TAGS && !entry.tags.contains_key(tag) {
            return Err(format!("{ip} has {MAX_TAGS} tags already"));
        }
        entry.tags.insert(tag.to_owned(), until);
        Ok(())
    }

    /// Takes away one tag, or all of them.
    ///
    /// # Errors
    /// There is nothing to take away.
    pub(crate) fn unregister(&self, ip: &str, tag: Option<&str>, now: Instant) -> Result<(), String> {
        let mut book = self.lock();
        let entry = book.addresses.get_mut(ip).filter(|entry| !entry.living(now).is_empty());
        let Some(entry) = entry else { return Err(format!("ip {ip} does not exist, ignore unreg")) };
        match tag {
            Some(tag) if !entry.has(tag, now) => {
                return Err(format!("tag {tag} does not exist, ignore unreg"));
            }
            Some(tag) => entry.tags.retain(|known, _| known != tag),
            None => entry.tags.clear(),
        }
        book.addresses.retain(|_, entry| !entry.tags.is_empty());
        Ok(())
    }

    /// The registered addresses and their tags, in a fixed order.
    pub(crate) fn list(&self, wanted: Wanted<'_>, now: Instant) -> Vec<(String, Vec<String>)> {
        let book = self.lock();
        let all = book.addresses.iter().filter(|(ip, _)| wanted.ip.is_none_or(|wanted| wanted == *ip));
        let tagged = all.filter(|(_, entry)| wanted.tag.is_none_or(|tag| entry.has(tag, now)));
        let listed = tagged.map(|(ip, entry)| (ip.clone(), entry.living(now)));
        listed.filter(|(_, tags)| !tags.is_empty()).collect()
    }

    /// The registered addresses that a dynamic group holds.
    pub(crate) fn members(&self, filter: &Filter, now: Instant) -> Vec<String> {
        let book = self.lock();
        let held = book.addresses.iter().filter(|(_, entry)| filter.holds(&|tag| entry.has(tag, now)));
        held.map(|(ip, _)| ip.clone()).collect()
    }

    /// Is this address in a dynamic group?
    pub(crate) fn holds(&self, filter: &Filter, address: IpAddr, now: Instant) -> bool {
        self.lock().addresses.values().any(|entry| {
            let (low, high) = entry.range;
            low.is_ipv4() == address.is_ipv4()
                && (low..=high).contains(&address)
                && filter.holds(&|tag| entry.has(tag, now))
        })
    }

    pub(crate) fn clear_addresses(&self) {
        self.lock().addresses.clear();
    }

    /// # Errors
    /// The address is none.
    pub(crate) fn login(
        &self,
        user: &str,
        ip: &str,
        lasts: Option<Duration>,
        now: Instant,
    ) -> Result<(), String> {
        ip.parse::<IpAddr>().map_err(|_| format!("{ip} is not a valid address"))?;
        let mapping = Mapping { user: user.to_owned(), until: lasts.map(|lasts| now + lasts) };
        self.lock().users.insert(ip.to_owned(), mapping);
        Ok(())
    }

    pub(crate) fn logout(&self, user: &str, ip: &str) {
        self.lock().users.retain(|known, mapping| known != ip || mapping.user != user);
    }

    /// Address, user, and the seconds that are left; `None` for ever.
    pub(crate) fn users(&self, now: Instant) -> Vec<(String, String, Option<u64>)> {
        let book = self.lock();
        let living = book.users.iter().filter(|(_, mapping)| lives(mapping.until, now));
        living
            .map(|(ip, mapping)| {
                let left = mapping.until.map(|until| until.duration_since(now).as_secs());
                (ip.clone(), mapping.user.clone(), left)
            })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_end_with_their_timeout_and_ranges_hold_their_addresses() {
        let (book, start) = (Registrations::default(), Instant::now());
        let minute = Duration::from_secs(60);
        book.register("10.0.0.0/24", "web", None, start).unwrap();
        book.register("10.0.0.0/24", "prod", Some(minute), start).unwrap();
        let filter = Filter::parse("'web' and 'prod'").unwrap();
        let (inside, outside) = ("10.0.0.7".parse().unwrap(), "10.0.1.7".parse().unwrap());
        for (address, now, expected) in
            [(inside, start, true), (outside, start, false), (inside, start + minute, false)]
        {
            assert_eq!(book.holds(&filter, address, now), expected, "{address}");
        }
        assert_eq!(book.members(&filter, start), ["10.0.0.0/24"]);
        let later = book.list(Wanted::default(), start + minute);
        assert_eq!(later, [("10.0.0.0/24".to_owned(), vec!["web".to_owned()])]);
    }

    #[test]
    fn doubles_and_absentees_are_told() {
        let (book, now) = (Registrations::default(), Instant::now());
        book.register("10.0.0.1", "web", None, now).unwrap();
        for (done, words) in [
            (book.register("10.0.0.1", "web", None, now), "tag web already exists, ignore"),
            (book.unregister("10.0.0.2", None, now), "ip 10.0.0.2 does not exist, ignore unreg"),
            (book.unregister("10.0.0.1", Some("db"), now), "tag db does not exist, ignore unreg"),
            (book.register("10.0.0", "web", None, now), "10.0.0 is not a valid address"),
        ] {
            assert_eq!(done.unwrap_err(), words);
        }
        for number in 1..MAX_TAGS {
            book.register("10.0.0.1", &number.to_string(), None, now).unwrap();
        }
        assert!(book.register("10.0.0.1", "one more", None, now).unwrap_err().contains("32 tags"));
        book.unregister("10.0.0.1", None, now).unwrap();
        assert_eq!(book.list(Wanted::default(), now), []);
    }
}
