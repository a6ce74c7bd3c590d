#!/usr/bin/env bash
# Builds a program of others that tests and releases need, once for each version, outside the tree, and prints its path
# as the last line of standard output. Progress goes to standard error. Needs Go 1.26 or newer, and flock (util-linux).
#
#   tests/tools/build.sh helm
#   SALLYPORT_CACHE   where built programs are kept (default: ~/.cache/sallyport)
set -euo pipefail
export LC_ALL=C

# Name → package@version. Go checks each module against its public checksum database.
declare -A packages=(
	[helm]=helm.sh/helm/v4/cmd/helm@v4.3.1
	[kubeconform]=github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0
	[promtool]=github.com/prometheus/prometheus/cmd/promtool@v0.316.0
	[containerd]=github.com/containerd/containerd/v2/cmd/containerd@v2.4.2
	[containerd-shim-runc-v2]=github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2@v2.4.2
	[ctr]=github.com/containerd/containerd/v2/cmd/ctr@v2.4.2
	[bridge]=github.com/containernetworking/plugins/plugins/main/bridge@v1.9.1
	[host-local]=github.com/containernetworking/plugins/plugins/ipam/host-local@v1.9.1
	[kube-router]=github.com/cloudnativelabs/kube-router/v2/cmd/kube-router@v2.1.0
	[loopback]=github.com/containernetworking/plugins/plugins/main/loopback@v1.9.1
)

cache=${SALLYPORT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sallyport}

fail() {
	echo "tools: $*" >&2
	exit 1
}

name=${1:-}
[[ -n $name && -v packages[$name] ]] ||
	fail "there is no tool ${name:-without a name}; there are: $(tr ' ' '\n' <<<"${!packages[*]}" | sort | paste -sd' ')"
package=${packages[$name]}
folder=$cache/tools-$(sha256sum <<<"$package" | cut -c1-16)
program=$folder/$name
if [[ ! -x $program ]]; then
	command -v go >/dev/null || fail "needs Go 1.26 or newer on PATH, and there is no go (https://go.dev/dl/)"
	command -v flock >/dev/null || fail "needs flock (package util-linux), so that two callers do not build at once"
	mkdir -p "$folder"
	exec 9>"$folder/lock"
	flock 9
	if [[ ! -x $program ]]; then
		echo "building $package, once" >&2
		# Go names a program after the last folder of its package; it is moved into place when it is whole.
		mkdir -p "$folder/partial"
		GOBIN=$folder/partial CGO_ENABLED=0 GOWORK=off GOFLAGS=-mod=mod \
			go install -trimpath -ldflags '-s -w' "$package" >&2 9>&- || fail "the build of $package failed, see above"
		mv "$folder/partial/$(basename "${package%@*}")" "$program"
		rmdir "$folder/partial"
	fi
	exec 9>&-
fi
echo "$program"
