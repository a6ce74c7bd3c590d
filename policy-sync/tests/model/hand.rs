//! The colleague's hand: what an administrator does on the device, as far as the device lets them.

use std::time::Duration;

use panos_sim::Running;
use serde_json::Value;

use super::support::{Colleague, VSYS};

/// A colleague and what they made.
pub(crate) struct Hand {
    colleague: Colleague,
    made: Vec<String>,
    count: usize,
}

/// A rule between other zones than ours.
const RULE: &str = "<from><member>untrust</member></from><to><member>trust</member></to><source><member>any</member></source><destination><member>any</member></destination><application><member>any</member></application><service><member>any</member></service><action>deny</action>";
const SIGNATURE: &str = "<category>business-systems</category><subcategory>general-business</subcategory><technology>client-server</technology><risk>1</risk><description>by hand</description><parent-app>ssl</parent-app><signature><entry name='s'><and-condition><entry name='a'><or-condition><entry name='o'><operator><pattern-match><pattern>PATTERN</pattern><context>ssl-req-chello-sni</context></pattern-match></operator></entry></or-condition></entry></and-condition></entry></signature>";

pub(crate) fn app_path(name: &str) -> String {
    format!("{VSYS}/application/entry[@name='{name}']")
}

pub(crate) fn rule_path(name: &str) -> String {
    format!("{VSYS}/rulebase/security/rules/entry[@name='{name}']")
}

impl Hand {
    pub(crate) async fn new(sim: &Running) -> Self {
        Self { colleague: Colleague::new(sim).await, made: Vec::new(), count: 0 }
    }

    fn name(&mut self, what: &str) -> String {
        self.count += 1;
        format!("{what}-{}", self.count)
    }

    async fn config(&self, action: &str, xpath: &str, element: &str) {
        let parameters = [("type", "config"), ("action", action), ("xpath", xpath), ("element", element)];
        self.colleague.attempt(&parameters).await;
    }

    /// Writes an address.
    pub(crate) async fn address(&mut self) {
        let path = format!("{VSYS}/address/entry[@name='{}']", self.name("address"));
        self.config("set", &path, "<ip-netmask>10.1.1.1</ip-netmask>").await;
    }

    /// Adds a rule.
    pub(crate) async fn rule(&mut self) {
        let path = rule_path(&self.name("theirs"));
        self.config("set", &path, RULE).await;
        self.made.push(path);
    }

    /// Adds an App-ID with this pattern.
    pub(crate) async fn app(&mut self, pattern: &str) {
        let path = app_path(&self.name("greedy"));
        self.config("set", &path, &SIGNATURE.replace("PATTERN", pattern)).await;
        self.made.push(path);
    }

    /// Clones an entry of ours beside it, under a name that looks like it.
    pub(crate) async fn clone_of(&mut self, path: &str) {
        let (list, name) = path.rsplit_once("/entry[@name='").unwrap();
        let clone = self.name(name.trim_end_matches("']"));
        let parameters =
            [("type", "config"), ("action", "clone"), ("xpath", list), ("from", path), ("newname", &clone)];
        self.colleague.attempt(&parameters).await;
        self.made.push(format!("{list}/entry[@name='{clone}']"));
    }

    /// Moves a rule.
    pub(crate) async fn place(&self, rule: &str, place: &str) {
        let path = rule_path(rule);
        let parameters = [("type", "config"), ("action", "move"), ("xpath", &path), ("where", place)];
        self.colleague.attempt(&parameters).await;
    }

    /// Writes into an entry.
    pub(crate) async fn edit(&self, path: &str, element: &str) {
        self.config("set", path, element).await;
    }

    pub(crate) async fn delete(&self, path: &str) {
        self.config("delete", path, "").await;
    }

    /// Deletes the last thing that they made.
    pub(crate) async fn delete_last(&mut self) {
        if let Some(path) = self.made.pop() {
            self.delete(&path).await;
        }
    }

    /// Takes back what is pending of theirs.
    pub(crate) async fn revert(&self) {
        let cmd =
            "<revert><config><partial><admin><member>admin</member></admin></partial></config></revert>";
        self.colleague.attempt(&[("type", "op"), ("cmd", cmd)]).await;
    }

    /// Takes or releases a lock.
    pub(crate) async fn lock(&self, lock: &str, what: &str) {
        let cmd = format!("<request><{lock}><{what}/></{lock}></request>");
        self.colleague.attempt(&[("type", "op"), ("cmd", &cmd)]).await;
    }

    /// Jobs and pending changes.
    pub(crate) async fn state(&self, sim: &Running) -> Value {
        self.colleague.state(sim).await
    }

    /// A commit of everything, until its job has ended. A job that is planted never to end ends with its fault.
    pub(crate) async fn commit(&self, sim: &Running) {
        self.colleague.attempt(&[("type", "commit"), ("cmd", "<commit/>")]).await;
        for tries in 0.. {
            let state = self.colleague.state(sim).await;
            let runs = |job: &Value| job["user"] == "admin" && job["status"] != "FIN";
            if !state["jobs"].as_array().unwrap().iter().any(runs) {
                return;
            }
            if tries == 20 {
                sim.clear_faults();
            }
            assert!(tries < 2000, "the colleague's commit does not end: {state}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Takes away all that could hold us back, and commits the rest. `theirs`: App-IDs and rules that were not there at
    /// first, by their paths; `behind`: rules of ours that stand behind the anchor, which go back before it.
    pub(crate) async fn tidy_up(&mut self, sim: &Running, theirs: &[String], behind: &[String]) {
        for lock in ["config-lock", "commit-lock"] {
            self.lock(lock, "remove").await;
        }
        self.revert().await;
        // Rules go before the App-IDs that they name.
        for path in theirs.iter().rev() {
            self.delete(path).await;
        }
        for rule in behind {
            self.place(rule, "top").await;
        }
        self.made.clear();
        self.commit(sim).await;
    }
}
