#!/usr/bin/env bash
# Builds the program once for each state of its sources, outside the tree, and
# prints its path as the last line of standard output. Progress goes to standard
# error. Needs Go 1.26 or newer, and flock (util-linux).
#
#   SALLYPORT_KUBERNETES   current (default), or oldest: the oldest version that Sallyport supports, by oldest.mod
#   SALLYPORT_CACHE        where built programs are kept (default: ~/.cache/sallyport)
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${SALLYPORT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sallyport}

fail() {
	echo "control-plane: $*" >&2
	exit 1
}

# Names and contents of everything that goes into the program.
key_of_sources() {
	local file
	for file in "$modules.mod" "$modules.sum" *.go; do
		case $file in *_test.go) continue ;; esac
		sha256sum "$file"
	done | sha256sum | cut -c1-16
}

check_go() {
	command -v go >/dev/null || fail "needs Go 1.26 or newer on PATH, and there is no go (https://go.dev/dl/)"
	local found major minor
	found=$(go env GOVERSION) || fail "go cannot tell its version; it needs to be 1.26 or newer (https://go.dev/dl/)"
	IFS=. read -r major minor _ <<<"${found#go}"
	minor=${minor%%[!0-9]*}
	((major > 1 || (major == 1 && minor >= 26))) || fail "needs Go 1.26 or newer, and this is $found (https://go.dev/dl/)"
}

# Runs the build in the background, so that the person who waits sees it live.
build() {
	local target=$1 names=k8s.io/component-base/version started=$SECONDS builder
	local numbers=${version#v}
	local flags="-s -w -X $names.gitVersion=$version -X $names.gitMajor=${numbers%%.*} -X $names.gitMinor=$(cut -d. -f2 <<<"$numbers")"
	echo "building a Kubernetes $version control plane from its modules: about 6 minutes the first time on 2 cores" >&2
	CGO_ENABLED=0 GOWORK=off go build -modfile="$modules.mod" -tags="$tags" -buildvcs=false -ldflags "$flags" -o "$target" . >&2 9>&- &
	builder=$!
	# Whoever stops this script does not want the build to go on.
	trap 'kill "$builder" 2>/dev/null; exit 130' INT TERM
	local said=$started
	while kill -0 "$builder" 2>/dev/null; do
		sleep 0.5 9>&-
		if ((SECONDS - said >= 20)); then
			said=$SECONDS
			echo "still building: $((SECONDS - started)) s" >&2
		fi
	done
	wait "$builder" || fail "the build failed, see above"
	trap - INT TERM
	echo "built in $((SECONDS - started)) s" >&2
}

case ${SALLYPORT_KUBERNETES:-current} in
current) modules=go tags= ;;
oldest) modules=oldest tags=oldest ;;
*) fail "SALLYPORT_KUBERNETES is current or oldest, not $SALLYPORT_KUBERNETES" ;;
esac
cd "$here"
version=$(sed -n 's/^\tk8s.io\/kubernetes //p' "$modules.mod")
[[ -n $version ]] || fail "$modules.mod does not say which k8s.io/kubernetes"
folder=$cache/control-plane-$(key_of_sources)
program=$folder/kube
if [[ ! -x $program ]]; then
	check_go
	command -v flock >/dev/null || fail "needs flock (package util-linux), so that two callers do not build at once"
	mkdir -p "$folder"
	exec 9>"$folder/lock"
	if ! flock --nonblock 9; then
		echo "another build of the same sources is running; waiting for it" >&2
		flock 9
	fi
	if [[ ! -x $program ]]; then
		build "$folder/kube.partial"
		mv "$folder/kube.partial" "$program"
	fi
	exec 9>&-
fi
echo "$program"
