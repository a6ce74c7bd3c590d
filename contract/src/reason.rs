//! The closed list of reason codes: the same on gates, conditions, events, metrics and in the runbook.

use std::fmt;

/// Whose turn it is while a reason stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nobody's: this is how it should be.
    Nobody,
    /// Sallyport's own: it goes on by itself.
    Sallyport,
    /// The certificate authority's, or whoever runs it.
    CertificateAuthority,
    /// The firewall's: it is working.
    Firewall,
    /// The network security team's.
    NetworkSecurity,
    /// The platform team's.
    Platform,
    /// The application team's.
    Application,
}

impl Turn {
    /// The turn as a person reads it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Sallyport => "Sallyport",
            Self::CertificateAuthority => "the certificate authority",
            Self::Firewall => "the firewall",
            Self::NetworkSecurity => "the network security team",
            Self::Platform => "the platform team",
            Self::Application => "the application team",
        }
    }
}

macro_rules! reasons {
    ($($name:ident => $turn:ident, $meaning:literal;)+) => {
        /// Why something stands as it stands. The list is closed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $(#[doc = $meaning] $name,)+ }

        impl Reason {
            /// Every reason, in the order of the journey.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The code as it stands in conditions, events and metric labels.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// Whose turn it is.
            #[must_use]
            pub const fn turn(self) -> Turn {
                match self { $(Self::$name => Turn::$turn,)+ }
            }

            /// What it means, in one sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)+ }
            }

            /// Reads a code.
            #[must_use]
            pub fn from_code(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|reason| reason.code() == code)
            }
        }
    };
}

reasons! {
    Enforced => Nobody, "The firewall's running configuration was shown to enforce the App-ID and the rule.";
    EnforcedPermissive => NetworkSecurity, "Enforced, but other traffic is allowed as well, so an allow rule changes nothing.";
    Observed => Nobody, "The policy only observes: the gate is open without proof.";
    BreakGlass => Platform, "A GateOverride holds the gate open without proof.";
    Issued => Nobody, "A verified certificate for exactly these names is delivered.";
    AwaitingCertificate => Sallyport, "The certificate has been asked for and is not there yet.";
    Throttled => CertificateAuthority, "The certificate authority answers that we ask too often; we slow down and go on.";
    AuthorityUnavailable => CertificateAuthority, "The certificate authority cannot be reached or is not able to sign.";
    CertificateRefused => Platform, "The certificate authority refused the request, or gave a certificate that is not what was asked.";
    SpendingCapReached => Platform, "A cap on the number of certificates is reached.";
    SecretHeldByOther => Application, "A Secret of somebody else stands under the name that the certificate needs.";
    Tampered => Application, "What the pod carries matches nothing that Sallyport derived for its workload.";
    NotSupportedHere => Platform, "This cluster does not serve what the policy asks for.";
    AwaitingFirewall => Sallyport, "The firewall has not been asked yet.";
    AwaitingCommit => Firewall, "Written; the firewall's commit job has not ended.";
    CommitFailed => NetworkSecurity, "The firewall's commit job failed.";
    PartialCommitIneffective => NetworkSecurity, "The commit job ended well, but the running configuration does not hold our change.";
    AwaitingPush => Firewall, "Committed on Panorama; the push to the devices has not ended.";
    OthersPending => NetworkSecurity, "Other administrators' uncommitted changes would be committed with ours.";
    OthersUnpushed => NetworkSecurity, "Other administrators' committed changes would be pushed with ours.";
    DeviceOutOfSync => NetworkSecurity, "A managed device does not run what Panorama holds.";
    LockedByOther => NetworkSecurity, "Another administrator holds a lock on the configuration.";
    QueueFull => Firewall, "The firewall's queue of commits is full.";
    HASyncing => Firewall, "The high-availability pair is synchronising.";
    FirewallUnreachable => NetworkSecurity, "The firewall cannot be reached, or its TLS certificate is not the one expected.";
    CredentialsRefused => NetworkSecurity, "The firewall refused our user, password or key.";
    Suspended => NetworkSecurity, "The Firewall object says suspend: nothing is written.";
    OutsideWindow => NetworkSecurity, "The change window is closed.";
    LimitReached => NetworkSecurity, "A limit on changes per commit is reached.";
    EntryRefused => NetworkSecurity, "The firewall refused one entry of the batch.";
    ForeignWriteByOurAccount => NetworkSecurity, "Our administrator account changed something that we did not write.";
    AwaitingDefaultDeny => NetworkSecurity, "The Firewall object requires a default deny, and the device has none.";
    Blocked => NetworkSecurity, "The Firewall object blocks this name.";
    Quarantined => Nobody, "No longer wanted; removed from the firewall when the quarantine ends.";
    RemovalAwaitsApproval => NetworkSecurity, "More removals than the limit wait for a person's approval.";
    NameRefused => Application, "The policy does not give this name to this namespace.";
    NameHeldElsewhere => Application, "Another namespace, workload or cluster holds this name.";
    ActionConflict => Application, "Workloads of this namespace ask for different actions for one name.";
    ForeignSignatureOverlap => NetworkSecurity, "A custom App-ID that is not ours matches the same name.";
    ShadowedByForeignRule => NetworkSecurity, "A rule that is not ours decides before ours.";
    OutsideFirewallBounds => NetworkSecurity, "The policy asks for what Firewall.spec.bounds does not allow.";
    AnchorMissing => NetworkSecurity, "The rule that ours are to be placed at does not exist.";
    CapacityReached => NetworkSecurity, "The firewall has no room for another App-ID, signature or rule.";
    SignatureNotCompiled => NetworkSecurity, "The firewall could not compile the App-ID's signature.";
    EngineTooOld => NetworkSecurity, "The firewall's pattern engine cannot take our patterns.";
    ContextMissing => NetworkSecurity, "The firewall's content does not know the SNI context.";
    CopiedMark => NetworkSecurity, "An object carries our mark but is not one that we made.";
    Accepted => Nobody, "The object is well formed and in force.";
    Malformed => Platform, "The object cannot be understood, so nothing is done under it.";
    NotFound => Platform, "An object that this one names does not exist.";
    InSync => Nobody, "The running configuration holds all that is wanted.";
    NotShown => Platform, "Nothing has shown this yet.";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::Reason;

    #[test]
    fn codes_read_back_and_are_kubernetes_reasons() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_code(reason.code()), Some(*reason));
            assert!(reason.code().bytes().all(|b| b.is_ascii_alphanumeric()));
            assert!(reason.meaning().ends_with('.'), "{reason}");
        }
    }
}
