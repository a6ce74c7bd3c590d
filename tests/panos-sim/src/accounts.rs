//! Administrators, their passwords and their API keys. Nothing of this is ever printed.

use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The accounts of a device.
pub struct Accounts {
    passwords: BTreeMap<String, String>,
    keys: Mutex<Keys>,
}

#[derive(Default)]
struct Keys {
    given: BTreeMap<String, Given>,
    generation: u64,
    /// What the device does by itself, and what its configuration says; the latter goes first.
    lifetime: Option<Duration>,
    configured_lifetime: Option<Duration>,
}

/// A key's administrator, and since when it lives.
struct Given {
    owner: String,
    since: Instant,
}

impl Keys {
    fn lifetime(&self) -> Option<Duration> {
        self.configured_lifetime.or(self.lifetime)
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").finish_non_exhaustive()
    }
}

impl Default for Accounts {
    /// One administrator, as the device comes from the factory.
    fn default() -> Self {
        Self::new([("admin".to_owned(), "admin".to_owned())])
    }
}

impl Accounts {
    /// Accounts from pairs of user name and password.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { passwords: pairs.into_iter().collect(), keys: Mutex::default() }
    }

    /// The same accounts on a device whose keys live so long.
    #[must_use]
    pub(crate) fn with_key_lifetime(self, key_lifetime: Option<Duration>) -> Self {
        self.lock().lifetime = key_lifetime;
        self
    }

    /// What the running configuration says of it, from now on and for the keys that are there too.
    pub(crate) fn configure_key_lifetime(&self, lifetime: Option<Duration>) {
        self.lock().configured_lifetime = lifetime;
    }

    /// The same administrators and passwords on another device, where keys are its own.
    #[must_use]
    pub(crate) fn same_people(&self) -> Self {
        Self::new(self.passwords.clone()).with_key_lifetime(self.lock().lifetime)
    }

    /// Reads `user:password` lines; empty lines and lines that begin with `#` are skipped.
    ///
    /// # Errors
    /// The number of the first line that has no colon.
    pub fn parse(text: &str) -> Result<Self, usize> {
        let lines = text.lines().enumerate().map(|(i, line)| (i + 1, line.trim()));
        let pairs =
            lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).map(|(number, line)| {
                let (user, password) = line.split_once(':').ok_or(number)?;
                Ok((user.to_owned(), password.to_owned()))
            });
        pairs.collect::<Result<Vec<_>, usize>>().map(Self::new)
    }

    pub(crate) fn password_is(&self, user: &str, password: &str) -> bool {
        self.passwords.get(user).is_some_and(|known| known == password)
    }

    /// A key for an administrator: the same until all keys are expired, or a new one each time where keys have a
    /// lifetime (<https://docs.paloaltonetworks.com/ngfw/api/api-authentication-and-security/generate-api-key>).
    pub(crate) fn generate_key(&self, user: &str, now: Instant) -> String {
        let mut keys = self.lock();
        if keys.lifetime().is_some() {
            keys.generation += 1;
        }
        let secret = self.passwords.get(user).map(String::as_str).unwrap_or_default();
        let digest = Sha256::digest(format!("{} {user} {secret}", keys.generation));
        let key = format!("LUFRPT1{}=", digest.iter().map(|b| format!("{b:02x}")).collect::<String>());
        keys.given.insert(key.clone(), Given { owner: user.to_owned(), since: now });
        key
    }

    /// The administrator whose key this is, while it lives.
    pub(crate) fn owner_of(&self, key: &str, now: Instant) -> Option<String> {
        let keys = self.lock();
        let given = keys.given.get(key)?;
        let lives = keys.lifetime().is_none_or(|lifetime| now.duration_since(given.since) < lifetime);
        lives.then(|| given.owner.clone())
    }

    /// "Expire all API keys": every key dies, the next ones differ.
    pub(crate) fn expire_keys(&self) {
        let mut keys = self.lock();
        keys.given.clear();
        keys.generation += 1;
    }

    fn lock(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_live_for_ever_or_as_long_as_the_device_says() {
        let pairs = || [("admin".to_owned(), "admin".to_owned())];
        let (start, minute) = (Instant::now(), Duration::from_secs(60));
        let later = start + minute;
        let for_ever = Accounts::new(pairs());
        let key = for_ever.generate_key("admin", start);
        assert_eq!(for_ever.generate_key("admin", later), key, "the same key each time");
        assert_eq!(for_ever.owner_of(&key, later).as_deref(), Some("admin"));
        let for_a_minute = Accounts::new(pairs()).with_key_lifetime(Some(minute));
        let key = for_a_minute.generate_key("admin", start);
        assert_eq!(for_a_minute.owner_of(&key, start).as_deref(), Some("admin"));
        assert_eq!(for_a_minute.owner_of(&key, later), None);
        let next = for_a_minute.generate_key("admin", later);
        assert_ne!(next, key);
        assert_eq!(for_a_minute.owner_of(&next, later).as_deref(), Some("admin"));
        for_a_minute.configure_key_lifetime(Some(2 * minute));
        assert_eq!(
            for_a_minute.owner_of(&key, later).as_deref(),
            Some("admin"),
            "the configuration goes first"
        );
    }

    #[test]
    fn expired_keys_are_dead_and_the_next_one_differs() {
        let (accounts, now) = (Accounts::default(), Instant::now());
        let key = accounts.generate_key("admin", now);
        accounts.expire_keys();
        assert_eq!(accounts.owner_of(&key, now), None);
        let next = accounts.generate_key("admin", now);
        assert_ne!(next, key);
        assert_eq!(accounts.owner_of(&next, now).as_deref(), Some("admin"));
    }
}
