//! The command line of `pca-sim`, and the options that follow from it.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use pca_sim::{AuthorityOptions, IssueDelay, KeyAlgorithm, Options, Quotas, Status, UsageMode};

/// A stand-in for AWS Private CA to test against. It checks the form of requests as AWS does, not their signatures.
#[derive(Clone, Debug, clap::Parser)]
#[command(version)]
pub(crate) struct Args {
    /// Where the AWS endpoint listens (HTTPS)
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where the control endpoint for tests listens (HTTP, no authentication)
    #[arg(long, default_value = "127.0.0.1:0")]
    control: SocketAddr,
    /// Where to write the CA of the endpoint's own TLS certificate
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_out: PathBuf,
    /// Where to write the root of the first CA's chains [default: pca-root.pem beside --ca-out]
    #[arg(long, value_name = "FILE")]
    root_out: Option<PathBuf>,
    /// Where to write, once it serves, {endpoint, control, region, ca_file, ca_arn, ca_arns, root_pem_file}
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// The Region
    #[arg(long, default_value = "eu-central-1")]
    region: String,
    /// The account, twelve digits
    #[arg(long, default_value = "123456789012")]
    account: String,
    /// How long GetCertificate says "in progress" after an issue: 200ms, 3s
    #[arg(long, default_value = "200ms", value_parser = duration)]
    issue_delay: Duration,
    /// Up to how much longer, at random
    #[arg(long, default_value = "0ms", value_parser = duration)]
    issue_jitter: Duration,
    /// The last part of the CA's ARN [default: a random UUID]
    #[arg(long)]
    ca_id: Option<String>,
    /// What the CA may issue
    #[arg(long, default_value = "GENERAL_PURPOSE")]
    usage_mode: UsageMode,
    /// The CA's key
    #[arg(long, default_value = "EC_prime256v1")]
    key_algorithm: KeyAlgorithm,
    /// The CA's state
    #[arg(long, default_value = "ACTIVE")]
    status: Status,
    /// How long the CA lives
    #[arg(long, default_value_t = 3650)]
    lifetime_days: u32,
    /// How many certificates the CA issues before it says LimitExceededException for good
    #[arg(long, value_name = "NUMBER")]
    lifetime_limit: Option<usize>,
    /// Put the CA under a root, so that chains have two certificates
    #[arg(long)]
    intermediate: bool,
    /// One more CA, in JSON: {"id": "…", "keyAlgorithm": "RSA_2048", "usageMode": "…", "status": "…", "lifetimeDays": 365, "lifetimeLimit": 9, "intermediate": true}
    #[arg(long = "also", value_name = "JSON", value_parser = authority)]
    also: Vec<AuthorityOptions>,
    /// Apply AWS's default rate quotas: 25 issues, 75 gets, 20 of each other call in a second
    #[arg(long)]
    quotas: bool,
    /// One more DNS name or address for the endpoint's TLS certificate
    #[arg(long = "tls-name", value_name = "NAME")]
    tls_names: Vec<String>,
}

impl Args {
    /// The options for the library.
    pub(crate) fn options(&self) -> Options {
        let first = AuthorityOptions {
            id: self.ca_id.clone(),
            key_algorithm: self.key_algorithm,
            usage_mode: self.usage_mode,
            status: self.status,
            lifetime_days: self.lifetime_days,
            lifetime_limit: self.lifetime_limit,
            intermediate: self.intermediate,
        };
        Options {
            listen: self.listen,
            control: self.control,
            region: self.region.clone(),
            account: self.account.clone(),
            authorities: std::iter::once(first).chain(self.also.clone()).collect(),
            issue_delay: IssueDelay { base: self.issue_delay, jitter: self.issue_jitter },
            quotas: self.quotas.then(Quotas::default),
            tls_names: self.tls_names.clone(),
            ..Options::default()
        }
    }

    /// The file for the first CA's root.
    pub(crate) fn root_out(&self) -> PathBuf {
        self.root_out.clone().unwrap_or_else(|| self.ca_out.with_file_name("pca-root.pem"))
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let number = number.parse::<u64>().map_err(|_| format!("'{text}' is no duration: write 200ms or 3s"))?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        _ => Err(format!("'{unit}' is no unit: write ms or s")),
    }
}

fn authority(text: &str) -> Result<AuthorityOptions, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, expected) in [
            ("200ms", Some(Duration::from_millis(200))),
            ("3s", Some(Duration::from_secs(3))),
            ("3", None),
            ("ms", None),
            ("1h", None),
        ] {
            assert_eq!(duration(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn more_cas_come_in_json() {
        let options =
            authority(r#"{"keyAlgorithm": "RSA_2048", "usageMode": "SHORT_LIVED_CERTIFICATE"}"#).unwrap();
        assert_eq!(options.key_algorithm, KeyAlgorithm::Rsa2048);
        assert_eq!(options.usage_mode, UsageMode::ShortLivedCertificate);
        assert!(authority(r#"{"keySize": 2048}"#).is_err());
    }
}
