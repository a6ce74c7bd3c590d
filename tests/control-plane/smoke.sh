#!/usr/bin/env bash
# Starts a cluster and looks whether its node behaves as a kubelet does: a pod
# waits for its Secret, runs, becomes Ready only with its readiness gate, and is
# gone after its deletion. Then it looks whether anything is left of the cluster.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
kube=$("$here/build.sh" | tail -n 1)
work=$(mktemp -d)
dir=$work/cluster
up=

milliseconds() { echo $((${EPOCHREALTIME/./} / 1000)); }
say() { printf '%7d ms  %s\n' $(($(milliseconds) - began)) "$*"; }
fail() {
	say "FAILED: $*"
	"$dir/bin/kubectl" --kubeconfig "$dir/admin.kubeconfig" get pods,events -A 2>/dev/null | tail -n 30 || true
	exit 1
}
cleanup() {
	[[ -z $up ]] || kill -TERM "$up" 2>/dev/null || true
	[[ -z $up ]] || wait "$up" 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT

# until_true SECONDS WHAT COMMAND...: the command succeeds within the time.
until_true() {
	local deadline=$((SECONDS + $1)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		((SECONDS < deadline)) || fail "not in time: $what"
		sleep 0.1
	done
	say "$what"
}
alive() {
	local state
	state=$(ps -o stat= -p "$1" 2>/dev/null) && [[ $state != Z* ]]
}
kubectl() { "$dir/bin/kubectl" --kubeconfig "$dir/admin.kubeconfig" "$@"; }
pod() { kubectl get pods -l "app=$1" -o "jsonpath={.items[0]$2}"; }
pod_is() { [[ $(pod "$1" "$2") == "$3" ]]; }
ready_is() { pod_is web '.status.conditions[?(@.type=="Ready")].status' "$1"; }
event_says() { [[ $(kubectl get events -o 'jsonpath={.items[*].message}') == *"$1"* ]]; }
no_pods() { [[ -z $(kubectl get pods -l "app=$1" -o name) ]]; }
start() {
	began=$(milliseconds)
	"$kube" up --dir "$dir" "$@" >"$work/up.out" 2>"$work/up.err" &
	up=$!
	until [[ -e $dir/ready.json ]]; do
		alive "$up" || fail "kube up ended: $(cat "$work/up.err")"
		sleep 0.05
	done
	say "ready ($(cat "$work/up.out"))"
	mapfile -t pids < <(sed -n '/"pids"/,/}/s/.*: \([0-9]*\),\{0,1\}$/\1/p' "$dir/ready.json")
	((${#pids[@]} == 5)) || fail "ready.json names ${#pids[@]} processes instead of 5"
}
none_alive() {
	local pid
	for pid in "$up" "${pids[@]}"; do
		! alive "$pid" || return 1
	done
}

start

kubectl apply -f "$here/testdata/web.yaml" -f "$here/testdata/jobs.yaml" >/dev/null
until_true 20 "web waits for its Secret" kubectl wait --for=jsonpath='{.status.containerStatuses[0].state.waiting.reason}'=ContainerCreating pod -l app=web --timeout=1s
pod_is web .status.phase Pending || fail "web is not Pending"
until_true 20 "FailedMount is reported" event_says 'secrets "web-secret" not found'
kubectl create secret generic web-secret --from-literal=wrong=1 >/dev/null
until_true 30 "a Secret without the wanted key does not do" event_says 'references non-existent secret key: wanted'
pod_is web .status.phase Pending || fail "web runs without its key"
kubectl patch secret web-secret -p '{"stringData":{"wanted":"1"}}' >/dev/null
say "the Secret has its key"
until_true 60 "web runs" pod_is web .status.phase Running
ready_is False || fail "web is Ready although its gate is not open"
pod_is web '.status.conditions[?(@.type=="Ready")].reason' ReadinessGatesNotReady || fail "not the kubelet's reason"
say "Ready is False: $(pod web '.status.conditions[?(@.type=="Ready")].message')"
kubectl patch --subresource=status "$(kubectl get pods -l app=web -o name)" \
	-p '{"status":{"conditions":[{"type":"sallyport.test/gate","status":"True"}]}}' >/dev/null
until_true 20 "web is Ready once its gate is open" ready_is True
until_true 20 "the Deployment is available" kubectl wait deployment/web --for=condition=Available --timeout=1s
pod_is web '.status.conditions[?(@.type=="sallyport.test/gate")].status' True || fail "the gate's condition was overwritten"
until_true 30 "the Job that succeeds is complete" kubectl wait job/succeeds --for=condition=Complete --timeout=1s
until_true 30 "the Job that fails has failed" kubectl wait job/fails --for=condition=Failed --timeout=1s
kubectl delete deployment web --wait=false >/dev/null
until_true 20 "web is gone" no_pods web

kill -TERM "$up"
wait "$up" || fail "kube up stopped with $?: $(cat "$work/up.err")"
say "stopped"
none_alive || fail "processes are left after the stop"
[[ ! -e $dir/ready.json ]] || fail "ready.json is left after the stop"

rm -rf "$dir"
start
kill -KILL "$up"
wait "$up" 2>/dev/null || true
until_true 5 "nothing is left after SIGKILL" none_alive
up=
echo "smoke: ok"
