//! What is asked of an identity: the request that is written, and what is said about it.

use std::fmt;

use sallyport_contract::object::{
    IdentityRequest, IdentityRequestSpec, Renew, RevocationReason, Revoke, WorkloadIdentity,
};

/// An identity as people write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Reads `NAMESPACE/NAME`.
pub(crate) fn identity(text: &str) -> Result<Identity, String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok(Identity { namespace: namespace.to_owned(), name: name.to_owned() })
        }
        Some(_) | None => {
            Err("an identity is written NAMESPACE/NAME, as `kubectl get wid -A` shows it".to_owned())
        }
    }
}

/// Reads a reason, in the words of the manifest.
pub(crate) fn reason(text: &str) -> Result<RevocationReason, String> {
    let known = RevocationReason::ALL.into_iter().find(|reason| reason.as_str().eq_ignore_ascii_case(text));
    known.ok_or_else(|| {
        let words = RevocationReason::ALL.map(RevocationReason::as_str).join(", ");
        format!("the reason is one of {words}")
    })
}

/// The request to write; the API server completes its name.
pub(crate) fn request(identity: &Identity, renew: Option<Renew>, revoke: Option<Revoke>) -> IdentityRequest {
    let spec = IdentityRequestSpec { identity: identity.name.clone(), renew, revoke };
    let mut object = IdentityRequest::new("", spec);
    object.metadata.name = None;
    object.metadata.generate_name = Some(format!("{}-", identity.name));
    object.metadata.namespace = Some(identity.namespace.clone());
    object
}

/// What was asked, and how to watch it.
pub(crate) fn words(identity: &WorkloadIdentity, made: &IdentityRequest) -> String {
    let (namespace, name) = (made.metadata.namespace.clone(), made.metadata.name.clone());
    let (namespace, name) = (namespace.unwrap_or_default(), name.unwrap_or_default());
    let certificate = identity.status.as_ref().and_then(|status| status.certificate.as_ref());
    let serial = certificate.map_or("none yet", |certificate| certificate.serial.as_str());
    let asked = match &made.spec.revoke {
        Some(revoke) => {
            format!("asked to revoke the certificate (serial {serial}, {})", revoke.reason.as_str())
        }
        None => format!("asked for a new certificate (serial now {serial})"),
    };
    format!("{asked}\nwatch it: kubectl -n {namespace} get idreq {name} -w\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_and_reasons_are_read_as_people_write_them() {
        assert_eq!(identity("shop/web-1").unwrap().to_string(), "shop/web-1");
        for text in ["web-1", "/web-1", "shop/", "a/b/c", ""] {
            assert!(identity(text).unwrap_err().contains("NAMESPACE/NAME"), "{text:?}");
        }
        assert_eq!(reason("keycompromise"), Ok(RevocationReason::KeyCompromise));
        assert!(reason("because").unwrap_err().contains("PrivilegeWithdrawn"));
    }
}
