//! What runs goes on while kubelet, containerd or Sallyport's own programs are away, and what comes then is served too.

use anyhow::{Result, ensure};
use ground::team::TeamOptions;
use node::NodeGround;

use crate::{
    run::{Test, alone},
    scene::Scene,
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        alone("restarts::kubelet_and_containerd_come_back_and_what_runs_loses_no_call", |g| {
            Box::pin(of_the_node(g))
        }),
        alone("restarts::our_programs_roll_while_pods_come_and_none_is_refused", |g| {
            Box::pin(of_programs(g))
        }),
    ]
}

async fn of_the_node(ground: &NodeGround) -> Result<String> {
    let scene = Scene::ready(ground, "restarts", TeamOptions::default(), 1).await?;
    let before = scene.uids().await?;
    let gate = gates(&scene).await?;
    // The pod itself is called, for a kubelet that comes back says of its pods that they are not ready until it has
    // probed them anew, and so Kubernetes may leave the Service without endpoints for a moment.
    let calls = scene
        .without_loss_at(scene.pod_address().await?, async {
            ground.node.restart_containerd().await?;
            ground.node.restart_kubelet().await?;
            ground.node.ready(&ground.cluster).await?;
            scene.apply(2).await?;
            scene.team.ready("web", 2).await.map(drop)
        })
        .await?;
    let after = scene.uids().await?;
    ensure!(before.iter().all(|uid| after.contains(uid)), "the pod that ran is gone");
    let now = gates(&scene).await?;
    ensure!(
        gate.iter().all(|opened| now.contains(opened)),
        "a gate was touched: {gate:?} before, {now:?} now"
    );
    scene.answers().await?;
    Ok(format!("one pod went on, a second came after the restarts; {calls} calls meanwhile, none lost"))
}

/// Since when the gate of each pod of `web` is as it is.
async fn gates(scene: &Scene<'_>) -> Result<Vec<String>> {
    let pods = scene.team.pods("web").await?;
    let conditions = pods.iter().filter_map(|pod| pod["status"]["conditions"].as_array()).flatten();
    let gates = conditions.filter(|condition| condition["type"] == sallyport_contract::keys::GATE);
    Ok(gates.map(|gate| format!("{} since {}", gate["status"], gate["lastTransitionTime"])).collect())
}

async fn of_programs(ground: &NodeGround) -> Result<String> {
    let scene = Scene::ready(ground, "programs", TeamOptions::default(), 1).await?;
    let kubectl = &ground.cluster.kubectl;
    let begun = std::time::Instant::now();
    let rolled = async {
        kubectl.run(&["rollout", "restart", "deployment", "-n", "sallyport-system"]).await?;
        for program in ["webhook", "cert-agent", "policy-sync"] {
            let deployment = format!("deployment/sallyport-{program}");
            let args = ["rollout", "status", &deployment, "-n", "sallyport-system", "--timeout=120s"];
            kubectl.run(&args).await?;
        }
        anyhow::Ok(())
    };
    let mut made = 0;
    let making = async {
        loop {
            // A bare pod asks the webhook straight: nobody tries again for it.
            let pod = serde_json::json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "bare-", "namespace": "programs"},
                "spec": {"containers": [{"name": "main", "image": node::settings::POD_IMAGE}]}});
            kubectl
                .attempt(&["create", "--dry-run=server", "-f", "-"], Some(&pod.to_string()))
                .await
                .and_then(|done| {
                    ensure!(done.ok, "a pod was refused while the programs rolled: {}", done.stderr);
                    Ok(())
                })?;
            made += 1;
        }
        #[expect(unreachable_code, reason = "tells the type")]
        anyhow::Ok(())
    };
    tokio::select! {
        done = rolled => done?,
        done = making => done?,
    }
    let took = begun.elapsed().as_secs_f64();
    scene.apply(2).await?;
    scene.team.ready("web", 2).await?;
    scene.answers().await?;
    Ok(format!("all programs were replaced in {took:.1} s; {made} pods were judged meanwhile, none refused"))
}
