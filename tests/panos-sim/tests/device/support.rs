//! A small XML API client and the objects that the tests write.

use panos_sim::{Accounts, Action, Fault, Options, Running, Simulator, Times, Where};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

pub(crate) const VSYS: &str =
    "/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']";

/// A pattern for one name, as automation writes it.
pub(crate) const PAY: &str = r"(?i)^pay\.shop\.corp\.example\.?$";

/// Two administrators, quick commits.
pub(crate) fn options() -> Options {
    Options {
        accounts: Accounts::parse("sallyport:s3cret\nalice:wonder\n").unwrap(),
        commit_time: Duration::from_millis(30),
        ..Options::default()
    }
}

/// The next job stays active until the faults are cleared.
pub(crate) fn hang() -> Fault {
    Fault { place: Where::Job, action: Action::NeverFinish, times: Times::Count(1), matching: None }
}

pub(crate) struct Client {
    http: reqwest::Client,
    api: SocketAddr,
    control: SocketAddr,
    pub(crate) key: String,
}

/// A reply: HTTP status and body.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) http: u16,
    pub(crate) body: String,
}

impl Reply {
    #[track_caller]
    pub(crate) fn has(&self, text: &str) -> &Self {
        assert!(self.body.contains(text), "{text:?} is not in {}", self.body);
        self
    }

    #[track_caller]
    pub(crate) fn lacks(&self, text: &str) -> &Self {
        assert!(!self.body.contains(text), "{text:?} is in {}", self.body);
        self
    }
}

impl Client {
    pub(crate) fn http(running: &Running) -> reqwest::Client {
        let ca = reqwest::Certificate::from_pem(running.ca_pem.as_bytes()).unwrap();
        reqwest::Client::builder().tls_certs_only([ca]).timeout(Duration::from_secs(20)).build().unwrap()
    }

    pub(crate) async fn login(running: &Running, user: &str, password: &str) -> Self {
        let mut client = Self {
            http: Self::http(running),
            api: running.api_addr,
            control: running.control_addr,
            key: String::new(),
        };
        let reply = client.send(&[("type", "keygen"), ("user", user), ("password", password)]).await;
        client.key = between(&reply.body, "<key>", "</key>");
        client
    }

    /// The same client, with the same key, at another device.
    pub(crate) fn moved_to(&self, running: &Running) -> Self {
        Self {
            http: Self::http(running),
            api: running.api_addr,
            control: running.control_addr,
            key: self.key.clone(),
        }
    }

    pub(crate) async fn try_send(&self, form: &[(&str, &str)]) -> Result<Reply, reqwest::Error> {
        let url = format!("https://{}/api/", self.api);
        let mut request = self.http.post(url).form(form);
        if !self.key.is_empty() {
            request = request.header("X-PAN-KEY", &self.key);
        }
        let response = request.send().await?;
        Ok(Reply { http: response.status().as_u16(), body: response.text().await? })
    }

    pub(crate) async fn send(&self, form: &[(&str, &str)]) -> Reply {
        self.try_send(form).await.unwrap()
    }

    pub(crate) async fn config(&self, action: &str, below: &str, element: &str) -> Reply {
        let xpath = format!("{VSYS}{below}");
        self.send(&[("type", "config"), ("action", action), ("xpath", &xpath), ("element", element)]).await
    }

    /// A request about one node, wherever it stands.
    pub(crate) async fn at(&self, action: &str, xpath: &str, element: &str) -> Reply {
        self.send(&[("type", "config"), ("action", action), ("xpath", xpath), ("element", element)]).await
    }

    pub(crate) async fn multi(&self, operations: &str) -> Reply {
        let element = format!("<multi-config>{operations}</multi-config>");
        self.send(&[("type", "config"), ("action", "multi-config"), ("element", &element)]).await
    }

    pub(crate) async fn op(&self, cmd: &str) -> Reply {
        self.send(&[("type", "op"), ("cmd", cmd)]).await
    }

    pub(crate) async fn commit(&self, cmd: &str) -> Reply {
        self.send(&[("type", "commit"), ("cmd", cmd)]).await
    }

    /// Commits the named administrators' changes and waits for the job's end.
    pub(crate) async fn commit_of(&self, admins: &[&str]) -> Reply {
        let members: String = admins.iter().map(|admin| format!("<member>{admin}</member>")).collect();
        let reply =
            self.commit(&format!("<commit><partial><admin>{members}</admin></partial></commit>")).await;
        self.finished(&between(&reply.body, "<job>", "</job>")).await
    }

    pub(crate) async fn job(&self, id: &str) -> Reply {
        self.op(&format!("<show><jobs><id>{id}</id></jobs></show>")).await
    }

    pub(crate) async fn finished(&self, id: &str) -> Reply {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let reply = self.job(id).await;
            if reply.body.contains("<status>FIN</status>") {
                return reply;
            }
            assert!(Instant::now() < deadline, "job {id} does not end: {}", reply.body);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn policy_match(&self, app: &str, destination: &str, port: u16) -> Reply {
        self.op(&format!(
            "<test><security-policy-match><from>trust</from><to>trust</to><source>10.20.1.1</source>\
             <destination>{destination}</destination><destination-port>{port}</destination-port><protocol>6</protocol>\
             <application>{app}</application></security-policy-match></test>"
        ))
        .await
    }

    pub(crate) async fn control(&self, method: &str, path: &str, body: &str) -> Reply {
        let url = format!("http://{}{path}", self.control);
        let request =
            self.http.request(method.parse().unwrap(), url).header("content-type", "application/json");
        let response = request.body(body.to_owned()).send().await.unwrap();
        Reply { http: response.status().as_u16(), body: response.text().await.unwrap() }
    }
}

pub(crate) async fn start() -> (Running, Client) {
    start_with(options()).await
}

pub(crate) async fn start_with(options: Options) -> (Running, Client) {
    let running = Simulator::start(options).await.unwrap();
    let client = Client::login(&running, "sallyport", "s3cret").await;
    (running, client)
}

pub(crate) fn between(text: &str, from: &str, to: &str) -> String {
    let start = text.find(from).unwrap_or_else(|| panic!("{from} is not in {text}")) + from.len();
    let end = text[start..].find(to).unwrap_or_else(|| panic!("{to} is not in {text}"));
    text[start..start + end].to_owned()
}

/// The content of a custom App-ID for one SNI pattern.
pub(crate) fn app(pattern: &str) -> String {
    format!(
        "<category>business-systems</category><subcategory>general-business</subcategory>\
         <technology>client-server</technology><risk>1</risk><description>test</description><parent-app>ssl</parent-app>\
         <default><port><member>tcp/443</member></port></default><signature><entry name=\"sni\">\
         <scope>protocol-data-unit</scope><order-free>no</order-free><and-condition><entry name=\"a\"><or-condition>\
         <entry name=\"o\"><operator><pattern-match><pattern>{pattern}</pattern><context>ssl-req-chello-sni</context>\
         </pattern-match></operator></entry></or-condition></entry></and-condition></entry></signature>"
    )
}

/// The content of a rule from trust to trust.
pub(crate) fn rule(app: &str, action: &str) -> String {
    format!(
        "<from><member>trust</member></from><to><member>trust</member></to><source><member>any</member></source>\
         <destination><member>10.20.0.0/16</member></destination><application><member>{app}</member></application>\
         <service><member>service-https</member></service><action>{action}</action><tag><member>ours</member></tag>"
    )
}

/// One batch as automation sends it: tag, App-ID, rule, move.
pub(crate) fn batch(name: &str, pattern: &str, action: &str) -> String {
    format!(
        "<set id=\"1\" xpath=\"{VSYS}/tag/entry[@name='ours']\"><color>color1</color></set>\
         <set id=\"2\" xpath=\"{VSYS}/application/entry[@name='{name}']\">{app}</set>\
         <set id=\"3\" xpath=\"{VSYS}/rulebase/security/rules/entry[@name='{name}-rule']\">{rule}</set>\
         <move id=\"4\" xpath=\"{VSYS}/rulebase/security/rules/entry[@name='{name}-rule']\" where=\"before\" \
         dst=\"deny-east-west\"/>",
        app = app(pattern),
        rule = rule(name, action),
    )
}
