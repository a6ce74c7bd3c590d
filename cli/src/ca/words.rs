//! What is told of an intermediate: what was made, what it cost, and what to do when it was not.

use sallyport_cert_agent::{
    cluster::ClusterError,
    intermediate::{
        journey::{Trouble, revocation},
        stored::{self, Stored},
    },
    issuer::IssueError,
};

const ROLE: &str = "manifests/aws/iam-intermediate-issuer.json has the policy of the role that this takes";

/// What was made, and the lever for the day when its key is lost.
pub(crate) fn done(authority: &str, system: &str, made: &Stored, before: Option<&Stored>) -> String {
    let (held, secret) = (&made.held, stored::name(authority));
    let mut text = format!(
        "CertificateAuthority {authority} has its intermediate in Secret {system}/{secret}\n  \
         permits     {}\n  \
         ends        {}\n  \
         serial      {}\n  \
         certificate {}\n  \
         cost        one certificate of AWS Private CA; what it signs costs nothing\n  \
         if its key is lost: sallyport ca intermediate renew {authority}, then\n    {}\n",
        held.permitted(),
        held.not_after(),
        held.serial(),
        made.certificate,
        revocation(&made.parent, held.serial()),
    );
    if let Some(before) = before.filter(|before| before.held.serial() != held.serial()) {
        text.push_str(&format!(
            "the one before (serial {}) ends at {}, and what it signed stays valid until then. If its key is lost, end all of \
             that now:\n    {}\n",
            before.held.serial(),
            before.held.not_after(),
            revocation(&before.parent, before.held.serial()),
        ));
    }
    text
}

/// Why it does not go on, and what to do.
pub(crate) fn trouble(authority: &str, trouble: &Trouble) -> String {
    let what_to_do = match trouble {
        Trouble::Aws(IssueError::Denied(_)) => format!(". {ROLE}"),
        Trouble::Cluster(ClusterError::Forbidden(_)) => {
            ". Your account needs the ClusterRole sallyport-intermediate-issuer in the agent's namespace"
                .to_owned()
        }
        Trouble::Aws(_)
        | Trouble::Cluster(_)
        | Trouble::ThereIsOne(_)
        | Trouble::ThereIsNone
        | Trouble::Unsuitable(_)
        | Trouble::NothingToAsk(_)
        | Trouble::Key(_)
        | Trouble::OtherTerms(..)
        | Trouble::Spoiled(..)
        | Trouble::Refused(_)
        | Trouble::Useless(..) => String::new(),
    };
    format!("CertificateAuthority {authority}: {trouble}{what_to_do}")
}

/// AWS does not know who asks.
pub(crate) fn no_credentials(error: &IssueError) -> String {
    format!("AWS does not say whose credentials these are: {error}. Set AWS_PROFILE; {ROLE}")
}
