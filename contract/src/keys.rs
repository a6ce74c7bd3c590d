//! The labels, annotations and fixed names by which Sallyport's objects are found.
//!
//! People ask under `sallyport.dev/`; Sallyport answers under `resolved.sallyport.dev/`, so that a wish
//! and an answer are never confused.

/// API group of Sallyport's custom resources.
pub const GROUP: &str = "sallyport.dev";
/// API version of Sallyport's custom resources.
pub const VERSION: &str = "v1alpha1";

/// Label: on a namespace `enabled` turns Sallyport on; on a pod `disabled` asks to be left out.
pub const INJECT: &str = "sallyport.dev/inject";
/// Value of [`INJECT`] on a namespace that is turned on.
pub const INJECT_ENABLED: &str = "enabled";
/// Value of [`INJECT`] on a pod that asks to be left out.
pub const INJECT_DISABLED: &str = "disabled";

/// Annotation (wish): the DNS names wanted, separated by commas.
pub const SAN: &str = "sallyport.dev/san";
/// Annotation (wish): `allow` or `deny`.
pub const ACTION: &str = "sallyport.dev/action";
/// Annotation (wish): the containers that get the certificate, separated by commas.
pub const CONTAINERS: &str = "sallyport.dev/containers";

/// Prefix of every wish.
pub const WISH_PREFIX: &str = "sallyport.dev/";
/// Every annotation that asks for something.
pub const WISHES: [&str; 3] = [SAN, ACTION, CONTAINERS];

/// Prefix of every answer. Keys under it are Sallyport's and are always recomputed.
pub const RESOLVED_PREFIX: &str = "resolved.sallyport.dev/";
/// Annotation (answer): the DNS names given, sorted, separated by commas.
pub const RESOLVED_DNS_NAMES: &str = "resolved.sallyport.dev/dns-names";
/// Annotation (answer): `allow` or `deny`.
pub const RESOLVED_ACTION: &str = "resolved.sallyport.dev/action";
/// Annotation (answer): the `IdentityPolicy` that decided.
pub const RESOLVED_POLICY: &str = "resolved.sallyport.dev/policy";
/// Annotation on the pod template of a CronJob: the CronJob's name, which its pods cannot tell otherwise.
pub const RESOLVED_WORKLOAD: &str = "resolved.sallyport.dev/workload";

/// Label of a pod: the name of its `WorkloadIdentity`.
pub const IDENTITY: &str = "sallyport.dev/identity";
/// Condition type of the readiness gate.
pub const GATE: &str = "sallyport.dev/identity-ready";

/// Annotation of a pod that holds its containers back: by which reason its gate opened, and when. Written by policy-sync
/// alone, in the write that opens the gate.
pub const PROVEN: &str = "sallyport.dev/proven";
/// Name of the init container that waits for [`PROVEN`], and of the volume that shows it.
pub const HOLD: &str = "sallyport-hold";
/// Where that volume is mounted.
pub const HOLD_PATH: &str = "/var/run/sallyport/hold";
/// The file under [`HOLD_PATH`] that holds the value of [`PROVEN`], and is empty before.
pub const HOLD_FILE: &str = "proven";

/// Kubernetes' annotation of a pod that shows one of a kubelet's static ones
/// (<https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-config-mirror>).
pub const MIRROR: &str = "kubernetes.io/config.mirror";

/// Annotation of a workload's pod template: the serial number of the certificate for which cert-agent restarted it.
pub const RESTARTED_FOR: &str = "sallyport.dev/restarted-for";

/// Finalizer of a `Firewall` whose `deletionPolicy` is `Remove`, until nothing of ours stands there any more.
pub const REMOVE_FROM_FIREWALL: &str = "sallyport.dev/remove-from-firewall";

/// Name of the volume that carries the certificate.
pub const VOLUME: &str = "sallyport-tls";
/// Where the volume is mounted.
pub const MOUNT_PATH: &str = "/var/run/sallyport/tls";
/// Environment variables that tell a container its files: name and file name under [`MOUNT_PATH`].
pub const ENVIRONMENT: [(&str, &str); 3] =
    [("SALLYPORT_TLS_CERT", "tls.crt"), ("SALLYPORT_TLS_KEY", "tls.key"), ("SALLYPORT_TLS_CA", "ca.crt")];

/// Signer of the pods' own certificates, where a policy's delivery is `Pod`.
pub const SIGNER: &str = "sallyport.dev/workload";
/// Files of such a volume under [`MOUNT_PATH`]: the key, the chain, and both in one, which is read whole.
pub const POD_FILES: [&str; 3] = ["tls.key", "tls.crt", "tls.pem"];
/// Annotation of a PodCertificateRequest: what cert-agent remembers of it, written before each step.
pub const POD_REQUEST_STATE: &str = "resolved.sallyport.dev/pod-certificate";

/// Namespace of the programs and of cert-agent's state Secrets.
pub const SYSTEM_NAMESPACE: &str = "sallyport-system";
/// Namespace of the firewall credentials, and of nothing else.
pub const FIREWALL_NAMESPACE: &str = "sallyport-firewall";
/// Namespace of the path probes and their reports.
pub const PATH_PROOF_NAMESPACE: &str = "sallyport-path-proof";
/// Name of the `NamespaceBinding` in every enabled namespace.
pub const BINDING: &str = "sallyport";
/// Name of the mutating webhook configuration.
pub const WEBHOOK_CONFIGURATION: &str = "sallyport";
/// Name of the webhook's Service and, with `-tls`, of the Secret with its serving certificate.
pub const WEBHOOK_SERVICE: &str = "sallyport-webhook";
/// Secret (in [`SYSTEM_NAMESPACE`]) with the webhook's serving certificate, kept by cert-agent.
pub const WEBHOOK_SERVING_SECRET: &str = "sallyport-webhook-tls";
/// ClusterRole that cert-agent binds in every enabled namespace, to write certificate Secrets there.
pub const CERTIFICATE_WRITER_ROLE: &str = "sallyport-certificate-writer";

/// ConfigMap with the roots of those authorities whose `spec.trust` names its namespace.
pub const TRUST: &str = "sallyport-trust";
/// Key of [`TRUST`] that holds all of its roots; beside it `<authority>.pem` holds those of one authority.
pub const TRUST_ALL: &str = "ca.crt";
/// Prefix of the names of our ClusterTrustBundles, as Kubernetes derives it from [`SIGNER`]; the authority's name follows.
pub const TRUST_BUNDLE_PREFIX: &str = "sallyport.dev:workload:";
/// Label of a ClusterTrustBundle: the authority whose roots it holds.
pub const AUTHORITY: &str = "sallyport.dev/authority";
/// Annotation of a bundle: the hash of what was written there, by which an edit is known.
pub const TRUST_WRITTEN: &str = "resolved.sallyport.dev/written";
/// Annotation of a bundle: since when nobody wants some of what it holds.
pub const TRUST_UNWANTED_SINCE: &str = "resolved.sallyport.dev/unwanted-since";

/// Label on every object that Sallyport makes in other people's namespaces.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Value of [`MANAGED_BY`].
pub const MANAGED_BY_SALLYPORT: &str = "sallyport";
