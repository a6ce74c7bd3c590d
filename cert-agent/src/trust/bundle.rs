//! What lies where clients look for roots: the ConfigMap of a namespace, the ClusterTrustBundle of an authority. Removal is
//! slow here too: a pod that mounts what is gone does not start.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    api::{
        certificates::v1::{ClusterTrustBundle, ClusterTrustBundleSpec},
        core::v1::ConfigMap,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use sallyport_contract::keys;

use super::{book::Book, root::sha256};

/// What a bundle holds: files by name, and the hash of them all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    files: BTreeMap<String, String>,
    hash: String,
}

/// A bundle as it was found, without its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Whether it carries our label.
    pub ours: bool,
    /// The hash of what it holds.
    pub hash: String,
    /// The hash of what we wrote there last.
    pub written: Option<String>,
    /// The authorities that it has roots of.
    pub authorities: BTreeSet<String>,
    /// Since when nobody wants some of what it holds.
    pub unwanted_since: Option<Timestamp>,
    /// Its UID.
    pub uid: String,
    /// Its version.
    pub resource_version: String,
}

/// What is to be done about one bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Nothing,
    /// It is somebody else's, and stays as it is.
    Foreign,
    /// Write this.
    Write {
        /// What it is to hold.
        bundle: Bundle,
        /// Since when nobody wants some of that.
        unwanted_since: Option<Timestamp>,
        /// Whether somebody changed what we wrote.
        edited: bool,
    },
    /// Write on it that nobody wants it since then, and leave it otherwise.
    Mark(Timestamp),
    /// Delete it.
    Delete,
}

/// What nobody wants any more stays so long.
pub const LEAVES_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// The longest key of a ConfigMap.
const LONGEST_KEY: usize = 253;

impl Bundle {
    /// All roots of these authorities in one file, and those of each in another.
    #[must_use]
    pub fn of(books: &BTreeMap<&str, &Book>) -> Self {
        let mut files = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let mut all = String::new();
        for (authority, book) in books {
            for root in book.roots().iter().filter(|root| seen.insert(root.sha256.as_str())) {
                all.push_str(&root.pem);
            }
            let file = format!("{authority}{PEM}");
            if file.len() <= LONGEST_KEY {
                files.insert(file, book.pem());
            }
        }
        files.insert(keys::TRUST_ALL.to_owned(), all);
        let hash = hash_of(&files);
        Self { files, hash }
    }

    /// The ConfigMap of a namespace.
    #[must_use]
    pub fn config_map(
        &self,
        namespace: &str,
        unwanted: Option<Timestamp>,
        version: Option<&str>,
    ) -> ConfigMap {
        let metadata = ObjectMeta {
            namespace: Some(namespace.to_owned()),
            ..self.metadata(keys::TRUST.to_owned(), None, unwanted, version)
        };
        ConfigMap { metadata, data: Some(self.files.clone()), ..ConfigMap::default() }
    }

    /// The ClusterTrustBundle of an authority.
    #[must_use]
    pub fn cluster(
        &self,
        authority: &str,
        unwanted: Option<Timestamp>,
        version: Option<&str>,
    ) -> ClusterTrustBundle {
        ClusterTrustBundle {
            metadata: self.metadata(cluster_name(authority), Some(authority), unwanted, version),
            spec: ClusterTrustBundleSpec {
                signer_name: Some(keys::SIGNER.to_owned()),
                trust_bundle: self.files.get(keys::TRUST_ALL).cloned().unwrap_or_default(),
            },
        }
    }

    fn metadata(
        &self,
        name: String,
        authority: Option<&str>,
        unwanted: Option<Timestamp>,
        version: Option<&str>,
    ) -> ObjectMeta {
        let hash = if authority.is_some() { hash_of_all(&self.files) } else { self.hash.clone() };
        let unwanted = unwanted.map(|since| (keys::TRUST_UNWANTED_SINCE, since.to_string()));
        let annotations = std::iter::once((keys::TRUST_WRITTEN, hash)).chain(unwanted);
        let labels = std::iter::once((keys::MANAGED_BY, keys::MANAGED_BY_SALLYPORT))
            .chain(authority.filter(|name| name.len() <= LONGEST_LABEL).map(|name| (keys::AUTHORITY, name)));
        ObjectMeta {
            name: Some(name),
            labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()),
            annotations: Some(annotations.map(|(key, value)| (key.to_owned(), value)).collect()),
            resource_version: version.map(str::to_owned),
            ..ObjectMeta::default()
        }
    }
}

/// The longest value of a label.
const LONGEST_LABEL: usize = 63;
/// How the file of one authority ends.
const PEM: &str = ".pem";

/// The name of an authority's ClusterTrustBundle.
#[must_use]
pub fn cluster_name(authority: &str) -> String {
    format!("{}{authority}", keys::TRUST_BUNDLE_PREFIX)
}

fn hash_of(files: &BTreeMap<String, String>) -> String {
    let lengths = files.iter().map(|(name, text)| format!("{} {} {name}{text}", name.len(), text.len()));
    sha256(lengths.collect::<String>().as_bytes())
}

/// The hash of what a ClusterTrustBundle holds: the roots alone.
fn hash_of_all(files: &BTreeMap<String, String>) -> String {
    let text = files.get(keys::TRUST_ALL).map(String::as_bytes).unwrap_or_default();
    sha256(text)
}

impl Found {
    /// Reads a ConfigMap.
    #[must_use]
    pub fn config_map(found: &ConfigMap) -> Self {
        let files = found.data.clone().unwrap_or_default();
        let authorities = files.keys().filter_map(|file| file.strip_suffix(PEM)).map(str::to_owned);
        let binary = found.binary_data.as_ref().is_some_and(|binary| !binary.is_empty());
        let hash = if binary { String::new() } else { hash_of(&files) };
        Self { authorities: authorities.collect(), ..Self::read(&found.metadata, hash) }
    }

    /// Reads a ClusterTrustBundle.
    #[must_use]
    pub fn cluster(metadata: &ObjectMeta, trust_bundle: &str) -> Self {
        let name = metadata.name.as_deref().unwrap_or_default();
        let authority = name.strip_prefix(keys::TRUST_BUNDLE_PREFIX).map(str::to_owned);
        let hash = sha256(trust_bundle.as_bytes());
        Self { authorities: authority.into_iter().collect(), ..Self::read(metadata, hash) }
    }

    fn read(metadata: &ObjectMeta, hash: String) -> Self {
        let annotation = |key: &str| metadata.annotations.as_ref().and_then(|all| all.get(key)).cloned();
        let label = metadata.labels.as_ref().and_then(|labels| labels.get(keys::MANAGED_BY));
        Self {
            ours: label.is_some_and(|by| by == keys::MANAGED_BY_SALLYPORT),
            hash,
            written: annotation(keys::TRUST_WRITTEN),
            authorities: BTreeSet::new(),
            unwanted_since: annotation(keys::TRUST_UNWANTED_SINCE).and_then(|text| text.parse().ok()),
            uid: metadata.uid.clone().unwrap_or_default(),
            resource_version: metadata.resource_version.clone().unwrap_or_default(),
        }
    }
}

/// What is to be done about a bundle in which the authorities `wanted` are to stand. `all` are those that there are: the roots
/// of one that no longer wants to stand here stay for a while.
#[must_use]
pub fn step(
    found: Option<&Found>,
    wanted: &BTreeMap<&str, &Book>,
    all: &BTreeMap<&str, &Book>,
    cluster: bool,
    now: Timestamp,
) -> Step {
    let Some(found) = found else {
        if wanted.is_empty() {
            return Step::Nothing;
        }
        return Step::Write { bundle: Bundle::of(wanted), unwanted_since: None, edited: false };
    };
    if !found.ours {
        return if wanted.is_empty() { Step::Nothing } else { Step::Foreign };
    }
    let leaving = found.authorities.iter().any(|name| !wanted.contains_key(name.as_str()));
    let since = (leaving || wanted.is_empty()).then(|| found.unwanted_since.unwrap_or(now));
    let since = since.filter(|since| now.duration_since(*since) < LEAVES_AFTER);
    let mut holds = wanted.clone();
    if since.is_some() {
        let stay = |name: &&String| !wanted.contains_key(name.as_str());
        let known = found.authorities.iter().filter(stay).filter_map(|name| all.get_key_value(name.as_str()));
        holds.extend(known.map(|(name, book)| (*name, *book)));
    }
    if holds.is_empty() {
        // Nobody can say any more what belongs here; it stays as it is until it goes.
        return match since {
            None => Step::Delete,
            Some(_) if found.unwanted_since.is_some() => Step::Nothing,
            Some(since) => Step::Mark(since),
        };
    }
    let bundle = Bundle::of(&holds);
    let hash = if cluster { hash_of_all(&bundle.files) } else { bundle.hash.clone() };
    if found.hash == hash && found.unwanted_since == since && found.written.as_ref() == Some(&hash) {
        return Step::Nothing;
    }
    let edited = found.written.as_ref() != Some(&found.hash);
    Step::Write { bundle, unwanted_since: since, edited }
}
