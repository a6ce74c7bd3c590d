//! The ready-made steps for pipelines: their very lines are run, on manifests with a mistake and on ones without.
#![cfg(test)]

mod support;

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Output,
};

use serde_json::{Value, json};
use support::{api::Api, err, out};
use tempfile::TempDir;
use tokio::process::Command;

/// A file of `docs/ci`, or another of the repository.
fn step(path: &str) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    serde_saphyr::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// A team's repository: the policy of the example, and a workload whose name stands on line 10.
struct Checkout(TempDir);

const MISTAKE: &str = "web.billing.corp.example";
const LINE: u64 = 10;

impl Checkout {
    fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("platform/policies")).unwrap();
        fs::create_dir_all(root.join("k8s")).unwrap();
        fs::create_dir_all(root.join("bin")).unwrap();
        symlink(env!("CARGO_BIN_EXE_sallyport"), root.join("bin/sallyport")).unwrap();
        for (file, text) in [
            ("policy", include_str!("../../manifests/examples/identity-policy.yaml")),
            ("namespace", include_str!("../../manifests/examples/namespace.yaml")),
        ] {
            fs::write(root.join(format!("platform/policies/{file}.yaml")), text).unwrap();
        }
        let web = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop}}\nspec:\n  selector: {{matchLabels: \
             {{app: web}}}}\n  template:\n    metadata:\n      labels: {{app: web}}\n      annotations:\n        sallyport.dev/san: \
             {name}\n    spec: {{containers: [{{name: web, image: nginx}}]}}\n"
        );
        fs::write(root.join("k8s/web.yaml"), web).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs lines of shell as a pipeline does: stopped by the first that fails.
    async fn shell(&self, options: &str, lines: &str, environment: &[(String, String)]) -> Output {
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", options, "-o", "pipefail", "-c", lines]);
        let environment = environment.iter().map(|(name, value)| (name, value));
        command
            .current_dir(self.0.path())
            .env("PATH", path)
            .env("KUBECONFIG", "/nonexistent")
            .envs(environment);
        command.output().await.unwrap()
    }
}

/// With the mistake, and without.
fn both() -> [(Checkout, bool); 2] {
    [(Checkout::new(MISTAKE), true), (Checkout::new("web.shop.corp.example"), false)]
}

/// The steps of the action, each with its environment, as a workflow with these inputs would run them.
fn action(inputs: &Value) -> Vec<(String, Vec<(String, String)>)> {
    let action = step("docs/ci/github/action.yml");
    assert_eq!(action["runs"]["using"], "composite");
    let value = |name: &str| {
        let default = || text(&action["inputs"][name]["default"]).to_owned();
        inputs[name].as_str().map_or_else(default, str::to_owned)
    };
    let evaluated = |expression: &str| {
        let name = expression.strip_prefix("${{ inputs.").and_then(|rest| rest.strip_suffix(" }}"));
        value(name.unwrap_or_else(|| panic!("{expression} takes more than an input")))
    };
    let runs = |step: &&Value| match step["if"].as_str() {
        None => true,
        Some("inputs.image != ''") => !value("image").is_empty(),
        Some(other) => panic!("{other} is not known here"),
    };
    let steps = action["runs"]["steps"].as_array().unwrap().iter().filter(runs);
    steps
        .map(|step| {
            assert_eq!(step["shell"], "bash");
            let lines = text(&step["run"]).to_owned();
            assert!(!lines.contains("${{"), "an input would be read as a part of the script: {lines}");
            let environment = step["env"].as_object().unwrap().iter();
            (lines, environment.map(|(name, value)| (name.clone(), evaluated(text(value)))).collect())
        })
        .collect()
}

#[tokio::test]
async fn the_github_action_annotates_the_line_and_writes_the_report() {
    for (checkout, mistake) in both() {
        let steps = action(&json!({"with": "platform/policies\n", "arguments": "--namespace\nshop\n"}));
        let [(lines, environment)] = steps.as_slice() else { panic!("{steps:?}") };
        let done = checkout.shell("-e", lines, environment).await;
        assert_eq!(done.status.code(), Some(i32::from(mistake)), "{}{}", out(&done), err(&done));
        let annotation =
            format!("::error file=k8s/web.yaml,line={LINE},title=NameRefused::name \"{MISTAKE}\"");
        assert_eq!(out(&done).contains(&annotation), mistake, "{}", out(&done));
        let sarif: Value = serde_json::from_str(&checkout.read("sallyport.sarif")).unwrap();
        let results = sarif["runs"][0]["results"].as_array().unwrap();
        assert_eq!(results.len(), usize::from(mistake), "{sarif:#}");
        for result in results {
            let place = &result["locations"][0]["physicalLocation"];
            assert_eq!(
                (&place["artifactLocation"]["uri"], &place["region"]["startLine"]),
                (&json!("k8s/web.yaml"), &json!(LINE))
            );
        }
    }
}

/// There is no registry in a test: what stands in for docker does what the step asks of it.
#[tokio::test]
async fn the_github_action_takes_the_program_from_an_image() {
    let checkout = Checkout::new(MISTAKE);
    let docker = format!(
        "#!/bin/sh\necho \"$@\" >> docker.log\ncase $1 in create) echo c1 ;; cp) cp {} \"$3\" ;; esac\n",
        env!("CARGO_BIN_EXE_sallyport")
    );
    fs::write(checkout.path("bin/docker"), docker).unwrap();
    let runnable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(checkout.path("bin/docker"), runnable).unwrap();
    let steps = action(&json!({"image": "registry.example/sallyport:1"}));
    let [(lines, environment), _] = steps.as_slice() else { panic!("{steps:?}") };
    let mut environment = environment.clone();
    for (name, file) in [("RUNNER_TEMP", "temp"), ("GITHUB_PATH", "path")] {
        environment.push((name.to_owned(), checkout.path(file).display().to_string()));
    }
    let done = checkout.shell("-e", lines, &environment).await;
    assert!(done.status.success(), "{}", err(&done));
    let folder = checkout.read("path").trim().to_owned();
    let version = Command::new(Path::new(&folder).join("sallyport")).arg("--version").output().await.unwrap();
    assert!(out(&version).starts_with("sallyport "), "{}", err(&version));
    let asked = checkout.read("docker.log");
    assert!(
        asked.starts_with("create registry.example/sallyport:1\ncp c1:/usr/local/bin/sallyport "),
        "{asked}"
    );
    assert!(asked.ends_with("\nrm c1\n"), "{asked}");
}

#[tokio::test]
async fn the_gitlab_job_leaves_a_report_with_the_line() {
    let job = step("docs/ci/gitlab.yml")["sallyport"].clone();
    let variables = job["variables"].as_object().unwrap().iter();
    let variables: Vec<_> = variables.map(|(name, value)| (name.clone(), text(value).to_owned())).collect();
    let lines = |key: &str| {
        let lines: Vec<&str> = job[key].as_array().unwrap().iter().map(text).collect();
        lines.join("\n")
    };
    assert_eq!(job["artifacts"]["when"], "always", "a job that fails leaves its report");
    for (checkout, mistake) in both() {
        let done = checkout.shell("-e", &lines("script"), &variables).await;
        assert_eq!(done.status.code(), Some(i32::from(mistake)), "{}", err(&done));
        let report = checkout.read(text(&job["artifacts"]["reports"]["junit"]));
        let read = junit_parser::from_reader(report.as_bytes()).unwrap();
        assert_eq!((read.tests, read.failures), (1, u64::from(mistake)), "{report}");
        // What is well stands where the workload is named.
        let place = format!("file=\"k8s/web.yaml\" line=\"{}\"", if mistake { LINE } else { 3 });
        assert!(report.contains(&place), "{report}");
        let told = out(&checkout.shell("-e", &lines("after_script"), &variables).await);
        assert_eq!(told.contains(&format!("k8s/web.yaml:{LINE}  refused ")), mistake, "{told}");
    }
}

#[tokio::test]
async fn the_pre_commit_hook_judges_the_files_that_it_is_given() {
    let hooks = step(".pre-commit-hooks.yaml");
    let [hook] = hooks.as_array().unwrap().as_slice() else { panic!("{hooks}") };
    assert_eq!((&hook["id"], &hook["language"]), (&json!("sallyport-check"), &json!("system")));
    // As pre-commit calls it: the entry, the args of the repository's configuration, the files of the commit.
    let line = format!("{} --with platform/policies k8s/web.yaml", text(&hook["entry"]));
    for (checkout, mistake) in both() {
        let done = checkout.shell("-e", &line, &[]).await;
        assert_eq!(done.status.code(), Some(i32::from(mistake)), "{}", err(&done));
        let told = out(&done);
        assert_eq!(told.contains(&format!("k8s/web.yaml:{LINE}  refused ")), mistake, "{told}");
    }
}

/// The files of a ConfigMap as a kubelet writes them: links to links.
fn mounted(folder: &Path, checkout: &Checkout) {
    let data = folder.join("..2026_11_22_07_00_00.1");
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("web.yaml"), checkout.read("k8s/web.yaml")).unwrap();
    symlink("..2026_11_22_07_00_00.1", folder.join("..data")).unwrap();
    symlink("..data/web.yaml", folder.join("web.yaml")).unwrap();
}

#[tokio::test]
async fn the_argo_cd_hook_judges_by_what_the_cluster_holds() {
    let job = step("docs/ci/argo-cd/presync.yaml");
    assert_eq!(job["metadata"]["annotations"]["argocd.argoproj.io/hook"], "PreSync");
    let pod = &job["spec"]["template"]["spec"];
    let generated = &step("docs/ci/argo-cd/kustomization.yaml")["configMapGenerator"][0];
    assert_eq!(pod["volumes"][0]["configMap"]["name"], generated["name"]);
    assert_eq!(job["metadata"]["namespace"], generated["namespace"]);
    let container = &pod["containers"][0];
    let mount = text(&container["volumeMounts"][0]["mountPath"]);
    let api = Api::new().await;
    api.put("/apis/sallyport.dev/v1alpha1/identitypolicies", step("manifests/examples/identity-policy.yaml"));
    api.put("/api/v1/namespaces", step("manifests/examples/namespace.yaml"));
    for (checkout, mistake) in both() {
        let folder = tempfile::tempdir().unwrap();
        mounted(folder.path(), &checkout);
        let args = container["args"].as_array().unwrap().iter().map(text);
        let args = args.map(|arg| match arg.strip_prefix(mount) {
            Some(file) => format!("{}{file}", folder.path().display()),
            None => arg.to_owned(),
        });
        let mut command = Command::new(env!("CARGO_BIN_EXE_sallyport"));
        let done = command.args(args).env("KUBECONFIG", api.kubeconfig()).output().await.unwrap();
        assert_eq!(done.status.code(), Some(i32::from(mistake)), "{}{}", out(&done), err(&done));
        assert!(out(&done).contains(if mistake { MISTAKE } else { "1 workload" }), "{}", out(&done));
    }
}
