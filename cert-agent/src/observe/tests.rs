//! What is wanted: cases of one namespace, from workloads and pods to identities and complaints.

mod actions;
mod audit;
mod cast;
mod forgeries;
mod lifetimes;
mod missed;
mod policies;

use std::sync::Arc;

use sallyport_contract::Reason;
use serde_json::json;

use super::{
    facts::Workload,
    wanted::{Plan, Scene, wanted},
};
use cast::{DEFAULT, book, deployment, names, reasons, scene, web};

#[test]
fn templates_give_identities_and_refusals() {
    let workloads = vec![
        web(json!({})),
        deployment("pay", "2027-01-01T00:00:00Z", json!({"sallyport.dev/san": "api.shop.corp.example"})),
        deployment("bad", "2027-01-01T00:00:00Z", json!({"sallyport.dev/san": "web.bill.corp.example"})),
    ];
    let plan = wanted(&scene(workloads.clone(), vec![], vec![]), &book(DEFAULT));
    assert_eq!(names(&plan), ["api.shop.corp.example", "web.shop.corp.example"]);
    assert_eq!(reasons(&plan), [("bad", Reason::NameRefused)]);
    let off = Scene { enabled: false, ..scene(workloads, vec![], vec![]) };
    assert_eq!(wanted(&off, &book(DEFAULT)), Plan::default());
}

#[test]
fn each_ordinal_of_a_stateful_set_may_have_its_own_name() {
    let object = json!({"metadata": {"name": "db", "namespace": "shop", "uid": "s"},
        "spec": {"replicas": 3, "serviceName": "db", "selector": {}, "template": {"spec": {"containers": []}}}});
    let set = Arc::new(Workload::stateful_set(&serde_json::from_value(object).unwrap()));
    let plan = wanted(&scene(vec![set], vec![], vec![]), &book("{pod}.shop.corp.example"));
    assert_eq!(names(&plan), ["db-0", "db-1", "db-2"].map(|pod| format!("{pod}.shop.corp.example")));
}
