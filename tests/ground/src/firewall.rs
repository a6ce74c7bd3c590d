//! The PAN-OS simulator as a process, and what a test can ask of it that a firewall would not tell.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::program::Program;

/// Our administrator on the simulator, and a colleague.
pub const ADMINISTRATOR: (&str, &str) = ("sallyport", "correct-horse-battery");
/// Another administrator.
pub const COLLEAGUE: (&str, &str) = ("alice", "staple-other-horse");

/// Answers to open questions for every firewall of a run that has none of its own, as JSON.
pub const QUIRKS: &str = "PANOS_SIM_QUIRKS";

/// Where traffic comes from and goes to on the data plane.
pub const SOURCE: &str = "10.20.1.10";
/// See [`SOURCE`].
pub const DESTINATION: &str = "10.20.2.20";

/// A simulated firewall that runs.
pub struct FirewallSim {
    /// The process.
    pub program: Program,
    /// The management interface: `127.0.0.1:PORT`.
    pub api: SocketAddr,
    /// The certificate authority of its management interface, in PEM.
    pub ca_pem: String,
    /// Where clients dial to reach the server behind it.
    pub data_plane: SocketAddr,
    control: String,
    http: reqwest::Client,
}

/// How a simulator is started.
#[derive(Clone, Debug)]
pub struct FirewallOptions {
    /// What it is called in file names.
    pub name: String,
    /// Where its management interface listens. Its data plane takes a free port there.
    pub listen: SocketAddr,
    /// How long a commit takes.
    pub commit_time: Duration,
    /// The server behind it.
    pub upstream: SocketAddr,
    /// Further flags.
    pub more: Vec<String>,
}

#[derive(Deserialize)]
struct Ready {
    /// `https://127.0.0.1:PORT`
    api: String,
    /// `http://127.0.0.1:PORT`
    control: String,
    data_plane: Vec<SocketAddr>,
    ca_file: PathBuf,
}

impl FirewallSim {
    /// Starts a simulator in `folder`.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start(folder: &std::path::Path, options: &FirewallOptions) -> Result<Self> {
        let FirewallOptions { name, listen, commit_time, upstream, more } = options;
        let users = folder.join(format!("{name}.users"));
        let lines = [ADMINISTRATOR, COLLEAGUE].map(|(user, password)| format!("{user}:{password}\n"));
        std::fs::write(&users, lines.concat())?;
        let (address, listen) = (listen.ip(), listen.to_string());
        let plane = format!(
            "listen={},upstream={upstream},from=trust,to=trust,source={SOURCE},destination={DESTINATION},port=443",
            SocketAddr::new(address, 0)
        );
        let mut args: Vec<String> = [
            "--listen",
            &listen,
            "--tls-san",
            "localhost",
            "--tls-san",
            &address.to_string(),
            "--control",
            "127.0.0.1:0",
            "--data-plane",
            &plane,
            "--ca-out",
            &folder.join(format!("{name}.ca.pem")).display().to_string(),
            "--users",
            &users.display().to_string(),
            "--commit-time",
            &format!("{}ms", commit_time.as_millis()),
        ]
        .map(str::to_owned)
        .to_vec();
        args.extend(more.iter().cloned());
        if let Ok(quirks) = std::env::var(QUIRKS)
            && !more.iter().any(|flag| flag == "--quirks")
        {
            args.extend(["--quirks".to_owned(), quirks]);
        }
        let (program, ready): (Program, Ready) =
            Program::start(name, "panos-sim", &args, &[], folder).await?;
        let data_plane = ready.data_plane.first().copied().context("the simulator has no data plane")?;
        Ok(Self {
            program,
            api: ready.api.trim_start_matches("https://").trim_end_matches("/api/").parse()?,
            ca_pem: std::fs::read_to_string(ready.ca_file)?,
            data_plane,
            control: ready.control,
            http: reqwest::Client::builder().timeout(Duration::from_secs(20)).build()?,
        })
    }

    /// Adds a fault.
    ///
    /// # Errors
    /// The simulator does not know it.
    pub async fn fault(&self, fault: &Value) -> Result<()> {
        self.post("/faults", fault).await.map(drop)
    }

    /// Makes the management interface unreachable, for connections that are open as well.
    ///
    /// # Errors
    /// The simulator is away.
    pub async fn vanish(&self) -> Result<()> {
        for place in ["connect", "keygen", "config", "commit", "op"] {
            let fault = serde_json::json!({"where": place, "action": "drop_before", "times": "forever"});
            self.fault(&fault).await?;
        }
        Ok(())
    }

    /// Ends all faults.
    ///
    /// # Errors
    /// The simulator is away.
    pub async fn heal(&self) -> Result<()> {
        self.http.delete(format!("{}/faults", self.control)).send().await?.error_for_status()?;
        Ok(())
    }

    /// Makes every API key invalid, as "expire all keys" on a device does.
    ///
    /// # Errors
    /// The simulator is away.
    pub async fn expire_keys(&self) -> Result<()> {
        self.post("/expire-keys", &Value::Null).await.map(drop)
    }

    async fn post(&self, path: &str, body: &Value) -> Result<String> {
        let request =
            self.http.post(format!("{}{path}", self.control)).header("content-type", "application/json");
        let answer = request.body(body.to_string()).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "the simulator refused {path} {body}: {text}");
        Ok(text)
    }

    /// The running configuration as XML.
    ///
    /// # Errors
    /// The simulator is away.
    pub async fn running(&self) -> Result<String> {
        self.text("/config/running").await
    }

    /// The candidate configuration as XML.
    ///
    /// # Errors
    /// The simulator is away.
    pub async fn candidate(&self) -> Result<String> {
        self.text("/config/candidate").await
    }

    /// Every request so far, oldest first.
    ///
    /// # Errors
    /// The simulator is away.
    pub async fn log(&self) -> Result<Vec<Value>> {
        let text = self.text("/log").await?;
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// The simulator's counters.
    ///
    /// # Errors
    /// The simulator is away.
    pub async fn counters(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.text("/counters").await?)?)
    }

    async fn text(&self, path: &str) -> Result<String> {
        Ok(self.http.get(format!("{}{path}", self.control)).send().await?.error_for_status()?.text().await?)
    }

    /// One more listener of the data plane: where clients dial to reach `upstream` through the policy.
    ///
    /// # Errors
    /// The simulator is away.
    pub async fn data_plane_to(&self, upstream: SocketAddr) -> Result<SocketAddr> {
        let flow = serde_json::json!({
            "listen": SocketAddr::new(self.data_plane.ip(), 0), "upstream": upstream.to_string(),
            "from": "trust", "to": "trust", "source": SOURCE, "destination": DESTINATION, "port": 443});
        let text = self.post("/data-plane", &flow).await?;
        let answer: Value =
            serde_json::from_str(&text).context("the simulator does not say where it listens")?;
        Ok(answer["listen"].as_str().context("no address")?.parse()?)
    }

    /// Another administrator's hand: one XML API call with the colleague's name and password.
    ///
    /// # Errors
    /// The simulator is away or refuses.
    pub async fn colleague(&self, parameters: &[(&str, &str)]) -> Result<String> {
        let certificate = reqwest::Certificate::from_pem(self.ca_pem.as_bytes())?;
        let client = reqwest::Client::builder()
            .tls_certs_only([certificate])
            .timeout(Duration::from_secs(20))
            .build()?;
        let answer = client
            .post(format!("https://{}/api/", self.api))
            .basic_auth(COLLEAGUE.0, Some(COLLEAGUE.1))
            .form(parameters)
            .send()
            .await?;
        Ok(answer.text().await?)
    }
}
