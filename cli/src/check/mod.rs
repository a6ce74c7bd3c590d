//! `sallyport check`: the verdict of admission on manifests, before they reach a cluster.
//!
//! In the order of the flow: [`gather`] the files · [`document`] what stands in them, and where · [`bundle`] policies,
//! namespaces and workloads · [`verdict`] each by itself, by the webhook's own code · [`rollout`] whether it has time for
//! the firewall · [`together`] what only all of them show · [`output`] for people and for pipelines.

mod bundle;
mod cluster;
pub mod document;
mod gather;
mod output;
mod parallel;
mod place;
mod rollout;
mod together;
mod verdict;

use std::{io::IsTerminal as _, path::PathBuf, process::ExitCode};

use bundle::Complete;
pub(crate) use bundle::{Bundle, Known};
pub(crate) use cluster::known;
pub(crate) use gather::{Source, all as sources};
use output::Format;
pub(crate) use output::words;
use sallyport_contract::Identity;
pub(crate) use together::world;

use crate::people::{self, print};

/// Something was refused.
const REFUSED: u8 = 1;
/// Something could not be judged, and nothing was refused.
const UNJUDGED: u8 = 2;

/// Judge manifests as the cluster would, without a cluster: same derivation, same words.
///
/// Exit codes: 0 nothing is refused, 1 something is, 2 nothing is but something could not be judged.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Files and folders with manifests (YAML or JSON); `-` reads standard input, for example of `helm template` or
    /// `kustomize build`.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// More files and folders with policies, firewalls and namespaces: they help to judge and are not judged.
    #[arg(long, value_name = "PATH")]
    with: Vec<PathBuf>,
    /// Take policies, namespaces, firewalls and the names that are held from the cluster of KUBECONFIG. What a dry run of the
    /// API server cannot judge, a bundle that makes its own namespace, is judged so.
    #[arg(long, visible_alias = "server")]
    from_cluster: bool,
    /// The namespace of manifests that name none.
    #[arg(long, short, default_value = "default")]
    namespace: String,
    /// A namespace that carries the label `sallyport.dev/inject: enabled`, where no manifest of it says so. May be given more
    /// than once.
    #[arg(long, value_name = "NAMESPACE")]
    enabled: Vec<String>,
    /// How to tell.
    #[arg(long, short, value_enum, default_value_t = Format::Human)]
    output: Format,
}

/// How one workload, or one document, came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The file as it was given, or `-`.
    pub(crate) file: String,
    /// The line in it, from 1.
    pub(crate) line: usize,
    /// How many characters that line has.
    pub(crate) width: usize,
    /// `Deployment shop/web`.
    pub(crate) object: String,
    /// How it came out.
    pub(crate) outcome: Outcome,
    /// Allowed, but unwise.
    pub(crate) warnings: Vec<String>,
}

/// How something came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It gets these names.
    Granted(Vec<String>),
    /// It asked to be left out and may be.
    LeftOut,
    /// Its policy only audits: what it says.
    Audited(Option<String>),
    /// Its namespace is not enabled.
    NotEnabled,
    /// It is not for admission to judge: something else controls it, or a kubelet runs it already.
    Passed,
    /// A rule forbids it.
    Refused(Box<sallyport_contract::Refusal>),
    /// It could not be judged, and why.
    Unjudged(String),
}

/// All findings, in the order of the files.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) findings: Vec<Finding>,
}

impl Report {
    pub(crate) fn refused(&self) -> usize {
        self.findings.iter().filter(|one| matches!(one.outcome, Outcome::Refused(_))).count()
    }

    pub(crate) fn unjudged(&self) -> usize {
        self.findings.iter().filter(|one| matches!(one.outcome, Outcome::Unjudged(_))).count()
    }

    pub(crate) fn code(&self) -> u8 {
        match (self.refused(), self.unjudged()) {
            (0, 0) => 0,
            (0, _) => UNJUDGED,
            _ => REFUSED,
        }
    }
}

/// Judges everything that was given; what keeps it from an answer is told and ends with 2.
pub(crate) fn run(args: &Args) -> ExitCode {
    people::run(answer(args))
}

async fn answer(args: &Args) -> Result<ExitCode, String> {
    let known = if args.from_cluster { cluster::known().await? } else { Known::default() };
    let report = judge(args, known);
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    print(&output::print(&report, args.output, colour))?;
    Ok(ExitCode::from(report.code()))
}

/// The whole judgement of what was given, in memory.
fn judge(args: &Args, known: Known) -> Report {
    let mut bundle = Bundle::new(known, &args.namespace, &args.enabled);
    bundle.add(gather::all(&args.with), false);
    bundle.add(gather::all(&args.paths), true);
    Judgement::of(bundle).report
}

/// All that came of a bundle.
pub(crate) struct Judgement {
    /// The findings.
    pub(crate) report: Report,
    /// The identities that are given, each with the place of its finding.
    pub(crate) granted: Vec<(usize, Identity)>,
    /// What decided.
    pub(crate) bundle: Complete,
}

impl Judgement {
    /// Judges each workload by itself, then all of them together.
    pub(crate) fn of(bundle: Bundle) -> Self {
        let (candidates, bundle) = bundle.complete();
        let mut report = Report { findings: bundle.findings.clone() };
        let mut granted = Vec::new();
        let verdicts =
            parallel::map(candidates, parallel::processors(), |candidate| verdict::of(candidate, &bundle));
        for (finding, identities) in verdicts {
            granted.extend(identities.into_iter().map(|identity| (report.findings.len(), identity)));
            report.findings.push(finding);
        }
        for (at, refusal) in together::conflicts(&granted, &report.findings, &bundle) {
            if let Some(finding) =
                report.findings.get_mut(at).filter(|one| matches!(one.outcome, Outcome::Granted(_)))
            {
                finding.outcome = Outcome::Refused(Box::new(refusal));
            }
        }
        let given = |at: usize| report.findings.get(at).map(|finding| &finding.outcome);
        granted.retain(|(at, _)| matches!(given(*at), Some(Outcome::Granted(_))));
        let mut judgement = Self { report, granted, bundle };
        judgement.sort();
        judgement
    }

    /// Puts the findings into the order of their files.
    fn sort(&mut self) {
        let findings = std::mem::take(&mut self.report.findings);
        let mut order: Vec<(usize, Finding)> = findings.into_iter().enumerate().collect();
        order.sort_by(|(_, a), (_, b)| (&a.file, a.line).cmp(&(&b.file, b.line)));
        let mut moved = vec![0; order.len()];
        for (to, (from, _)) in order.iter().enumerate() {
            if let Some(place) = moved.get_mut(*from) {
                *place = to;
            }
        }
        for (at, _) in &mut self.granted {
            *at = moved.get(*at).copied().unwrap_or(*at);
        }
        self.report.findings = order.into_iter().map(|(_, finding)| finding).collect();
    }
}

#[cfg(test)]
mod tests;
