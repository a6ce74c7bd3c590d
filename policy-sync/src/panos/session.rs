//! Calls to the XML API: transport, limits, and a key that is made, cached and renewed once.

use std::{error::Error as _, time::Duration};

use sallyport_contract::{Reason, object::FirewallTls, refusal::quoted};
use tokio::sync::{Mutex, Semaphore};
use zeroize::Zeroizing;

use super::{
    Pool, echo,
    envelope::{Reply, Status},
    fate, tls,
};
use crate::{
    firewall::{Fate, Fault},
    metrics::Metrics,
    world::{Login, Proof},
};

/// Largest answer that is read, in bytes.
const BODY_LIMIT: usize = 32 << 20;
/// Calls at once. The vendor advises five for all clients together:
/// <https://docs.paloaltonetworks.com/pan-os/11-1/pan-os-panorama-api/about-the-pan-os-xml-api/pan-os-xml-api-components>.
const CALLS_AT_ONCE: usize = 2;
/// Longest wait for one answer. Reads of large configurations take their time.
const DEADLINE: Duration = Duration::from_secs(60);
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// Refused passwords after which we stop asking, below the five or so at which accounts are locked.
const MOST_REFUSALS: u8 = 2;

/// A login to one firewall.
pub(super) struct Session {
    http: reqwest::Client,
    url: String,
    login: std::sync::Arc<Login>,
    key: Mutex<Key>,
    calls: Semaphore,
    metrics: Metrics,
}

#[derive(Default)]
struct Key {
    value: Option<Zeroizing<String>>,
    refused: u8,
    words: String,
}

/// Parameters of a call.
pub(super) type Parameters<'a> = [(&'a str, &'a str)];

impl Session {
    pub(super) fn new(
        host: &str,
        tls: &FirewallTls,
        login: std::sync::Arc<Login>,
        metrics: Metrics,
    ) -> Result<Self, Fault> {
        let unusable = |error: &dyn std::error::Error| Fault {
            fate: Fate::Stop(Reason::Malformed),
            message: sallyport_process::report::chain(error),
        };
        let tls = tls::client_config(tls).map_err(|error| unusable(&error))?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_DEADLINE)
            .timeout(DEADLINE)
            .pool_max_idle_per_host(CALLS_AT_ONCE)
            .build()
            .map_err(|error| unusable(&error))?;
        let url = format!("https://{host}/api/");
        let value = match &login.proof {
            Proof::ApiKey(key) => Some(key.clone()),
            Proof::Password(_) => None,
        };
        let key = Mutex::new(Key { value, ..Key::default() });
        Ok(Self { http, url, login, key, calls: Semaphore::new(CALLS_AT_ONCE), metrics })
    }

    /// Makes one call; an answer that is not success is a fault.
    pub(super) async fn call(&self, doing: &str, parameters: &Parameters<'_>) -> Result<Reply, Fault> {
        let reply = self.ask(doing, parameters, None).await?;
        match reply.status {
            Status::Success => Ok(reply),
            Status::Error | Status::Unauthorised => Err(fate::fault(&reply, doing)),
        }
    }

    /// Makes one call and hands back what came, whether success or not. A key that is refused is renewed once. With a
    /// `pool` the entries of a list are asked for.
    pub(super) async fn ask(
        &self,
        doing: &str,
        parameters: &Parameters<'_>,
        pool: Option<&Pool>,
    ) -> Result<Reply, Fault> {
        let key = self.key(None).await?;
        let (http_status, reply) = self.send(doing, parameters, Some(&key), pool).await?;
        if !forbidden(http_status, &reply) {
            return Ok(reply);
        }
        let key = self.key(Some(&key)).await?;
        let (http_status, reply) = self.send(doing, parameters, Some(&key), pool).await?;
        if forbidden(http_status, &reply) {
            let message = format!(
                "{doing}: the firewall answers {} to a new key; administrator {} needs the XML API rights config, op and commit",
                quoted(&reply.words),
                self.login.user
            );
            return Err(Fault { fate: Fate::Stop(Reason::CredentialsRefused), message });
        }
        Ok(reply)
    }

    /// The key, or another than the `stale` one.
    async fn key(&self, stale: Option<&Zeroizing<String>>) -> Result<Zeroizing<String>, Fault> {
        let mut key = self.key.lock().await;
        if let Some(value) = key.value.as_ref().filter(|value| Some(*value) != stale) {
            return Ok(value.clone());
        }
        let stop = |words: &str| Fault {
            fate: Fate::Stop(Reason::CredentialsRefused),
            message: format!(
                "the firewall refuses administrator {} ({words}); we stop asking until the Secret changes, so that the account is not locked",
                self.login.user
            ),
        };
        let password = match &self.login.proof {
            Proof::ApiKey(_) => return Err(stop("its API key is not valid")),
            Proof::Password(_) if key.refused >= MOST_REFUSALS => return Err(stop(&key.words)),
            Proof::Password(password) => password,
        };
        key.value = None;
        let form = [("type", "keygen"), ("user", self.login.user.as_str()), ("password", password.as_str())];
        let (http_status, reply) = self.send("logging in", &form, None, None).await?;
        if forbidden(http_status, &reply) {
            key.refused += 1;
            key.words = quoted(&reply.words);
            let fault = if key.refused >= MOST_REFUSALS {
                stop(&key.words)
            } else {
                let message =
                    format!("the firewall refuses administrator {} ({})", self.login.user, key.words);
                Fault { fate: Fate::Retry(Reason::CredentialsRefused), message }
            };
            return Err(fault);
        }
        if reply.status != Status::Success {
            return Err(fate::fault(&reply, "logging in"));
        }
        let made =
            reply.root.at(&["result", "key"]).map(|key| key.text.to_string()).filter(|key| !key.is_empty());
        let value = Zeroizing::new(made.ok_or_else(|| Fault {
            fate: Fate::Retry(Reason::FirewallUnreachable),
            message: "logging in: the firewall answers without a key".to_owned(),
        })?);
        key.refused = 0;
        key.value = Some(value.clone());
        Ok(value)
    }

    /// Sends one request and counts how it went.
    async fn send(
        &self,
        doing: &str,
        parameters: &Parameters<'_>,
        key: Option<&Zeroizing<String>>,
        pool: Option<&Pool>,
    ) -> Result<(u16, Reply), Fault> {
        let sent = self.exchange(doing, parameters, key, pool).await;
        let result = match &sent {
            Ok((_, reply)) if reply.status == Status::Success => "success",
            Ok(_) => "refused",
            Err(_) => "failed",
        };
        self.metrics.called(kind(parameters), result);
        sent
    }

    async fn exchange(
        &self,
        doing: &str,
        parameters: &Parameters<'_>,
        key: Option<&Zeroizing<String>>,
        pool: Option<&Pool>,
    ) -> Result<(u16, Reply), Fault> {
        let fault = |message: String| Fault { fate: Fate::Retry(Reason::FirewallUnreachable), message };
        let _turn =
            self.calls.acquire().await.map_err(|_| fault(format!("{doing}: the session is closed")))?;
        let mut request = self.http.post(&self.url).form(parameters);
        if let Some(key) = key {
            request = request.header("X-PAN-KEY", key.as_str());
        }
        let unreachable = |error: reqwest::Error| fault(format!("{doing}, {}: {}", self.url, causes(&error)));
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status().as_u16();
        // A body that grows piece by piece takes twice its room.
        let told = response.content_length().and_then(|length| usize::try_from(length).ok());
        let mut body = Vec::with_capacity(told.unwrap_or_default().min(BODY_LIMIT));
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > BODY_LIMIT {
                return Err(fault(format!("{doing}: the answer has more than {BODY_LIMIT} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        self.read(doing, status, &body, key, pool).map(|reply| (status, reply)).map_err(fault)
    }

    /// What an answer says. One that is not success comes from whoever answered, who may repeat what we sent.
    fn read(
        &self,
        doing: &str,
        status: u16,
        body: &[u8],
        key: Option<&Zeroizing<String>>,
        pool: Option<&Pool>,
    ) -> Result<Reply, String> {
        let text = String::from_utf8_lossy(body);
        let (Proof::ApiKey(known) | Proof::Password(known)) = &self.login.proof;
        let secrets: Vec<&str> = [known].into_iter().chain(key).map(|secret| secret.as_str()).collect();
        let repeats = || echo::repeats(&text, &secrets);
        match pool.map_or_else(|| Reply::read(&text), |pool| Reply::read_list(&text, pool)) {
            Ok(reply) if reply.status == Status::Success || !repeats() => Ok(reply),
            Ok(reply) => Ok(reply.without_words()),
            // What answers a login is never quoted: a piece of the password may be shorter than what is searched for.
            Err(_) if key.is_none() || repeats() => Err(format!(
                "{doing}: HTTP {status}, an answer that is not PAN-OS XML; what it says is not shown, for it may repeat what we sent"
            )),
            Err(error) => {
                Err(format!("{doing}: HTTP {status}, {}", sallyport_process::report::chain(&error)))
            }
        }
    }
}

/// The kind of a call, from a closed list.
fn kind(parameters: &Parameters<'_>) -> &'static str {
    let of = |name: &str| parameters.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| *value);
    match (of("type"), of("action")) {
        ("keygen", _) => "keygen",
        ("commit", "all") => "push",
        ("commit", _) => "commit",
        ("config", "get") => "config get",
        ("config", "show") => "config show",
        ("config", _) => "config write",
        _ => "op",
    }
}

/// A key or password that is refused: HTTP 403, or its code, or a session that nobody knows.
fn forbidden(http_status: u16, reply: &Reply) -> bool {
    let by_code = matches!(reply.code, Some(403 | 22));
    match reply.status {
        Status::Success => false,
        Status::Error => http_status == 403 || by_code,
        Status::Unauthorised => true,
    }
}

/// The causes of a failed request. The address is told by who asks: reqwest's own text may hold more of it
/// than should be told.
fn causes(error: &reqwest::Error) -> String {
    let mut texts = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    match (texts.last(), error.is_timeout()) {
        (Some(last), false) => last.clone(),
        (_, true) => "no answer in time".to_owned(),
        (None, false) => "the request cannot be made".to_owned(),
    }
}
