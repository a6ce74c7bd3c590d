//! The one derivation: `pod or template + namespace + policies → identities | refusal`.
//!
//! The webhook calls it to inject, cert-agent to decide anew without believing what a pod carries, and
//! the command line to tell beforehand.

use std::collections::BTreeMap;

use crate::{
    dns_name::{DnsName, DnsNames, NameError},
    identity::{Identity, IdentityName},
    keys,
    object::{Action, Hold, Mode, OptOut},
    policy::{Holder, Policy, PolicyBook, PolicyError},
    reason::Reason,
    refusal::{Refusal, quoted},
    template::{ExpandError, Values, Variable},
    wish::{Wish, WishError},
    workload::Subject,
};

/// What becomes of a subject.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Its identities, and how to inject them.
    Granted(Grant),
    /// It asked to be left out, and its policy allows that.
    LeftOut,
    /// Why it gets none.
    Refused(Refusal),
    /// Its policy only audits: nothing is given, nothing is refused.
    Audited(Audit),
}

/// What enforcing a policy would do, told while the policy is in mode `Audit`.
#[derive(Clone, Debug, PartialEq)]
pub struct Audit {
    /// The policy.
    pub policy: String,
    /// The grant, `None` for what would be left out, or the refusal.
    pub would: Result<Option<Grant>, Refusal>,
}

impl Audit {
    /// The refusal on one line, in words that say that it is none yet.
    #[must_use]
    pub fn would_be_refused(&self) -> Option<String> {
        let refusal = self.would.as_ref().err()?;
        let (policy, words) = (&self.policy, refusal.on_one_line());
        Some(format!("would be refused, were IdentityPolicy {policy} not in mode Audit: {words}"))
    }
}

/// What a subject is given.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// The first identity, and for a pod the only one.
    pub first: Identity,
    /// Further identities: the other ordinals of a StatefulSet whose names differ.
    pub rest: Vec<Identity>,
    /// The containers that get the certificate, init containers only where they are asked for.
    pub containers: Vec<String>,
    /// Annotations that the policy puts on every pod.
    pub pod_annotations: BTreeMap<String, String>,
    /// What each pod gets to hold its containers back: nothing where gates open without proof.
    pub hold: Option<Hold>,
    /// What is allowed but unwise.
    pub warnings: Vec<String>,
}

impl Grant {
    /// All identities.
    pub fn identities(&self) -> impl Iterator<Item = &Identity> {
        std::iter::once(&self.first).chain(&self.rest)
    }
}

/// Whether a namespace with these labels is turned on.
#[must_use]
pub fn enabled(namespace_labels: &BTreeMap<String, String>) -> bool {
    namespace_labels.get(keys::INJECT).is_some_and(|value| value == keys::INJECT_ENABLED)
}

/// Decides for one subject of an enabled namespace.
#[must_use]
pub fn derive(subject: &Subject, namespace_labels: &BTreeMap<String, String>, book: &PolicyBook) -> Verdict {
    let (policy, also) = match book.holder(&subject.namespace, namespace_labels) {
        Holder::Held { policy, also } => (policy, also),
        Holder::Broken { name, mode, error } => {
            return within(mode, name, Err(broken(subject, name, error)));
        }
        Holder::Nobody => return Verdict::Refused(nobody(subject)),
    };
    within(policy.mode, &policy.name, decide(subject, policy, &also))
}

/// What a policy would do becomes what happens, unless it only audits.
fn within(mode: Mode, policy: &str, would: Result<Option<Grant>, Refusal>) -> Verdict {
    match (mode, would) {
        (Mode::Audit, would) => Verdict::Audited(Audit { policy: policy.to_owned(), would }),
        (Mode::Observe | Mode::Enforce, Ok(Some(grant))) => Verdict::Granted(grant),
        (Mode::Observe | Mode::Enforce, Ok(None)) => Verdict::LeftOut,
        (Mode::Observe | Mode::Enforce, Err(refusal)) => Verdict::Refused(refusal),
    }
}

fn broken(subject: &Subject, policy: &str, error: &PolicyError) -> Refusal {
    Refusal {
        reason: Reason::Malformed,
        what: format!("the policy of namespace {} cannot be understood", subject.namespace),
        place: subject.object.clone(),
        rule: format!("IdentityPolicy {policy}: {error}"),
        remedy: format!("have the platform team correct IdentityPolicy {policy}"),
    }
}

fn nobody(subject: &Subject) -> Refusal {
    let namespace = &subject.namespace;
    Refusal {
        reason: Reason::NotFound,
        what: format!("namespace {namespace} is enabled for Sallyport, but no policy holds it"),
        place: subject.object.clone(),
        rule: format!("no IdentityPolicy names or selects namespace {namespace}"),
        remedy: format!(
            "have the platform team create an IdentityPolicy with spec.namespaces: [{namespace}], or take \
             the label {} off the namespace",
            keys::INJECT
        ),
    }
}

fn decide(subject: &Subject, policy: &Policy, also: &[&str]) -> Result<Option<Grant>, Refusal> {
    let wish = Wish::read(&subject.annotations, &subject.labels)
        .map_err(|error| unreadable(subject, policy, &error))?;
    if wish.left_out {
        return if policy.opt_out == OptOut::Allow { Ok(None) } else { Err(no_opt_out(subject, policy)) };
    }
    let action = action(subject, policy, &wish)?;
    let containers = containers(subject, policy, &wish)?;
    let mut identities: Vec<Identity> = Vec::new();
    for dns_names in names(subject, policy, &wish)? {
        let identity = identity(subject, policy, dns_names, action);
        if !identities.iter().any(|known| known.name == identity.name) {
            identities.push(identity);
        }
    }
    let mut identities = identities.into_iter();
    let warnings = also.iter().map(|other| {
        format!(
            "IdentityPolicy {other} selects namespace {} too; {} comes first",
            subject.namespace, policy.name
        )
    });
    let warnings = warnings.chain(misspelt(subject));
    Ok(identities.next().map(|first| Grant {
        first,
        rest: identities.collect(),
        containers,
        pod_annotations: policy.pod_annotations.clone(),
        hold: policy.hold.clone().filter(|_| policy.mode == Mode::Enforce),
        warnings: warnings.collect(),
    }))
}

/// Annotations that look like wishes and are none.
fn misspelt(subject: &Subject) -> impl Iterator<Item = String> {
    let ours = subject.annotations.keys().filter(|key| key.starts_with(keys::WISH_PREFIX));
    let known = |key: &str| keys::WISHES.contains(&key) || [keys::RESTARTED_FOR, keys::PROVEN].contains(&key);
    ours.filter(move |key| !known(key)).map(|key| {
        format!("annotation {} asks for nothing; those that do are {}", quoted(key), keys::WISHES.join(", "))
    })
}

fn identity(subject: &Subject, policy: &Policy, dns_names: DnsNames, action: Action) -> Identity {
    let delivery = policy.certificate.delivery;
    Identity {
        name: IdentityName::of(&subject.namespace, &dns_names, delivery),
        namespace: subject.namespace.clone(),
        dns_names,
        delivery,
        action,
        policy: policy.name.clone(),
        certificate: policy.certificate.clone(),
        firewall: policy.firewall.clone(),
    }
}

/// The names of each pod: those asked for, or the policy's default.
fn names(subject: &Subject, policy: &Policy, wish: &Wish) -> Result<Vec<DnsNames>, Refusal> {
    let base = Values {
        workload: subject.workload.as_deref(),
        namespace: &subject.namespace,
        service_account: &subject.service_account,
        service: subject.service.as_deref(),
        pod: None,
    };
    if let Some(asked) = DnsNames::new(wish.names.iter().cloned()) {
        for name in asked.iter() {
            check_asked(subject, policy, name, &base)?;
        }
        if asked.len() > usize::from(policy.max) {
            return Err(too_many(subject, policy, asked.len()));
        }
        return Ok(vec![asked]);
    }
    let pods = if policy.names_each_pod() { subject.pods.each() } else { vec![None] };
    pods.iter()
        .map(|pod| {
            let values = Values { pod: pod.as_deref(), ..base };
            let name = policy.default.expand(&values).map_err(|error| no_default(subject, policy, error))?;
            DnsNames::new([name]).ok_or_else(|| no_default(subject, policy, ExpandError::Star))
        })
        .collect()
}

fn check_asked(
    subject: &Subject,
    policy: &Policy,
    name: &DnsName,
    values: &Values<'_>,
) -> Result<(), Refusal> {
    let place = subject.annotation_place(keys::SAN);
    let shown = policy.shown_for(&subject.namespace);
    if name.is_wildcard() && !policy.wildcards {
        return Err(Refusal {
            reason: Reason::NameRefused,
            what: format!("wildcard name \"{name}\" is not allowed in namespace {}", subject.namespace),
            place,
            rule: format!("IdentityPolicy {} has spec.dnsNames.wildcards: Forbid", policy.name),
            remedy: "ask for each name by itself, or have the policy's owner allow wildcards".to_owned(),
        });
    }
    if policy.patterns().any(|pattern| pattern.allows(name, values)) {
        return Ok(());
    }
    Err(Refusal {
        reason: Reason::NameRefused,
        what: format!("name \"{name}\" is not allowed in namespace {}", subject.namespace),
        place,
        rule: format!("IdentityPolicy {} allows {shown}", policy.name),
        remedy: "ask for a name that the policy allows, or have the policy's owner allow this one".to_owned(),
    })
}

fn action(subject: &Subject, policy: &Policy, wish: &Wish) -> Result<Action, Refusal> {
    let action = wish.action.unwrap_or(policy.traffic.default);
    if policy.traffic.actions.contains(&action) {
        return Ok(action);
    }
    let known: Vec<&str> = policy.traffic.actions.iter().map(|action| action.as_str()).collect();
    Err(Refusal {
        reason: Reason::NameRefused,
        what: format!("action \"{}\" is not allowed in namespace {}", action.as_str(), subject.namespace),
        place: subject.annotation_place(keys::ACTION),
        rule: format!("IdentityPolicy {} allows {}", policy.name, known.join(" and ")),
        remedy: "ask for an action that the policy allows, or have the policy's owner allow this one"
            .to_owned(),
    })
}

fn containers(subject: &Subject, policy: &Policy, wish: &Wish) -> Result<Vec<String>, Refusal> {
    let Some(asked) = &wish.containers else { return Ok(subject.containers.clone()) };
    let all = || subject.containers.iter().chain(&subject.init_containers);
    match asked.iter().find(|asked| !all().any(|name| name == *asked)) {
        None => Ok(all().filter(|name| asked.contains(name)).cloned().collect()),
        Some(unknown) => Err(Refusal {
            reason: Reason::NameRefused,
            what: format!("there is no container {} to give the certificate to", quoted(unknown)),
            place: subject.annotation_place(keys::CONTAINERS),
            rule: format!(
                "the annotation names containers of the pod, which are {} (IdentityPolicy {})",
                all().map(String::as_str).collect::<Vec<_>>().join(", "),
                policy.name
            ),
            remedy: "name containers of the pod, or leave the annotation away to give it to all".to_owned(),
        }),
    }
}

fn unreadable(subject: &Subject, policy: &Policy, error: &WishError) -> Refusal {
    let (what, rule, remedy) = match error {
        WishError::Name(text, error) => (
            format!("name {} {error}", quoted(text)),
            name_rule(error),
            format!(
                "write a DNS name like those that IdentityPolicy {} allows: {}",
                policy.name,
                policy.shown_for(&subject.namespace)
            ),
        ),
        WishError::Nothing(key) => (
            format!("annotation {key} is there but names nothing"),
            "an annotation that is there must ask for something".to_owned(),
            "fill it in, or take it away to get what the policy gives by default".to_owned(),
        ),
        WishError::Action(text) => (
            format!("{} is not an action", quoted(text)),
            "an action is allow or deny, in lower case".to_owned(),
            "write allow or deny".to_owned(),
        ),
    };
    Refusal { reason: Reason::NameRefused, what, place: subject.annotation_place(error.key()), rule, remedy }
}

fn name_rule(error: &NameError) -> String {
    match error {
        NameError::PatternTooLong(_) => {
            "PAN-OS: the pattern of a custom App-ID has 127 characters at most, each dot counting twice"
                .to_owned()
        }
        NameError::Empty
        | NameError::TooLong(_)
        | NameError::EmptyLabel
        | NameError::LabelTooLong(_)
        | NameError::Character(_)
        | NameError::Hyphen
        | NameError::SingleLabel
        | NameError::Address
        | NameError::Wildcard
        | NameError::WildcardTooWide
        | NameError::International => {
            "a name stands in a certificate's SAN and in a TLS ClientHello, so it must be a plain DNS name"
                .to_owned()
        }
    }
}

fn no_default(subject: &Subject, policy: &Policy, error: ExpandError) -> Refusal {
    let rule = format!("IdentityPolicy {} names workloads {}", policy.name, policy.default.as_str());
    let ask = format!("ask for a name with the annotation {}", keys::SAN);
    let (what, remedy) = match error {
        ExpandError::NoValue(Variable::Pod) => (
            "{pod} stands for nothing here: only the pods of a StatefulSet have lasting names".to_owned(),
            ask,
        ),
        ExpandError::NoValue(Variable::Service) => (
            "{service} stands for nothing here: the pod has no subdomain and no StatefulSet's serviceName"
                .to_owned(),
            format!("set spec.subdomain, or {ask}"),
        ),
        ExpandError::NoValue(Variable::Workload) => (
            "{workload} stands for nothing here: a bare pod without a name has none".to_owned(),
            format!("give the pod a name, or {ask}"),
        ),
        ExpandError::NoValue(Variable::Namespace | Variable::ServiceAccount) | ExpandError::Star => {
            ("the policy's default names nothing".to_owned(), "have the policy's owner correct it".to_owned())
        }
        ExpandError::Dot(variable, value) => (
            format!(
                "{} is {}, and a dot cannot stand inside one label of a name",
                variable.as_str(),
                quoted(&value)
            ),
            format!("use a name without dots, or {ask}"),
        ),
        ExpandError::Name(name, error) => (
            format!("the policy's default gives {}, which {error}", quoted(&name)),
            format!("use a shorter or plainer name, or {ask}"),
        ),
    };
    Refusal { reason: Reason::NameRefused, what, place: subject.object.clone(), rule, remedy }
}

fn too_many(subject: &Subject, policy: &Policy, count: usize) -> Refusal {
    Refusal {
        reason: Reason::NameRefused,
        what: format!("{count} names are more than one workload may have"),
        place: subject.annotation_place(keys::SAN),
        rule: format!("IdentityPolicy {} has spec.dnsNames.max: {}", policy.name, policy.max),
        remedy: "ask for fewer names, or have the policy's owner raise the number".to_owned(),
    }
}

fn no_opt_out(subject: &Subject, policy: &Policy) -> Refusal {
    Refusal {
        reason: Reason::NameRefused,
        what: format!("the pod asks to be left out, which is not allowed in namespace {}", subject.namespace),
        place: format!("{}, {}.labels[{:?}]", subject.object, subject.metadata_path, keys::INJECT),
        rule: format!("IdentityPolicy {} has spec.optOut: Forbid", policy.name),
        remedy: "take the label away, or have the policy's owner allow opting out".to_owned(),
    }
}
