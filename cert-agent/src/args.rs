//! What the certificate agent is told when it starts.

use std::path::PathBuf;

use sallyport_contract::{duration::Duration, keys};
use sallyport_process::{args::ProcessArgs, lease::LeaseArgs};

use crate::issuer::{aws_client::SessionName, governor::rates::RateRule};

/// Flags of `sallyport cert-agent`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// What every program is told.
    #[command(flatten)]
    pub process: ProcessArgs,
    /// Which of several replicas works.
    #[command(flatten)]
    pub lease: LeaseArgs,
    /// The namespace of the agent's own Secrets and of its Lease.
    #[arg(long, env = "SALLYPORT_NAMESPACE", default_value = keys::SYSTEM_NAMESPACE)]
    pub namespace: String,
    /// How long an identity that nobody wants stays before it is deleted.
    #[arg(long, env = "SALLYPORT_IDENTITY_GRACE", default_value = "10m")]
    pub identity_grace: Duration,
    /// A further name or address under which the webhook is called; may be repeated.
    #[arg(long = "webhook-name", value_name = "NAME")]
    pub webhook_names: Vec<String>,
    /// A PEM file with the only CAs that the AWS endpoint is trusted by, instead of the public ones.
    #[arg(long, env = "AWS_CA_BUNDLE", value_name = "FILE")]
    pub aws_ca_bundle: Option<PathBuf>,
    /// Under which name a role is assumed (`CertificateAuthority.spec.awsPrivateCA.roleArn`, IRSA): what CloudTrail shows.
    #[arg(long, env = "AWS_ROLE_SESSION_NAME", value_name = "NAME", default_value_t)]
    pub aws_session_name: SessionName,
    /// How fast an AWS account and Region is asked, in calls a second; may be repeated, the first that fits holds:
    /// `account=123456789012,region=eu-central-1,issue=10,get=30,others=5`. Each part may be left out.
    #[arg(long = "aws-rate", env = "SALLYPORT_AWS_RATE", value_name = "RATE", value_delimiter = ';')]
    pub aws_rates: Vec<RateRule>,
    /// What one certificate of AWS Private CA costs, in any currency; only for the metric of money spent.
    #[arg(long, env = "SALLYPORT_CERTIFICATE_PRICE", default_value = "0")]
    pub certificate_price: f64,
    /// Within so long after a renewal workloads are restarted whose policy says `onRenewal: RestartWorkload`, spread over that
    /// time; half of what is left to the old certificate if that is less.
    #[arg(long, env = "SALLYPORT_RESTART_WITHIN", default_value = "24h")]
    pub restart_within: Duration,
    /// How often everything is looked at again without having changed; heals whatever was missed.
    #[arg(long, env = "SALLYPORT_RESYNC", default_value = "60s")]
    pub resync: Duration,
    /// Where the addresses are written as JSON once they are bound: `{"health":"127.0.0.1:9402"}`.
    #[arg(long, value_name = "PATH")]
    pub ready_file: Option<PathBuf>,
}
