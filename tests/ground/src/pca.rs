//! The AWS Private CA stand-in as a process, and what a test can ask of it that AWS would not tell.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::program::Program;

/// What cert-agent signs its calls to AWS with: no word that is anywhere else.
pub const SECRET_ACCESS_KEY: &str = "wJalr-ground-7c1e5d0b9f";

/// A simulated AWS Private CA that runs.
pub struct PcaSim {
    /// The process.
    pub program: Program,
    /// The endpoint for AWS clients.
    pub endpoint: String,
    /// The CA's ARN.
    pub ca_arn: String,
    /// The file with the certificate authority of the endpoint itself.
    pub ca_file: PathBuf,
    /// The root that signs workloads' certificates, in PEM.
    pub root_pem: String,
    control: String,
    http: reqwest::Client,
}

#[derive(Deserialize)]
struct Ready {
    endpoint: String,
    control: String,
    ca_file: PathBuf,
    ca_arn: String,
    root_pem_file: PathBuf,
}

impl PcaSim {
    /// Starts the stand-in in `folder`, for who is on this machine.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start(folder: &Path, issue_delay: Duration) -> Result<Self> {
        Self::start_at(Ipv4Addr::LOCALHOST.into(), folder, issue_delay).await
    }

    /// Starts the stand-in at an address of this machine.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start_at(address: IpAddr, folder: &Path, issue_delay: Duration) -> Result<Self> {
        let args = [
            "--listen",
            &SocketAddr::new(address, 0).to_string(),
            "--tls-name",
            &address.to_string(),
            "--control",
            "127.0.0.1:0",
            "--ca-out",
            &folder.join("pca.ca.pem").display().to_string(),
            "--issue-delay",
            &format!("{}ms", issue_delay.as_millis()),
        ]
        .map(str::to_owned);
        let (program, ready): (Program, Ready) =
            Program::start("pca-sim", "pca-sim", &args, &[], folder).await?;
        let control = if ready.control.starts_with("http") {
            ready.control
        } else {
            format!("http://{}", ready.control)
        };
        Ok(Self {
            program,
            endpoint: ready.endpoint,
            ca_arn: ready.ca_arn,
            ca_file: ready.ca_file,
            root_pem: std::fs::read_to_string(ready.root_pem_file)?,
            control,
            http: reqwest::Client::builder().timeout(Duration::from_secs(20)).build()?,
        })
    }

    /// What cert-agent's environment must hold to reach it at `endpoint`, which `ca_file` is trusted by.
    #[must_use]
    pub fn environment(endpoint: &str, ca_file: &Path) -> Vec<(&'static str, String)> {
        let mut all = Self::access(endpoint);
        all.push(("AWS_CA_BUNDLE", ca_file.display().to_string()));
        all.push(("AWS_EC2_METADATA_DISABLED", "true".to_owned()));
        all
    }

    /// The part of it that the chart does not set: where it is asked, and as whom.
    #[must_use]
    pub fn access(endpoint: &str) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL_ACM_PCA", endpoint.to_owned()),
            ("AWS_ACCESS_KEY_ID", "AKIDGROUND".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.to_owned()),
        ]
    }

    /// Adds a fault.
    ///
    /// # Errors
    /// The stand-in does not know it.
    pub async fn fault(&self, fault: &Value) -> Result<()> {
        self.post("/faults", fault).await
    }

    /// Sets the state of the CA: `ACTIVE`, `DISABLED`…
    ///
    /// # Errors
    /// The stand-in does not know it.
    pub async fn state(&self, status: &str) -> Result<()> {
        self.post("/ca/state", &serde_json::json!({"arn": self.ca_arn, "status": status})).await
    }

    /// Makes the CA's root anew, with the `same_key` or a `new_key`.
    ///
    /// # Errors
    /// The stand-in does not know it.
    pub async fn renew(&self, root: &str) -> Result<()> {
        self.post("/ca/renew", &serde_json::json!({"arn": self.ca_arn, "root": root})).await
    }

    /// Applies AWS's default rate quotas from now on, or none.
    ///
    /// # Errors
    /// The stand-in is away.
    pub async fn quotas(&self, apply: bool) -> Result<()> {
        if apply {
            return self.post("/quotas", &serde_json::json!({})).await;
        }
        self.http.delete(format!("{}/quotas", self.control)).send().await?.error_for_status()?;
        Ok(())
    }

    /// From now on a certificate takes so long.
    ///
    /// # Errors
    /// The stand-in is away.
    pub async fn delay(&self, issue_delay: Duration) -> Result<()> {
        let ms = u64::try_from(issue_delay.as_millis())?;
        self.post("/issue-delay", &serde_json::json!({"ms": ms})).await
    }

    /// Ends all faults.
    ///
    /// # Errors
    /// The stand-in is away.
    pub async fn heal(&self) -> Result<()> {
        self.http.delete(format!("{}/faults", self.control)).send().await?.error_for_status()?;
        Ok(())
    }

    /// The stand-in's counters.
    ///
    /// # Errors
    /// The stand-in is away.
    pub async fn counters(&self) -> Result<Value> {
        self.get("/counters").await
    }

    /// Every certificate issued so far.
    ///
    /// # Errors
    /// The stand-in is away.
    pub async fn issued(&self) -> Result<Value> {
        self.get("/issued").await
    }

    async fn get(&self, path: &str) -> Result<Value> {
        let text =
            self.http.get(format!("{}{path}", self.control)).send().await?.error_for_status()?.text().await?;
        Ok(serde_json::from_str(&text)?)
    }

    async fn post(&self, path: &str, body: &Value) -> Result<()> {
        let request =
            self.http.post(format!("{}{path}", self.control)).header("content-type", "application/json");
        let answer = request.body(body.to_string()).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "the stand-in refused {path} {body}: {text}");
        Ok(())
    }
}
