#!/usr/bin/env bash
# Checks the chart: Helm's own lint; every file of `accepted/` renders to objects that the API server's own schemas take; every
# file of `refused/` is refused by the words in its first line; the plain install, the reference of values and the version are
# what follows from the chart.
#   tests/chart/check.sh [CHART]
#   SALLYPORT_KUBERNETES   current (default) or oldest: whose schemas, as for tests/control-plane/build.sh
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
chart=${1:-$root/manifests/helm}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
	echo "chart: $*" >&2
	exit 1
}

# The schemas belong to the Kubernetes release of the control plane; they are made once for each.
schemas() {
	local module folder modules=go.mod
	[[ ${SALLYPORT_KUBERNETES:-current} == current ]] || modules=$SALLYPORT_KUBERNETES.mod
	module=$(cd "$root/tests/control-plane" && GOWORK=off go mod download -modfile="$modules" -json k8s.io/kubernetes | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
	folder=$root/target/chart/schemas-${module##*@}
	if [[ ! -d $folder ]]; then
		rm -rf "$folder.partial"
		"$here/schemas.py" "$module/api/openapi-spec/v3" "$folder.partial"
		mv "$folder.partial" "$folder"
	fi
	echo "$folder"
}

template() {
	"$helm" template sallyport "$chart" --namespace sallyport-system "$@" 2>"$work/said"
}

helm=$("$root/tests/tools/build.sh" helm)
kubeconform=$("$root/tests/tools/build.sh" kubeconform)
schemas=$(schemas)

version=$("$root/packaging/version.sh")
for key in version appVersion; do
	grep -qx "$key: $version" "$chart/Chart.yaml" || fail "Chart.yaml's $key is not $version, the version in Cargo.toml"
done

"$helm" lint --strict --namespace sallyport-system "$chart" >"$work/lint" 2>&1 || fail "helm lint: $(cat "$work/lint")"

for values in "$here"/accepted/*.yaml; do
	name=$(basename "$values" .yaml)
	template --values "$values" >"$work/$name.yaml" || fail "accepted/$name is refused: $(cat "$work/said")"
	# What belongs to the Prometheus operator has its schemas elsewhere; promtool checks the rules themselves.
	"$kubeconform" -strict -skip PrometheusRule,PodMonitor -schema-location "$schemas/{{.ResourceKind}}{{.KindSuffix}}.json" "$work/$name.yaml" >"$work/said" ||
		fail "accepted/$name: the API server would refuse $(cat "$work/said")"
done

for values in "$here"/refused/*.yaml; do
	name=$(basename "$values" .yaml)
	words=$(sed -n '1s/^# refused: //p' "$values")
	[[ -n $words ]] || fail "refused/$name does not begin with '# refused: ' and the words"
	if template --values "$values" >/dev/null; then fail "refused/$name is accepted"; fi
	grep -qF -- "$words" "$work/said" || fail "refused/$name is not refused by '$words', but: $(cat "$work/said")"
done
if "$helm" template sallyport "$chart" --namespace elsewhere >"$work/said" 2>&1; then fail "another namespace is accepted"; fi
grep -q "Run helm with --namespace sallyport-system" "$work/said" || fail "another namespace: $(cat "$work/said")"

# The oldest Kubernetes that there are tests on is the oldest that is taken.
oldest=$(sed -n 's/^\tk8s.io\/kubernetes v//p' "$root/tests/control-plane/oldest.mod")
before=1.$(($(cut -d. -f2 <<<"$oldest") - 1)).99
template --kube-version "$oldest" >/dev/null || fail "Kubernetes $oldest is refused: $(cat "$work/said")"
if template --kube-version "$before" >/dev/null; then fail "Kubernetes $before is accepted"; fi
grep -q "chart requires kubeVersion: " "$work/said" || fail "Kubernetes $before: $(cat "$work/said")"

"$root/manifests/render.sh" "$work/install" "$chart"
diff -ru "$root/manifests/install" "$work/install" >&2 || fail "manifests/install is stale: run \`make manifests\`"
"$root/manifests/reference.py" "$chart" >"$work/VALUES.md" || fail "the values have no reference"
diff -u "$root/docs/VALUES.md" "$work/VALUES.md" >&2 || fail "docs/VALUES.md is stale: run \`make manifests\`"
echo "chart: $(find "$here/accepted" -name '*.yaml' | wc -l) settings accepted, $(find "$here/refused" -name '*.yaml' | wc -l) refused"
