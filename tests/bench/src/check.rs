//! `sallyport check` on ten thousand Deployments, as files in a folder.

use std::{
    fmt::Write as _,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;

use crate::report::{Report, line, quantile};

const FILES: usize = 100;
const IN_EACH: usize = 100;
const ROUNDS: usize = 5;
/// How often the memory of a run is looked at; what counts is its own high-water mark.
const LOOK: Duration = Duration::from_millis(2);

/// From the start of the program to its end, and the most memory that it had.
pub(crate) async fn deployments(report: &mut Report) -> Result<()> {
    let count = FILES * IN_EACH;
    line(&format!("sallyport check on {count} Deployments"));
    let folder = ground::target()?.join("bench/manifests");
    write(&folder)?;
    let (mut rates, mut most) = (Vec::new(), 0.0_f64);
    for _ in 0..ROUNDS {
        let (took, rss) = run(&folder, count).await?;
        #[expect(clippy::cast_precision_loss, reason = "ten thousand")]
        rates.push(count as f64 / took.as_secs_f64());
        most = most.max(rss);
    }
    std::fs::remove_dir_all(&folder)?;
    rates.sort_by(f64::total_cmp);
    report.note("check.manifests_per_second", quantile(&rates, 0.5));
    report.note("check.rss_mib", most);
    Ok(())
}

fn write(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let policy = std::fs::read_to_string(example("identity-policy"))?;
    let namespace = std::fs::read_to_string(example("namespace"))?;
    std::fs::write(folder.join("0-setting.yaml"), format!("{policy}---\n{namespace}"))?;
    for file in 0..FILES {
        let mut text = String::new();
        for at in 0..IN_EACH {
            write!(text, "---\n{}", deployment(&format!("web-{file}-{at}")))?;
        }
        std::fs::write(folder.join(format!("{file}.yaml")), text)?;
    }
    Ok(())
}

fn example(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../manifests/examples/{name}.yaml"))
}

/// A Deployment of ordinary size, as a chart renders it.
fn deployment(name: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  namespace: shop\n  labels:\n    app.kubernetes.io/name: {name}\n    \
         app.kubernetes.io/instance: {name}\n    app.kubernetes.io/managed-by: Helm\nspec:\n  replicas: 3\n  selector:\n    matchLabels:\n      \
         app.kubernetes.io/name: {name}\n  template:\n    metadata:\n      labels:\n        app.kubernetes.io/name: {name}\n      annotations:\n        \
         checksum/config: 0a1b2c3d\n    spec:\n      serviceAccountName: default\n      securityContext:\n        runAsNonRoot: true\n      containers:\n      \
         - name: app\n        image: \"registry.example/{name}:1.4.2\"\n        imagePullPolicy: IfNotPresent\n        ports:\n        - name: https\n          \
         containerPort: 8443\n          protocol: TCP\n        env:\n        - name: MODE\n          value: production\n        - name: POD_IP\n          \
         valueFrom:\n            fieldRef:\n              fieldPath: status.podIP\n        livenessProbe:\n          httpGet:\n            path: /live\n            \
         port: https\n        readinessProbe:\n          httpGet:\n            path: /ready\n            port: https\n        resources:\n          requests:\n            \
         cpu: 100m\n            memory: 128Mi\n          limits:\n            memory: 256Mi\n        volumeMounts:\n        - name: config\n          \
         mountPath: /etc/app\n      volumes:\n      - name: config\n        configMap:\n          name: {name}\n"
    )
}

/// One run: how long it took, and its high-water mark in MiB.
async fn run(folder: &Path, count: usize) -> Result<(Duration, f64)> {
    let start = Instant::now();
    let mut child = Command::new(ground::built("sallyport")?)
        .arg("check")
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let id = child.id().context("it has ended")?;
    let mut pipe = child.stdout.take().context("no pipe")?;
    let mut told = Vec::new();
    let reading = tokio::io::AsyncReadExt::read_to_end(&mut pipe, &mut told);
    tokio::pin!(reading);
    let mut most = 0.0_f64;
    loop {
        tokio::select! {
            read = &mut reading => { read?; break; }
            () = tokio::time::sleep(LOOK) => most = most.max(high_water(id).unwrap_or_default()),
        }
    }
    let ended = child.wait().await?;
    let took = start.elapsed();
    let last = String::from_utf8_lossy(&told).lines().last().unwrap_or_default().to_owned();
    ensure!(ended.success() && last == format!("{count} workloads, 0 refused"), "{ended}: {last}");
    ensure!(most > 0.0, "the memory of a run could not be seen");
    Ok((took, most))
}

fn high_water(id: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let text = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    text.split_ascii_whitespace().next()?.parse::<f64>().ok().map(|kib| kib / 1024.0)
}
