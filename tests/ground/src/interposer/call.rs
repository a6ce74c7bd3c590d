//! What a call is called: the same name for every call that does the same, whoever it is about.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::{Method, header, http::request::Parts};
use serde_json::Value;
use x509_parser::{certification_request::X509CertificationRequest, prelude::FromDer as _};

/// What the proxy stands before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FarSide {
    /// The Kubernetes API server.
    ApiServer,
    /// AWS Private CA.
    Authority,
    /// A PAN-OS firewall.
    Firewall,
    /// Our own webhook, called by the API server.
    Webhook,
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What it does.
    pub name: String,
    /// Its path and body: what it is about.
    pub subject: String,
}

impl FarSide {
    /// Names a call.
    pub(super) fn name(self, head: &Parts, body: &[u8]) -> Call {
        let path = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
        let text = String::from_utf8_lossy(body).into_owned();
        match self {
            Self::ApiServer => Call { name: kubernetes(head), subject: format!("{path}\n{text}") },
            Self::Authority => {
                let target = header_of(head, "x-amz-target");
                let name = target.rsplit('.').next().unwrap_or(target).to_owned();
                Call { name, subject: format!("{text}\n{}", names_asked_for(body)) }
            }
            Self::Firewall => {
                let parameters = parameters(&text);
                let subject: Vec<String> = parameters.iter().map(|(k, v)| format!("{k}={v}")).collect();
                Call { name: panos(&parameters), subject: subject.join("\n") }
            }
            Self::Webhook => {
                Call { name: format!("review {}", reviewed(body)), subject: format!("{path}\n{text}") }
            }
        }
    }
}

fn header_of<'h>(head: &'h Parts, name: &str) -> &'h str {
    head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// `apply workloadidentities/status`: verb, resource, subresource.
fn kubernetes(head: &Parts) -> String {
    let path: Vec<&str> = head.uri.path().split('/').filter(|part| !part.is_empty()).collect();
    let rest = match path.as_slice() {
        ["api", _, rest @ ..] | ["apis", _, _, rest @ ..] => rest,
        _ => return format!("{} {}", head.method, head.uri.path()),
    };
    let (resource, name, subresource) = match rest {
        ["namespaces", _, resource, rest @ ..] => (*resource, rest.first(), rest.get(1)),
        [resource, rest @ ..] => (*resource, rest.first(), rest.get(1)),
        [] => ("", None, None),
    };
    let watch = head.uri.query().is_some_and(|query| query.contains("watch=true"));
    let applies = header_of(head, header::CONTENT_TYPE.as_str()).contains("apply-patch");
    let verb = match (&head.method, name) {
        (&Method::POST, _) => "create",
        (&Method::PUT, _) => "replace",
        (&Method::PATCH, _) if applies => "apply",
        (&Method::PATCH, _) => "patch",
        (&Method::DELETE, _) => "delete",
        (_, _) if watch => "watch",
        (_, Some(_)) => "get",
        (_, None) => "list",
    };
    let subresource = subresource.map(|subresource| format!("/{subresource}")).unwrap_or_default();
    format!("{verb} {resource}{subresource}")
}

/// The fields of a form.
fn parameters(form: &str) -> Vec<(String, String)> {
    let url = reqwest::Url::parse(&format!("https://firewall/?{form}"));
    url.map(|url| url.query_pairs().into_owned().collect()).unwrap_or_default()
}

/// `config show rules`, `op security-policy-match`, `commit`: type, action, and the last word that tells
/// one call from another.
fn panos(parameters: &[(String, String)]) -> String {
    let of = |key: &str| parameters.iter().find(|(k, _)| k == key).map_or("", |(_, value)| value.as_str());
    match of("type") {
        "config" => {
            let place = of("xpath").rsplit('/').next().unwrap_or_default();
            let shared = if of("xpath").contains("/shared/") { "shared " } else { "" };
            format!("config {} {shared}{place}", of("action")).trim_end().to_owned()
        }
        "op" => {
            format!("op {}", of("cmd").split(['<', '>', '/']).filter(|w| !w.is_empty()).nth(1).unwrap_or(""))
        }
        other => other.to_owned(),
    }
}

/// The DNS names of the certificate request in a body, so that it can be told whose it is.
fn names_asked_for(body: &[u8]) -> String {
    let read = || -> Option<String> {
        let json: Value = serde_json::from_slice(body).ok()?;
        let pem = STANDARD.decode(json["Csr"].as_str()?).ok()?;
        let (_, pem) = x509_parser::pem::parse_x509_pem(&pem).ok()?;
        let (_, request) = X509CertificationRequest::from_der(&pem.contents).ok()?;
        Some(format!("{:?}", request.requested_extensions()?.collect::<Vec<_>>()))
    };
    read().unwrap_or_default()
}

/// The resource that is reviewed.
fn reviewed(body: &[u8]) -> String {
    let review: Value = serde_json::from_slice(body).unwrap_or_default();
    review["request"]["resource"]["resource"].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn name(far: FarSide, method: &str, path: &str, more: (&str, &str), body: &str) -> String {
        let request = Request::builder().method(method).uri(path).header(more.0, more.1);
        let (head, ()) = request.body(()).unwrap().into_parts();
        far.name(&head, body.as_bytes()).name
    }

    #[test]
    fn calls_to_the_api_server_are_verb_and_resource() {
        for (method, path, kind, expected) in [
            ("GET", "/api/v1/pods?watch=true&x=1", "", "watch pods"),
            ("GET", "/api/v1/namespaces", "", "list namespaces"),
            ("GET", "/api/v1/namespaces/shop", "", "get namespaces"),
            ("GET", "/api/v1/namespaces/shop/secrets/web-tls", "", "get secrets"),
            ("POST", "/apis/sallyport.dev/v1alpha1/nameclaims", "", "create nameclaims"),
            ("PUT", "/api/v1/namespaces/shop/secrets/web-tls", "", "replace secrets"),
            ("PATCH", "/api/v1/namespaces/shop/pods/web/status", "", "patch pods/status"),
            (
                "PATCH",
                "/apis/sallyport.dev/v1alpha1/firewalls/edge/status",
                "application/apply-patch+yaml",
                "apply firewalls/status",
            ),
            ("GET", "/version", "", "GET /version"),
        ] {
            assert_eq!(name(FarSide::ApiServer, method, path, ("content-type", kind), ""), expected);
        }
    }

    #[test]
    fn calls_to_a_firewall_are_type_action_and_place() {
        for (form, expected) in [
            ("type=keygen&user=a&password=b", "keygen"),
            ("type=config&action=get&xpath=%2Fconfig%2Fdevices%2Fapplication", "config get application"),
            ("type=config&action=show&xpath=/config/shared/application", "config show shared application"),
            (
                "type=config&action=multi-config&element=%3Cmulti-configure-request%2F%3E",
                "config multi-config",
            ),
            ("type=op&cmd=<show><system><info/></system></show>", "op system"),
            (
                "type=op&cmd=<test><security-policy-match></security-policy-match></test>",
                "op security-policy-match",
            ),
            ("type=commit&cmd=<commit></commit>", "commit"),
        ] {
            assert_eq!(name(FarSide::Firewall, "POST", "/api/", ("x", "y"), form), expected);
        }
    }

    #[test]
    fn calls_to_the_authority_are_operations() {
        let target = ("x-amz-target", "ACMPrivateCA.IssueCertificate");
        assert_eq!(name(FarSide::Authority, "POST", "/", target, "{}"), "IssueCertificate");
    }
}
