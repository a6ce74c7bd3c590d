//! The short hashes in generated names.

use sha2::{Digest, Sha256};

/// First 8 hex digits of SHA-256 over the parts, each preceded by its length, so that no two lists of
/// parts can run together into one text.
pub(crate) fn short(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.len().to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(short(&["ab", "c"]), short(&["a", "bc"]));
        assert_ne!(short(&["ab"]), short(&["ab", ""]));
        assert_eq!(short(&["web", "shop"]).len(), 8);
    }
}
