//! The flow of one review: judge with the caches, and where they must be behind, look again once.

use crate::{
    decide::Case,
    facts::{Facts, Gap, Known},
    judge::{self, Judged},
    review::{Entry, Review, ReviewError},
};

/// Judges one review. Without a gap in the caches it never waits.
///
/// # Errors
/// The body is not a review.
pub async fn admit(entry: Entry, body: &[u8], facts: &dyn Facts) -> Result<Judged, ReviewError> {
    let review = Review::read(body)?;
    let case = match Case::of(entry, &review) {
        Ok(Some(case)) => case,
        Ok(None) => return Ok(judge::untouched(review.uid)),
        Err(refusal) => return Ok(judge::malformed(review.uid, refusal)),
    };
    let known = facts.snapshot().of(&review.namespace);
    Ok(match fill(known, &review.namespace, facts).await {
        Ok(known) => judge::rule(review, &case, &known),
        Err(why) => judge::cannot_judge(review.uid, &case, &why),
    })
}

/// At most one read of the namespace and one of the policies.
async fn fill(mut known: Known, namespace: &str, facts: &dyn Facts) -> Result<Known, String> {
    if known.gap(namespace) == Some(Gap::Namespace) {
        let labels = facts.read_namespace(namespace).await.map_err(|error| error.to_string())?;
        let gone = || format!("the API server says that namespace {namespace} does not exist");
        known.labels = Some(labels.ok_or_else(gone)?);
    }
    if known.gap(namespace) == Some(Gap::Policies) {
        known.policies = facts.read_policies().await.map_err(|error| error.to_string())?;
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use futures::{FutureExt as _, future::BoxFuture};
    use sallyport_contract::policy::PolicyBook;
    use serde_json::json;

    use super::*;
    use crate::{
        facts::{Labels, ReadError, Snapshot},
        judge::Outcome,
        review::Ruling,
    };

    /// Caches that are empty or full, before an API server that answers or does not.
    struct Twin {
        cached: Snapshot,
        namespace: Result<Option<Arc<Labels>>, ReadError>,
        policies: Result<Arc<PolicyBook>, ReadError>,
        reads: AtomicUsize,
    }

    impl Facts for Twin {
        fn snapshot(&self) -> Snapshot {
            self.cached.clone()
        }
        fn read_namespace(&self, _: &str) -> BoxFuture<'_, Result<Option<Arc<Labels>>, ReadError>> {
            self.reads.fetch_add(1, Ordering::SeqCst);
            std::future::ready(self.namespace.clone()).boxed()
        }
        fn read_policies(&self) -> BoxFuture<'_, Result<Arc<PolicyBook>, ReadError>> {
            self.reads.fetch_add(1, Ordering::SeqCst);
            std::future::ready(self.policies.clone()).boxed()
        }
    }

    fn labels(inject: &str) -> Arc<Labels> {
        Arc::new(Labels::from([("sallyport.dev/inject".to_owned(), inject.to_owned())]))
    }

    fn policies() -> Arc<PolicyBook> {
        let side = json!({"zones": ["trust"], "addresses": ["any"]});
        let policy = serde_json::from_value(json!({"apiVersion": "sallyport.dev/v1alpha1", "kind": "IdentityPolicy",
            "metadata": {"name": "shop"}, "spec": {"namespaces": ["shop"],
            "dnsNames": {"default": "{workload}.shop.example"}, "firewall": "edge", "certificate": {"authority": "ca"},
            "traffic": {"actions": ["Allow"], "default": "Allow", "from": side, "to": side, "ports": [443]}}}))
        .unwrap();
        Arc::new(PolicyBook::new([&policy]))
    }

    fn twin(cached: &str) -> Twin {
        let namespaces = if cached == "nothing" { vec![] } else { vec![("shop".to_owned(), labels(cached))] };
        let cached = Snapshot {
            namespaces: Arc::new(namespaces.into_iter().collect()),
            policies: policies(),
            pod_certificates: true,
        };
        Twin {
            cached,
            namespace: Ok(Some(labels("enabled"))),
            policies: Ok(policies()),
            reads: AtomicUsize::new(0),
        }
    }

    async fn run(entry: Entry, kind: &str, group: &str, facts: &Twin) -> (Judged, usize) {
        let pod = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web"}]}});
        let object =
            json!({"metadata": {"name": "web"}, "spec": {"containers": [{"name": "web"}], "template": pod}});
        let body = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "u",
            "kind": {"group": group, "version": "v1", "kind": kind}, "operation": "CREATE", "namespace": "shop", "object": object}});
        let judged = admit(entry, body.to_string().as_bytes(), facts).await.unwrap();
        (judged, facts.reads.load(Ordering::SeqCst))
    }

    async fn run_pod(facts: &Twin) -> (Outcome, usize) {
        let (judged, reads) = run(Entry::Pods, "Pod", "", facts).await;
        (judged.outcome, reads)
    }

    #[tokio::test]
    async fn law_3_the_hot_path_reads_nothing() {
        assert_eq!(run_pod(&twin("enabled")).await, (Outcome::Granted, 0));
    }

    #[tokio::test]
    async fn a_namespace_that_the_cache_misses_is_read_once() {
        assert_eq!(run_pod(&twin("nothing")).await, (Outcome::Granted, 1));
        assert_eq!(run_pod(&twin("disabled")).await, (Outcome::Granted, 1));
        let unlabelled = Twin { namespace: Ok(Some(Arc::default())), ..twin("nothing") };
        assert_eq!(run_pod(&unlabelled).await, (Outcome::Untouched, 1));
        let gone = Twin { namespace: Ok(None), ..twin("nothing") };
        assert_eq!(run_pod(&gone).await, (Outcome::CannotJudge, 1));
    }

    #[tokio::test]
    async fn a_policy_that_the_cache_misses_is_read_once() {
        let empty = || Snapshot { policies: Arc::default(), ..twin("enabled").cached };
        assert_eq!(run_pod(&Twin { cached: empty(), ..twin("enabled") }).await, (Outcome::Granted, 1));
        let nobody = Twin { cached: empty(), policies: Ok(Arc::default()), ..twin("enabled") };
        assert_eq!(run_pod(&nobody).await, (Outcome::Refused, 1));
        let both = Twin { cached: Snapshot::default(), ..twin("enabled") };
        assert_eq!(run_pod(&both).await, (Outcome::Granted, 2));
    }

    #[tokio::test]
    async fn without_an_answer_pods_stay_out_and_workloads_come_in() {
        let away = || Twin { namespace: Err(ReadError::Late), ..twin("nothing") };
        let (pod, _) = run(Entry::Pods, "Pod", "", &away()).await;
        let Ruling::Denied { code, message, .. } = &pod.answer.ruling else { panic!("{pod:?}") };
        assert_eq!((*code, pod.outcome), (503, Outcome::CannotJudge));
        assert!(
            message
                .starts_with("cannot judge: the API server gave no answer in time\n  where: Pod shop/web\n")
        );
        let (web, _) = run(Entry::Workloads, "Deployment", "apps", &away()).await;
        assert_eq!((web.outcome, web.answer.warnings.len()), (Outcome::CannotJudge, 1), "{web:?}");
        assert!(matches!(&web.answer.ruling, Ruling::Allowed(patch) if patch.is_empty()));
    }
}
