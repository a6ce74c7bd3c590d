//! The process that asks: our issuer with nothing but the environment and the flags of the program. Each line of its input is a call,
//! each line of its output what came of it.

use std::{
    io::{BufRead as _, Write as _},
    process::ExitCode,
    sync::Arc,
};

use clap::Parser;
use sallyport_cert_agent::{
    args::Args,
    issuer::{
        Caller, Class, Described, Fetched, Issuer as _,
        aws_client::{Clients, Role, Way},
        aws_pca::{Arn, AwsPca},
        governor::{gate::Governor, rates::Rates},
    },
    key::PrivateKey,
    metrics::GovernorMetrics,
    request::{Limits, Request, Terms},
};
use sallyport_contract::{
    DnsNames,
    object::{AwsPrivateCa, KeyKind, Usage},
};
use sallyport_process::{args::LogFormat, clock::Clock, logs};

/// The variable with the CA to ask, in JSON as in a CertificateAuthority. Who has it is this process.
pub(crate) const WHOM: &str = "SALLYPORT_TEST_ASKS";

#[derive(clap::Parser)]
struct Program {
    #[command(flatten)]
    args: Args,
}

struct Asker {
    issuer: AwsPca,
    request: Option<Request>,
    ticket: Option<String>,
}

pub(crate) fn main() -> ExitCode {
    logs::init("trace", LogFormat::Text).unwrap();
    let args = Program::parse_from(["cert-agent", "--lease-holder", "this"]).args;
    let whom: AwsPrivateCa = serde_json::from_str(&std::env::var(WHOM).unwrap()).unwrap();
    let way = Way { ca_bundle: args.aws_ca_bundle, session_name: args.aws_session_name, ..Way::default() };
    let role = whom.role_arn.map(|arn| Role { arn, external_id: whom.external_id });
    let rates = Rates { issue: 100, get: 100, others: 100 };
    let governor = Governor::new(rates, "an account".to_owned(), GovernorMetrics::default());
    let arn = Arn::read(&whom.arn).unwrap();
    let issuer = AwsPca::new(Arc::new(Clients::new(way)), arn, role, None, Arc::new(governor));
    let mut asker = Asker { issuer, request: None, ticket: None };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for call in std::io::stdin().lock().lines() {
        let said = match runtime.block_on(asker.call(&call.unwrap())) {
            Ok(done) => done.to_owned(),
            Err(error) => format!("{error:?}"),
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", said.replace('\n', " ")).unwrap();
        out.flush().unwrap();
    }
    ExitCode::SUCCESS
}

impl Asker {
    async fn call(&mut self, call: &str) -> Result<&'static str, sallyport_cert_agent::issuer::IssueError> {
        let now = Clock::system().now();
        let caller =
            Caller { class: Class::New, namespace: "shop".to_owned(), name: "web".to_owned(), since: now };
        let described = self.issuer.describe().await;
        if call == "describe" {
            return described.map(|_| "described");
        }
        let described = described?;
        let request = self.request.get_or_insert_with(|| request(self.issuer.id(), &described));
        if call == "issue" {
            self.ticket = Some(self.issuer.issue(&caller, request, &described).await?);
            return Ok("issued");
        }
        let ticket = self.ticket.clone().unwrap();
        match self.issuer.fetch(&caller, request, &ticket).await? {
            Fetched::Pending => Ok("pending"),
            Fetched::Ready { .. } => Ok("fetched"),
        }
    }
}

fn request(issuer: &str, described: &Described) -> Request {
    let terms = Terms {
        authority: "corp".to_owned(),
        issuer: issuer.to_owned(),
        dns_names: DnsNames::new(["web.shop.corp.example".parse().unwrap()]).unwrap(),
        usages: vec![Usage::ServerAuth],
        lifetime: 24 * 3600,
        key: KeyKind::P256,
    };
    let limits = Limits { authority_ends: described.not_after, longest: described.longest };
    let key = PrivateKey::generate_for(KeyKind::P256).unwrap();
    Request::new(&key, &terms, limits, 1, Clock::system().now()).unwrap()
}
