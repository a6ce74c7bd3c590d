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
    /// Whether a person has to act before it goes on.
    #[must_use]
    pub const fn is_a_persons(self) -> bool {
        match self {
            Self::Nobody | Self::Sallyport | Self::CertificateAuthority | Self::Firewall => false,
            Self::NetworkSecurity | Self::Platform | Self::Application => true,
        }
    }

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

/// Where people meet a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The answer to `kubectl apply`, and an event where a policy only audits.
    Admission,
    /// The readiness gate of a pod.
    Gate,
    /// An event on a pod or a workload.
    Event,
    /// The conditions of a `WorkloadIdentity`.
    Identity,
    /// The conditions of a `Firewall`.
    Firewall,
    /// The condition of an `IdentityPolicy`.
    Policy,
    /// The condition of a `CertificateAuthority`.
    Authority,
    /// The condition of a `NamespaceBinding`.
    Binding,
}

impl Place {
    /// The place as a person finds it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admission => "the answer to `kubectl apply`",
            Self::Gate => "the pod's condition `sallyport.dev/identity-ready` (`sallyport explain pod/NAME`)",
            Self::Event => "an event on the pod or the workload (`kubectl get events`)",
            Self::Identity => "the identity (`kubectl describe wid`)",
            Self::Firewall => "the firewall (`kubectl describe fw`)",
            Self::Policy => "the policy (`kubectl describe idpol`)",
            Self::Authority => "the authority (`kubectl describe ca`)",
            Self::Binding => "the namespace's binding (`kubectl describe nsb -n NAMESPACE`)",
        }
    }
}

macro_rules! reasons {
    ($($name:ident => $turn:ident, [$($place:ident)*], $meaning:literal, $action:literal;)+) => {
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

            /// Where it is met; nowhere, if no part of Sallyport gives it yet.
            #[must_use]
            pub const fn places(self) -> &'static [Place] {
                match self { $(Self::$name => &[$(Place::$place),*],)+ }
            }

            /// What to do, for the person whose turn it is.
            #[must_use]
            pub const fn action(self) -> &'static str {
                match self { $(Self::$name => $action,)+ }
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
    Enforced => Nobody, [Gate Identity], "The firewall's running configuration was shown to enforce the App-ID and the rule.",
        "Nothing to do.";
    EnforcedPermissive => NetworkSecurity, [Gate Identity Firewall], "Enforced, but other traffic is allowed as well, so an allow rule changes nothing.",
        "The message names the rule that lets other traffic pass. Narrow it, or add a rule below ours that denies the rest; then it \
         becomes `Enforced` by itself. Pods are Ready meanwhile.";
    Observed => Nobody, [Gate Identity], "The policy only observes: the gate is open without proof.",
        "Nothing to do now: pods start without proof. Set `spec.mode: Enforce` in the IdentityPolicy once the messages say that \
         everything is proven.";
    BreakGlass => Platform, [Gate Event], "A GateOverride opened the gate without proof.",
        "The message names the override, who asked for it, why, and until when. Mend what kept the proof away; then the gate says \
         `Enforced` by itself. Once the override has ended, new pods wait again; the open gate stays open: to have such a pod wait \
         for its proof, delete it.";
    Issued => Nobody, [Identity], "A verified certificate for exactly these names is delivered.",
        "Nothing to do.";
    AwaitingCertificate => Sallyport, [Gate Identity], "The certificate has been asked for and is not there yet.",
        "Wait a minute. If it stays, read the message of `CertificateIssued` on the identity and the log of cert-agent: `kubectl -n \
         sallyport-system logs deploy/sallyport-cert-agent`. A certificate that has ended and is not renewed shows here too.";
    Throttled => CertificateAuthority, [Gate Identity], "The certificate authority answers that we ask too often; we slow down and go on.",
        "Nothing to do for some minutes: requests slow down and go on. If it lasts, find who else uses the same AWS account and \
         Region for certificates, or have the quota of `IssueCertificate` raised.";
    AuthorityUnavailable => CertificateAuthority, [Gate Identity Authority], "The certificate authority cannot be reached or is not able to sign.",
        "Run `kubectl describe ca` and read the words of the CA: it may be disabled, expired or gone, its ARN wrong, or \
         cert-agent's role without the right. Correct that; cert-agent tries again by itself, after five minutes at most. If there \
         is none of that name, the platform team creates it or has the policy name another.";
    AwaitingTrust => Sallyport, [Gate Identity], "The certificate would be the first one under a new root, which is published before it is used.",
        "Nothing to do: the message says until when. The certificate in place stays, and one that is about to expire does not \
         wait. If everybody trusts the new root already, shorten `spec.trust.overlap` of the CertificateAuthority; `sallyport \
         cert renew` waits two minutes at most.";
    CertificateRefused => Platform, [Gate Identity], "The certificate authority refused the request, or gave a certificate that is not what was asked.",
        "The message has the CA's words, or what was wrong with the certificate that came. Correct `spec.certificate` of the \
         IdentityPolicy (lifetime, usages, key) or the CA's template. It is tried again rarely, and at once when the policy \
         changes.";
    SpendingCapReached => Platform, [Gate Identity Authority], "A cap on the number of certificates is reached.",
        "The message names the cap, its number and when the next certificate may be asked for; everything else goes on. Find out \
         why so many were asked for: a workload that is made again and again, a policy that changes back and forth. If it is \
         right, raise `spec.caps` of the CertificateAuthority: it holds within a minute. As `CapacityLeft` on the authority it is \
         a warning from 80 % of what AWS lets one CA issue: make another CA in time.";
    RenewalDue => Platform, [Authority], "An intermediate of our own is near its end.",
        "Run `sallyport ca intermediate renew NAME` with the AWS role that may sign intermediates; cert-agent takes the new one within \
         five minutes, and what the old one signed stays valid until it ends. Without it certificates get shorter and shorter, and \
         after the end in the message none is signed.";
    SecretHeldByOther => Application, [Gate Identity], "A Secret of somebody else stands under the name that the certificate needs.",
        "The message names the Secret. Find out who made it, then rename or delete it; the certificate is delivered to its place \
         within seconds.";
    TrustIncomplete => Platform, [Authority], "A trust bundle could not be written everywhere.",
        "The message names the places and why: most often a ConfigMap `sallyport-trust` that somebody else made, which is never \
         overwritten. Rename or delete it; the bundle is written to its place within seconds. Certificates do not wait for it.";
    TrustEdited => Application, [Authority], "Somebody changed a trust bundle, and it was put back.",
        "Find out who changed or deleted it, in the audit log. Clients may have read the changed one for a moment. To trust more \
         than an authority's roots, make a ConfigMap of your own and mount both.";
    Tampered => Application, [Gate Event Admission], "What the pod carries matches nothing that Sallyport derived for its workload.",
        "Delete the pod, or run `kubectl rollout restart` on its workload: it is then made anew with the right names. If it happens \
         again, find out who writes `resolved.sallyport.dev` annotations or identity labels. At admission: take \
         `sallyport.dev/proven` off the manifest, which was copied from a pod.";
    NotSupportedHere => Platform, [Admission Policy], "This cluster, or the pod's operating system, cannot do what the policy asks for.",
        "The message says what is missing: for `spec.certificate.delivery: Pod` it is Kubernetes 1.37. Set `delivery: Secret` in the \
         IdentityPolicy, or upgrade; the webhook sees within a minute what the cluster serves. Windows pods cannot be held back: give \
         them a namespace with a policy without `spec.hold`.";
    AwaitingFirewall => Sallyport, [Gate Identity Firewall], "The firewall has not been asked yet.",
        "Wait a minute. If it stays, see that policy-sync runs and leads: `kubectl -n sallyport-system get pods,lease` and its log. \
         The message says what it is about to do.";
    AwaitingCommit => Firewall, [Gate Identity Firewall], "Written; the firewall's commit job has not ended.",
        "Wait: the message names the job and how far it is. If the same job stands for much longer than the last commit took \
         (`kubectl get fw NAME -o yaml`, `status.lastCommit`), look at it on the firewall: `show jobs id N`.";
    CommitFailed => NetworkSecurity, [Gate Identity Firewall], "The firewall's commit job failed.",
        "Read the job's own words in the message, and on the firewall `show jobs id N`. Correct what it names: often another \
         administrator's unfinished change, or an object that a policy names and the firewall does not have. It is tried again \
         within two minutes. After three failures our new names are taken back out of the candidate configuration, so that \
         nobody else's commit fails for them; they come again in smaller commits until the one that does not go in is found.";
    PartialCommitIneffective => NetworkSecurity, [Gate Identity Firewall], "The commit job ended well, but the running configuration does not hold our change.",
        "It is tried again by itself. If it stays, the message names the bug that is suspected on this release: commit everything \
         by hand once, after looking at what else is pending, or update PAN-OS.";
    AwaitingPush => Firewall, [Gate Identity Firewall], "Committed on Panorama; the push to the devices has not ended.",
        "Wait: the message names the push job, or another administrator's push that runs before ours. If it stands for long, look \
         at Panorama > Tasks.";
    OthersPending => NetworkSecurity, [Gate Identity Firewall], "Other administrators' uncommitted changes would be committed with ours.",
        "The message names administrators and what they changed. Ask them to commit or to revert; ours goes out by itself after \
         that. Do not revert their work for them.";
    OthersUnpushed => NetworkSecurity, [Gate Identity Firewall], "Other administrators' committed changes would be pushed with ours.",
        "The message names the jobs and administrators. Ask them whether their work may go to the firewalls, then push the device \
         group from Panorama. Only if that is always so, set `spec.push.shipOthers: true`.";
    DeviceOutOfSync => NetworkSecurity, [Gate Identity Firewall], "A managed device does not run what Panorama holds.",
        "The message names the device. See in Panorama > Managed Devices whether it is connected and why its last push failed. A \
         firewall that is gone for good: remove it from the device group, or set `spec.panorama.devices`.";
    LockedByOther => NetworkSecurity, [Gate Identity Firewall], "Another administrator holds a lock on the configuration.",
        "The message has the firewall's words. On the firewall: `show config-locks`, `show commit-locks`. Ask the owner to release \
         the lock; it goes on by itself.";
    QueueFull => Firewall, [Gate Identity Firewall], "The firewall's queue of commits is full.",
        "Wait: other jobs come first. If the queue does not get shorter, see `show jobs all` on the firewall for a job that is stuck.";
    HASyncing => Firewall, [Gate Identity Firewall], "The high-availability pair is synchronising.",
        "Wait: the pair is copying its configuration, or the peer that was asked is passive. If it lasts for more than some \
         minutes, see `show high-availability state` on both.";
    FirewallUnreachable => NetworkSecurity, [Gate Identity Firewall], "The firewall cannot be reached, or its TLS certificate is not the one expected.",
        "The message says what failed. No answer: look at the management interface, its permitted addresses and the network \
         between. Another TLS certificate: compare the fingerprint in the message with the device's before you change `spec.tls`. \
         Open gates stay open, and new pods start on stored proof until `spec.proofMaxAge`.";
    CredentialsRefused => NetworkSecurity, [Gate Identity Firewall], "The firewall refused our user, password or key.",
        "We stop asking, so that the account is not locked. See that the administrator is there, not locked and has the XML API \
         rights; then write the right password or key into the Secret of `spec.credentials`, which starts us again. If only rights \
         were missing, it goes on within two minutes.";
    Suspended => NetworkSecurity, [Gate Identity Firewall], "The Firewall object says suspend: nothing is written.",
        "Somebody set `spec.suspend: true`. Ask who and why; set it to false to go on.";
    OutsideWindow => NetworkSecurity, [Gate Identity Firewall], "The change window is closed.",
        "Wait for the window, or for the end of the freeze; the message says until when. If it cannot wait, change \
         `spec.commit.changeWindows` or `freezes`. Names in `spec.blocked` go out anyway.";
    LimitReached => NetworkSecurity, [Gate Identity Firewall], "A limit on changes per commit is reached.",
        "Wait: the rest goes with the next commits. If you did not expect so many new names, find out which namespace asks for \
         them; set `spec.suspend: true` if in doubt.";
    EntryRefused => NetworkSecurity, [Gate Identity Firewall], "The firewall refused one entry of the batch.",
        "The message has the firewall's words about the entry: a log setting or profile group that it does not have, a name that \
         somebody else took. Correct that, or the policy. It is tried again every five \
         minutes; other names are not held up.";
    ForeignWriteByOurAccount => NetworkSecurity, [Gate Identity Firewall], "Our administrator account changed something that we did not write.",
        "Our administrator's account has a pending change that we did not write; the message has its place. Find out who used the \
         account and revert the change, then change the password. Nothing is committed until then.";
    AwaitingDefaultDeny => NetworkSecurity, [Gate Identity Firewall], "The Firewall object requires a default deny, and the device has none.",
        "The message names the rule that lets other traffic pass. Deny that traffic by a rule below ours, or set `spec.defaultDeny: \
         Warn` if you accept it.";
    Blocked => NetworkSecurity, [Gate Identity Firewall], "The Firewall object blocks this name.",
        "Somebody listed the name in `spec.blocked`. Its pods do not become Ready; ask who blocked it and why, and take it off the \
         list when that is over.";
    Quarantined => Nobody, [Firewall], "No longer wanted; removed from the firewall when the quarantine ends.",
        "Nothing, if the workload was meant to go. Otherwise bring it back before the time in the message: the name stays as it \
         stands, without a commit. `sallyport firewall status` lists what is in quarantine; \
         `spec.removal.quarantine` says how long it lasts.";
    RemovalAwaitsApproval => NetworkSecurity, [Firewall], "More removals than the limit wait for a person's approval.",
        "Find out why so many names went at once: a deleted namespace, a restore, a cluster that lost its workloads. If it is \
         right, list the names in `spec.approvedRemovals`, or raise `spec.commit.maxRemovals`. Until then they stay on the \
         firewall.";
    NameRefused => Application, [Admission Gate Identity], "The policy does not give this name to this namespace, or the authority may not sign it.",
        "Ask for a name that the policy gives, as the message shows it, or have the owner of the IdentityPolicy allow this one. Where \
         the message says that the CertificateAuthority is an intermediate, the name must also be below its domains. A \
         certificate that is there stays until it ends, and is not renewed.";
    NameHeldElsewhere => Application, [Gate Identity], "Another namespace, workload or cluster holds this name.",
        "The message names the holder. Take another name, or have the holder give it up: a name is free when no workload asks for \
         it and no firewall holds it any more.";
    ActionConflict => Application, [Gate Identity Event], "Workloads of this namespace ask for different actions for one name.",
        "The message names both workloads. Give both the same `sallyport.dev/action`, or different names. Until then the name stays \
         as it is.";
    ForeignSignatureOverlap => NetworkSecurity, [Gate Identity Firewall], "A custom App-ID that is not ours matches the same name.",
        "The message names the foreign App-ID and its signature. Narrow or remove it, or give the workload another name: which of \
         two App-IDs a session gets is not for rules to decide.";
    ShadowedByForeignRule => NetworkSecurity, [Gate Identity Firewall], "A rule that is not ours decides before ours.",
        "The message names the rule that decides before ours. Move it below ours, or narrow it; or move ours by `spec.rules`. It is \
         looked at again after your commit.";
    OutsideFirewallBounds => NetworkSecurity, [Gate Identity], "The policy asks for what Firewall.spec.bounds does not allow.",
        "The message says what was asked and what the bound allows. Either the network security team widens `spec.bounds`, or the \
         platform team has the IdentityPolicy ask for less. A name that stood before goes after `spec.removal.quarantine`.";
    AnchorMissing => NetworkSecurity, [Gate Identity Firewall], "The rule that ours are to be placed at does not exist.",
        "Make the rule that the message names again, or have `spec.rules` name another one. Nothing new is placed until then; rules \
         of ours that stand stay.";
    CapacityReached => NetworkSecurity, [Gate Identity Firewall], "The firewall has no room for another App-ID, signature or rule.",
        "The message has the numbers. Remove App-IDs that nobody needs, raise `spec.bounds.maxNames` if that is the limit, or take \
         a larger firewall. Names that stand are not touched; as `CapacityLeft` on the firewall it is a warning from 80 % on.";
    SignatureNotCompiled => NetworkSecurity, [Gate Identity Firewall], "The firewall could not compile the App-ID's signature.",
        "We force a commit by ourselves, now and then. If it stays, run `show bad-custom-signature` on the firewall and see the \
         content version and the licence; a new content version may be needed.";
    EngineTooOld => NetworkSecurity, [Firewall], "The firewall's pattern engine cannot take our patterns.",
        "Your device check said that patterns do not hold on this release (`spec.attested`). Do not rely on allow rules there: \
         update PAN-OS or its content, check again, and write the new result.";
    ContextMissing => NetworkSecurity, [Gate Identity], "The firewall's content does not know the SNI context.",
        "Install a newer *Applications and Threats* content version, on Panorama and on every firewall of the group: the context \
         `ssl-req-chello-sni` comes with it. It is tried again every five minutes; names that stand are not touched.";
    PathBypassed => NetworkSecurity, [Firewall], "A probe was answered under a name that the firewall must reset: there is a way around it.",
        "The message names the networks and two addresses. Compare the route tables of both subnets, and of the firewall's own: \
         after a change of routes traffic may take a shorter way. If the routes are right, look up the session on the firewall by \
         these addresses: a rule for other zones may let it pass. No gate waits for it, but allow and deny rules mean nothing on that way.";
    CopiedMark => NetworkSecurity, [Gate Identity Firewall], "An object carries our mark but is not one that we made.",
        "The message names the objects. Somebody cloned one of ours, or restored an old configuration: remove the copy, or its tag \
         and description. It is never used, changed or removed by us.";
    NotInjected => Application, [Event Binding], "Pods run without what the namespace's policy gives.",
        "They came in while the webhook was away, before the label or the policy, or under another policy. The message names the \
         workloads and the command that makes their pods anew; where they would be refused, correct that first.";
    Accepted => Nobody, [Firewall Policy Authority Binding], "The object is well formed and in force.",
        "Nothing to do.";
    Malformed => Platform, [Admission Gate Identity Firewall Policy], "The object cannot be understood, so nothing is done under it.",
        "The message says what cannot be read, and where. Correct that object; what stood before stays as it is.";
    NotFound => Platform, [Admission Gate Identity], "An object that this one names does not exist.",
        "Create the object that the message names, or correct the name. For a namespace without a policy: an IdentityPolicy that \
         lists it.";
    InSync => Nobody, [Firewall], "The running configuration holds all that is wanted.",
        "Nothing to do.";
    NotShown => Platform, [Admission Firewall], "Nothing has shown this yet.",
        "On a firewall the message says what nobody has shown yet, and how to show it; nothing waits for it unless \
         `spec.defaultDeny: Require` is set. In the answer to a pod: the webhook could not judge; try again, then look at the pods \
         of sallyport-webhook.";
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
            assert!(reason.meaning().ends_with('.') && reason.action().ends_with('.'), "{reason}");
        }
    }
}
