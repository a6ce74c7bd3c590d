#!/usr/bin/env bash
# Runs the tests ring by ring and says at the end how many ran in each.
#   tests/run.sh fast   unit and service tests, of the long sweeps a tenth
#   tests/run.sh all    those with half of the sweeps, the system tests on a real API server, clients that others wrote
#                       against the firewall simulator (the first run fetches them from PyPI), and mistakes planted in
#                       the simulators
#   tests/run.sh full   the same with whole sweeps, and the node ring on the image as it is released: for a night
#   tests/run.sh oldest the system tests and the chart's on the oldest Kubernetes that is supported, for a night. What that one does
#                       not serve is told, and the tests that need it as not run
#   tests/run.sh node   the node ring alone. It is part of `all` and `full`: Sallyport in pods of a real node, where root
#                       and the kernel allow one; where they do not, the last lines say what is missing
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ring=${1:-all}
mkdir -p target/test
rm -f target/test/node.log target/test/system.log
# Sweeps over every fault at every place take minutes: of their cells a run takes one in so many.
case $ring in
fast) export SALLYPORT_ONE_IN=10 ;;
all) export SALLYPORT_ONE_IN=2 ;;
oldest) export SALLYPORT_ONE_IN=${SALLYPORT_ONE_IN:-2} SALLYPORT_KUBERNETES=oldest ;;
full) export SALLYPORT_ONE_IN=1 PROFILE=${PROFILE:-release} ;;
node) ;;
*)
	echo "there is no ring $ring: fast, all, full, oldest or node" >&2
	exit 2
	;;
esac
declare -A passed failed seconds
total_passed=0 total_failed=0

# Runs one ring, shows its output, and counts what its runner says.
run() {
	local name=$1 log=target/test/$1.log start=$SECONDS ok=0
	shift
	echo "── $name: $*"
	"$@" 2>&1 | tee "$log" || ok=1
	read -r passed[$name] failed[$name] < <(count "$log")
	seconds[$name]=$((SECONDS - start))
	# A ring that broke off before its runner could count has failed all the same.
	if ((ok != 0 && failed[$name] == 0)); then failed[$name]=1; fi
	total_passed=$((total_passed + passed[$name]))
	total_failed=$((total_failed + failed[$name]))
}

count() {
	awk '/^test result:/ { p += $4; f += $6 }
	     /^(=== RUN|--- PASS:|--- FAIL:)/ && /^--- PASS/ { p++ }
	     /^--- FAIL/ { f++ }
	     END { print p + 0, f + 0 }' "$1"
}

# All programs and test binaries are built as one: for each choice of packages cargo would compile anew what they
# depend on.
build() {
	cargo build --workspace --bins
	cargo test --workspace --no-run --message-format=json-render-diagnostics >target/test/built.json
}

# The test binaries of the package in this folder, each with the folder, in which it runs.
binaries() {
	python3 - "$1" target/test/built.json <<-'EOF'
		import json, os, sys
		for line in open(sys.argv[2]):
		    made = json.loads(line) if line.startswith("{") else {}
		    folder = os.path.dirname(made.get("manifest_path", ""))
		    if made.get("executable") and made["profile"]["test"] and os.path.basename(folder) == sys.argv[1]:
		        print(folder, made["executable"])
	EOF
}

# Runs the tests of some packages, all of them even if one fails.
packages() {
	local package folder binary ok=0 found
	for package in "$@"; do
		found=0
		while read -r folder binary; do
			found=1
			echo "   ${binary##*/}"
			(cd "$folder" && "$binary" "${arguments[@]}" </dev/null) || ok=1
		done < <(binaries "$package")
		if ((found == 0)); then
			echo "no tests of $package were built" >&2
			ok=1
		fi
	done
	return "$ok"
}

# The node ring, in namespaces of its own. Where no node can run it is told as not run, and counts as nothing.
node_ring() {
	local folder binary ok=0
	read -r folder binary < <(binaries node) || return 1
	make --no-print-directory image PROFILE="${PROFILE:-dev}" || return 1
	(cd "$folder" && ./run.sh "$binary" --test-threads=3 </dev/null) || ok=$?
	((ok != 77)) || return 0
	return "$ok"
}

# The control plane's own tests, and the system tests on it.
system_rings() {
	local modules=go tags=
	[[ $ring != oldest ]] || modules=oldest tags=oldest
	tests/control-plane/build.sh >/dev/null
	# The same settings as the build, so that its compiled packages serve the tests too.
	run go env -C tests/control-plane CGO_ENABLED=0 GOWORK=off go test -modfile="$modules.mod" -tags="$tags" -buildvcs=false -v ./...
	arguments=(--test-threads=4)
	run system packages system
	arguments=()
}

# What was not run, by the reason that each test gave.
left_out() {
	[[ -e target/test/system.log ]] || return 0
	sed -n 's/^test .* \.\.\. ignored (\(\(not \)\?served here: .*\))$/\1/p' target/test/system.log | sort | uniq -c |
		while read -r count is here what; do
			if [[ $is == not ]]; then
				echo "not served here: $count tests (${what#here: })"
			else
				echo "only where it is not served: $count tests ($what)"
			fi
		done
}

arguments=()
unit=(contract process tidy corpus ground demo)
service=(webhook cert-agent policy-sync cli panos-sim pca-sim)

build
case $ring in
fast | all | full)
	run unit packages "${unit[@]}"
	run service packages "${service[@]}"
	;;
esac
case $ring in
all | full)
	system_rings
	run conformance packages conformance
	run mistakes packages mistakes
	;;
oldest)
	tests/chart/check.sh
	system_rings
	;;
esac
case $ring in all | full | node) run node node_ring ;; esac

echo
for name in unit service go system conformance mistakes node; do
	[[ -v passed[$name] ]] || continue
	printf '%-11s %4d passed, %d failed  (%d s)\n' "$name" "${passed[$name]}" "${failed[$name]}" "${seconds[$name]}"
done
sed -n -e 's/^no node can run here/node ring not run/p' -e 's/^test \(.*[^ ]\) *\.\.\. ignored$/not run on this node: \1/p' \
	target/test/node.log 2>/dev/null || true
left_out
echo "$total_passed passed, $total_failed failed"
((total_failed == 0 && total_passed > 0))
