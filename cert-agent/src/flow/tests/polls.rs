//! When the authority is asked what came of a ticket: at our own times, whatever happens to the identity meanwhile.

use std::time::Duration;

use serde_json::json;

use super::{
    authority::Script,
    stage::{Stage, WEB},
};
use crate::issuer::Fetched;

const MOMENT: Duration = Duration::from_millis(10);

#[tokio::test(start_paused = true)]
async fn what_happens_to_an_identity_brings_no_poll_forward() {
    let stage = Stage::scripted(Script { fetch: vec![Ok(Fetched::Pending)], ..Script::default() }).await;
    stage.deployment(WEB, json!({}));
    while stage.script.asked().is_empty() {
        stage.pass_in_steps(MOMENT, MOMENT).await;
    }
    for (polls, action) in [(0, "deny"), (1, "allow")] {
        // Its spec is written anew, and the watch tells of that.
        stage.deployment(WEB, json!({"sallyport.dev/action": action}));
        stage.pass_in_steps(8 * MOMENT, MOMENT).await;
        assert_eq!(stage.identity(WEB).spec.action.as_str(), action);
        assert_eq!(stage.script.fetched(), polls, "the authority needs its time");
        while stage.script.fetched() == polls {
            stage.pass_in_steps(MOMENT, MOMENT).await;
        }
    }
    stage.is_whole(1, "after two polls").await;
}
