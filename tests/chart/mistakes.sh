#!/usr/bin/env bash
# Plants mistakes in copies of the chart: tests/chart/check.sh must fail for each, and by these words.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What is told, the file, and the change to it.
plant() {
	local words=$1 file=$2 change=$3
	rm -rf "$work/chart"
	cp -rL "$here/../../manifests/helm" "$work/chart"
	sed -i "$change" "$work/chart/$file"
	if cmp -s "$work/chart/$file" "$here/../../manifests/helm/$file"; then
		echo "chart: the mistake '$change' changes nothing of $file any more" >&2
		exit 1
	fi
	if "$here/check.sh" "$work/chart" >"$work/said" 2>&1; then
		echo "chart: nobody sees the mistake '$change' in $file" >&2
		exit 1
	fi
	grep -qF -- "$words" "$work/said" || {
		echo "chart: the mistake '$change' in $file is not told by '$words', but: $(cat "$work/said")" >&2
		exit 1
	}
}

plant "readOnlyRootFilesytem" templates/_program.tpl 's/readOnlyRootFilesystem/readOnlyRootFilesytem/'
plant "the version in Cargo.toml" Chart.yaml 's/^appVersion: .*/appVersion: 9.9.9/'
plant "Kubernetes 1.32.99 is accepted" Chart.yaml 's/^kubeVersion: .*/kubeVersion: ">=1.32.0-0"/'
plant "is accepted" values.schema.json 's/"additionalProperties": false/"additionalProperties": true/'
plant "install is stale" templates/57-guard-end-state.yaml 's/failurePolicy: Fail/failurePolicy: Ignore/'
plant "helm lint" templates/40-webhook.yaml 's/.Values.webhook.url |/.Values.webhook.url | nothing |/'
plant "has no comment" values.yaml '/# json or text./d'
echo "chart: 7 planted mistakes seen"
