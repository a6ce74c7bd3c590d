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
        alone("restarts::kubelet_and_containerd_come_back_and_no_call_is_lost", |g| Box::pin(of_the_node(g))),
        alone("restarts::our_programs_roll_while_pods_come_and_none_is_refused", |g| {
            Box::pin(of_programs(g))
        }),
    ]
}

async fn of_the_node(ground: &NodeGround) -> Result<String> {
    let scene = Scene::ready(ground, "restarts", TeamOptions::default(), 1).await?;
    let before = scene.uids().await?;
    let calls = scene
        .without_loss(async {
            ground.node.restart_containerd().await?;
            ground.node.restart_kubelet().await?;
            ground.node.ready(&ground.cluster).await?;
            scene.apply(2).await?;
            scene.team.ready("web", 2).await.map(drop)
        })
        .await?;
    let after = scene.uids().await?;
    ensure!(before.iter().all(|uid| after.contains(uid)), "the pod that ran is gone");
    Ok(format!("one pod went on, a second came after the restarts; {calls} calls meanwhile, none lost"))
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
