#!/usr/bin/env bash
# Runs a program where it may make this machine a node of Kubernetes and leave nothing behind: in a network, process and
# mount namespace of its own. When the program ends, however it ends, the kernel ends every process that it left, and
# with the namespaces go mounts, interfaces, routes and packet filters. What is left are empty control groups, and those
# go before and after each run.
#
#   tests/node/run.sh PROGRAM [ARGUMENT...]
#
# The program finds SALLYPORT_NODE_PROGRAMS (the folder with the node's programs) and SALLYPORT_NODE_GROUP (its control
# group) in its environment. Exits with 77, saying what is missing, where no node can run.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
group=sallyport-node

cannot() {
	echo "no node can run here: $*" >&2
	exit 77
}

[[ $(uname -s) == Linux ]] || cannot "a kubelet needs Linux, and this is $(uname -s)"
((EUID == 0)) || cannot "containers, namespaces and packet filters need root: run it as root, or in a machine of its own"

# Command → Debian package.
declare -A packages=([runc]=runc [ip]=iproute2 [nft]=nftables [iptables]=iptables [ipset]=ipset [conntrack]=conntrack [mount]=mount [unshare]=util-linux)
missing=()
for command in "${!packages[@]}"; do
	command -v "$command" >/dev/null || missing+=("${packages[$command]}")
done
if ((${#missing[@]} > 0)) && command -v apt-get >/dev/null; then
	echo "node: installing ${missing[*]}" >&2
	apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2 ||
		cannot "needs the packages ${missing[*]}, and apt-get could not install them"
elif ((${#missing[@]} > 0)); then
	cannot "needs the commands of the packages ${missing[*]}"
fi
unshare --net --mount --pid --fork true 2>/dev/null || cannot "the kernel gives root no namespaces here"
unshare --net ip link add probe type bridge 2>/dev/null || cannot "the kernel has no bridges"
unshare --net nft add table ip probe 2>/dev/null || cannot "the kernel has no nftables"

programs=$("$here/build.sh" | tail -n 1)

# Empty control groups of this run or an earlier one; one that is not empty belongs to a run beside us.
clear_groups() {
	find /sys/fs/cgroup -depth -type d -path "*/$group*" -exec rmdir {} + 2>/dev/null || true
}
clear_groups
trap clear_groups EXIT
# containerd keeps its attachments here, and the namespaces hide it for the time of the run.
mkdir -p /var/lib/cni

inside='
	hidden=$(mktemp -d)
	mount --rbind /sys/fs/cgroup "$hidden"
	mount -t sysfs sysfs /sys
	mount --rbind "$hidden" /sys/fs/cgroup
	umount --recursive --lazy "$hidden" && rmdir "$hidden"
	for folder in /run /var/log /var/lib/cni; do mount -t tmpfs tmpfs "$folder"; done
	ip link set lo up
	# This shell stays, for the first process of the namespace inherits orphans and must bury them.
	"$@" || exit
'
# Should this script be killed, so is the first process of the namespace, and with it all others.
SALLYPORT_NODE_PROGRAMS=$programs SALLYPORT_NODE_GROUP=$group \
	setpriv --pdeathsig KILL unshare --net --mount --propagation private --pid --fork --kill-child --mount-proc \
	bash -euo pipefail -c "$inside" node "$@"
