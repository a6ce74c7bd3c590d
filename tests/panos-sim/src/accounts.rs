//! Administrators, their passwords and their API keys. Nothing of this is ever printed.

use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, PoisonError},
};

/// The accounts of a device.
pub struct Accounts {
    passwords: BTreeMap<String, String>,
    keys: Mutex<Keys>,
}

#[derive(Default)]
struct Keys {
    owners: BTreeMap<String, String>,
    generation: u64,
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

    /// A key for an administrator: the same until all keys are expired
    /// (<https://docs.paloaltonetworks.com/ngfw/api/api-authentication-and-security/generate-api-key>).
    pub(crate) fn generate_key(&self, user: &str) -> String {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let secret = self.passwords.get(user).map(String::as_str).unwrap_or_default();
        let digest = Sha256::digest(format!("{} {user} {secret}", keys.generation));
        let key = format!("LUFRPT1{}=", digest.iter().map(|b| format!("{b:02x}")).collect::<String>());
        keys.owners.insert(key.clone(), user.to_owned());
        key
    }

    /// The administrator whose key this is.
    pub(crate) fn owner_of(&self, key: &str) -> Option<String> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).owners.get(key).cloned()
    }

    /// "Expire all API keys": every key dies, the next ones differ.
    pub(crate) fn expire_keys(&self) {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.owners.clear();
        keys.generation += 1;
    }
}
