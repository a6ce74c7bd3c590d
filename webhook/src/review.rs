//! What the API server asks and what it is answered: `AdmissionReview` v1, the object kept raw.
//!
//! <https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#webhook-request-and-response>

use k8s_openapi::ByteString;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::patch::Patch;

/// Longest review that is read, in bytes. The API server takes objects of 3 MiB at most.
pub const SIZE_LIMIT: usize = 3 * 1024 * 1024;

const API_VERSION: &str = "admission.k8s.io/v1";
const KIND: &str = "AdmissionReview";

/// Which of the two webhook entries was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entry {
    /// Pods; a failure here keeps the pod out.
    Pods,
    /// Deployments and the like; a failure here lets the workload in, its pods are judged again.
    Workloads,
}

/// What is done to the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operation {
    /// It is new.
    Create,
    /// It is changed.
    Update,
    /// Anything that Sallyport does not judge: `DELETE`, `CONNECT` and what may come.
    #[serde(other)]
    Other,
}

/// Group, version and kind of the object.
#[derive(Clone, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct ObjectKind {
    /// Empty for the core group.
    pub group: String,
    /// `v1`.
    pub version: String,
    /// `Pod`, `Deployment` and so on.
    pub kind: String,
}

/// One request of the API server. A dry run is judged like any other, so it is not told apart.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Review {
    /// Echoed in the answer.
    pub uid: String,
    /// What the object is.
    pub kind: ObjectKind,
    /// `status`, `scale` and the like; empty for the object itself.
    #[serde(default)]
    pub sub_resource: String,
    /// The object's namespace.
    #[serde(default)]
    pub namespace: String,
    /// The object's name; empty while it is to be generated.
    #[serde(default)]
    pub name: String,
    /// What is done.
    pub operation: Operation,
    /// The object as it is to be stored.
    #[serde(default)]
    pub object: Value,
    /// The object as it is stored, for changes.
    #[serde(default)]
    pub old_object: Value,
}

/// Why a body is not an `AdmissionReview`. Answered as an HTTP status, since nobody knows the `uid`.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// More bytes than [`SIZE_LIMIT`].
    #[error("the review has more than {SIZE_LIMIT} bytes; an object of that size is not judged")]
    TooLarge,
    /// No bytes.
    #[error("the request has no body; an {KIND} of {API_VERSION} is expected")]
    Empty,
    /// A version that is not spoken here.
    #[error(
        "the body is a {kind:?} of {version:?}; only {KIND} of {API_VERSION} is spoken here \
         (admissionReviewVersions: [v1])"
    )]
    Version {
        /// `apiVersion`, cut.
        version: String,
        /// `kind`, cut.
        kind: String,
    },
    /// Not JSON, or not of the right shape.
    #[error("the body is not an {KIND} of {API_VERSION}: {0}")]
    Shape(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    request: Option<Review>,
}

/// Read only when [`Wire`] cannot be: another version may have another shape.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
}

impl Review {
    /// Reads a request's body.
    ///
    /// # Errors
    /// The body is too large, empty, of another version or of another shape.
    pub fn read(body: &[u8]) -> Result<Self, ReviewError> {
        if body.len() > SIZE_LIMIT {
            return Err(ReviewError::TooLarge);
        }
        if body.iter().all(u8::is_ascii_whitespace) {
            return Err(ReviewError::Empty);
        }
        let wire: Wire = serde_json::from_slice(body).map_err(|error| {
            let head = serde_json::from_slice(body)
                .ok()
                .and_then(|head: Head| version(head.api_version, head.kind).err());
            head.unwrap_or_else(|| ReviewError::Shape(error.to_string()))
        })?;
        version(wire.api_version, wire.kind)?;
        let review = wire.request.ok_or_else(|| ReviewError::Shape("it has no request".to_owned()))?;
        if review.uid.is_empty() {
            return Err(ReviewError::Shape("its request has no uid".to_owned()));
        }
        Ok(review)
    }
}

fn version(version: String, kind: String) -> Result<(), ReviewError> {
    const SHOWN: usize = 60;
    if version == API_VERSION && kind == KIND {
        return Ok(());
    }
    let cut = |text: String| text.chars().take(SHOWN).collect();
    Err(ReviewError::Version { version: cut(version), kind: cut(kind) })
}

/// The answer to one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The request's `uid`.
    pub uid: String,
    /// Whether the object is let in, and how.
    pub ruling: Ruling,
    /// Shown to the person who asked.
    pub warnings: Vec<String>,
}

/// Whether the object is let in.
#[derive(Clone, Debug, PartialEq)]
pub enum Ruling {
    /// Let in, with these changes; most often none.
    Allowed(Patch),
    /// Kept out.
    Denied {
        /// The HTTP status that the person's client sees.
        code: u16,
        /// The code of the closed list, or Kubernetes' own word where nothing could be judged.
        reason: &'static str,
        /// The whole refusal.
        message: String,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireAnswer<'a> {
    api_version: &'static str,
    kind: &'static str,
    response: WireResponse<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireResponse<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<WireStatus<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<ByteString>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct WireStatus<'a> {
    status: &'static str,
    code: u16,
    reason: &'a str,
    message: &'a str,
}

impl Answer {
    /// The answer as the API server reads it.
    ///
    /// # Errors
    /// None that is known: everything in it can be written as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut response = WireResponse {
            uid: &self.uid,
            allowed: false,
            status: None,
            patch_type: None,
            patch: None,
            warnings: self.warnings.iter().map(|text| one_line(text)).collect(),
        };
        match &self.ruling {
            Ruling::Allowed(patch) => {
                response.allowed = true;
                if !patch.is_empty() {
                    response.patch_type = Some("JSONPatch");
                    response.patch = Some(ByteString(serde_json::to_vec(patch)?));
                }
            }
            Ruling::Denied { code, reason, message } => {
                response.status = Some(WireStatus { status: "Failure", code: *code, reason, message });
            }
        }
        serde_json::to_vec(&WireAnswer { api_version: API_VERSION, kind: KIND, response })
    }
}

/// A warning goes into an HTTP header, where the API server allows 256 characters on one line.
fn one_line(text: &str) -> String {
    const LIMIT: usize = 256;
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    if text.chars().count() <= LIMIT {
        return plain.collect();
    }
    plain.take(LIMIT - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(version: &str, request: Value) -> Vec<u8> {
        json!({"apiVersion": version, "kind": KIND, "request": request}).to_string().into_bytes()
    }

    fn request() -> Value {
        json!({"uid": "u-1", "kind": {"group": "", "version": "v1", "kind": "Pod"}, "operation": "CREATE",
            "namespace": "shop", "dryRun": true, "object": {"metadata": null}, "oldObject": null, "later": 1})
    }

    #[test]
    fn reads_what_it_needs_and_ignores_the_rest() {
        let review = Review::read(&body(API_VERSION, request())).unwrap();
        assert_eq!((review.uid.as_str(), review.operation), ("u-1", Operation::Create));
        assert_eq!((review.name.as_str(), review.sub_resource.as_str()), ("", ""));
        let mut other = request();
        other["operation"] = json!("CONNECT");
        assert_eq!(Review::read(&body(API_VERSION, other)).unwrap().operation, Operation::Other);
    }

    #[test]
    fn law_13_bad_bodies_are_told_apart() {
        let deep = "[".repeat(100_000);
        for (body, says) in [
            (Vec::new(), "no body"),
            (b" \n".to_vec(), "no body"),
            (b"{".to_vec(), "not an AdmissionReview of admission.k8s.io/v1: EOF"),
            (b"\xff\xfe".to_vec(), "not an AdmissionReview"),
            (deep.into_bytes(), "not an AdmissionReview"),
            (b"[]".to_vec(), "only AdmissionReview of admission.k8s.io/v1 is spoken here"),
            (body(API_VERSION, Value::Null), "has no request"),
            (body(API_VERSION, json!({"uid": ""})), "missing field"),
            (body("admission.k8s.io/v1beta1", request()), "\"admission.k8s.io/v1beta1\""),
            (body("admission.k8s.io/v2", json!({"shape": "new"})), "\"admission.k8s.io/v2\""),
            (vec![b' '; SIZE_LIMIT + 1], "more than 3145728 bytes"),
        ] {
            let error = Review::read(&body).unwrap_err().to_string();
            assert!(error.contains(says), "{error} does not say {says}");
        }
    }

    #[test]
    fn answers_in_the_wire_form() {
        let denied = Answer {
            uid: "u".into(),
            ruling: Ruling::Denied { code: 403, reason: "NameRefused", message: "no".into() },
            warnings: vec![format!("a\nb{}", "x".repeat(300))],
        };
        let wire: Value = serde_json::from_slice(&denied.to_json().unwrap()).unwrap();
        assert_eq!(wire["response"]["status"]["code"], 403);
        assert_eq!(wire["response"].get("patch"), None);
        let warning = wire["response"]["warnings"][0].as_str().unwrap();
        assert!(warning.starts_with("a bx") && warning.chars().count() == 256, "{warning}");
        let allowed = Answer { uid: "u".into(), ruling: Ruling::Allowed(Patch::default()), warnings: vec![] };
        let wire: Value = serde_json::from_slice(&allowed.to_json().unwrap()).unwrap();
        assert_eq!(wire["response"], json!({"uid": "u", "allowed": true}));
    }
}
