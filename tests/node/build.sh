#!/usr/bin/env bash
# Builds what makes this machine a node, once for each state of its sources, outside the tree: kubelet and kube-proxy,
# containerd, its CNI plugins, what obeys NetworkPolicies, Helm, and the program of the test pods with its image. Prints the folder that holds them all as the last line
# of standard output; progress goes to standard error.
#
#   SALLYPORT_CACHE   where built programs are kept (default: ~/.cache/sallyport)
set -euo pipefail
export LC_ALL=C

version=v1.37.0
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tools=(containerd containerd-shim-runc-v2 ctr bridge host-local loopback helm)
cache=${SALLYPORT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sallyport}

cd "$here/programs"
key=$(sha256sum go.mod go.sum ./*/*.go ../build.sh ../image.sh | sha256sum | cut -c1-16)
folder=$cache/node-$key
mkdir -p "$folder"
exec 9>"$folder/lock"
flock 9
for tool in "${tools[@]}"; do
	program=$("$here/../tools/build.sh" "$tool" 9>&- | tail -n 1)
	ln -sfn "$program" "$folder/$tool"
done
# Its modules are many; without it the node ring runs with a network that passes NetworkPolicies over.
if program=$("$here/../tools/build.sh" kube-router 9>&- | tail -n 1) && [[ -n $program ]]; then
	ln -sfn "$program" "$folder/kube-router"
else
	echo "node: without kube-router NetworkPolicies are not obeyed, and the test of them is left out" >&2
fi
numbers=${version#v} names=k8s.io/component-base/version
flags="-s -w -X $names.gitVersion=$version -X $names.gitMajor=${numbers%%.*} -X $names.gitMinor=$(cut -d. -f2 <<<"$numbers")"
for program in kubelet pod; do
	[[ ! -x $folder/$program ]] || continue
	echo "building the node's $program, once (a kubelet: a few minutes on 2 cores)" >&2
	# The same settings as the control plane's, so that both share what is compiled.
	CGO_ENABLED=0 GOWORK=off go build -buildvcs=false -ldflags "$flags" -o "$folder/$program.partial" "./$program" >&2 9>&-
	mv "$folder/$program.partial" "$folder/$program"
done
if [[ ! -e $folder/pod.tar ]]; then
	root=$(mktemp -d)
	trap 'rm -rf "$root"' EXIT
	cp "$folder/pod" "$root/pod"
	"$here/image.sh" "$root" sallyport.test/pod:1 /pod "$folder/pod.partial" 9>&-
	mv "$folder/pod.partial" "$folder/pod.tar"
fi
echo "$folder"
