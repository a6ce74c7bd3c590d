#!/usr/bin/env bash
# Walks docs/FIRST-FIREWALL.md as a reader does: every command of its fenced blocks in order, in one shell, beside `make ground`.
# Ends before the last section, which waits twelve minutes. Says which names passed the firewall and compares.
#   tests/walk.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
page=docs/FIRST-FIREWALL.md
work=$(mktemp -d)
trap 'kill "$(cat "$work/ground.pid")" 2>/dev/null || true; rm -rf "$work" /tmp/first' EXIT

cargo build -q --workspace --bins
target/debug/demo --ground >"$work/ground.log" 2>&1 &
echo $! >"$work/ground.pid"
for _ in $(seq 600); do
	grep -q '^ *alias kubectl=' "$work/ground.log" && break
	kill -0 "$(cat "$work/ground.pid")" || { cat "$work/ground.log"; exit 1; }
	sleep 0.5
done

# The two lines to paste come from the ground; an alias means nothing in a script.
{
	echo 'set -u'
	echo "trap 'echo \"\$BASH_COMMAND\" >>$work/failed' ERR"
	grep -o 'export KUBECONFIG=.*' "$work/ground.log"
	grep -o 'alias kubectl=.*' "$work/ground.log" | sed 's/alias kubectl=\(.*\)/kubectl() { \1 "$@"; }/'
	echo 'trap "kill \$(jobs -p) 2>/dev/null || true" EXIT'
	# What a reader does by himself: wait until the simulator says that it is ready.
	awk '
		/^## 9\./ { exit }
		/^```sh/ { inside = 1; next }
		/^```/ { inside = 0; next }
		inside { print }
		inside && /panos-sim/ { starting = 1 }
		inside && starting && /&$/ { print "until curl -sk https://127.0.0.1:8443/api/ >/dev/null; do sleep 0.2; done"; starting = 0 }
	' "$page" | grep -v -e '^make ground$' -e '^export KUBECONFIG=…' -e '^alias kubectl=…'
} >"$work/walk.sh"

touch "$work/failed"
bash "$work/walk.sh" 2>&1 | tee "$work/said"
grep -E '^[^ ]+ (passes|fails)$' "$work/said" >"$work/names"
diff - "$work/names" <<'END'
web.shop.corp.example fails
web.shop.corp.example passes
WEB.shop.corp.example passes
web.shop.corp.example. passes
xweb.shop.corp.example fails
other.shop.corp.example fails
web.shop.corp.example fails
web.shop.corp.example passes
web.shop.corp.example fails
web.shop.corp.example passes
END
# One command is refused, and is meant to be.
if [[ $(grep -vc 'dry-run=server' "$work/failed") != 0 || $(wc -l <"$work/failed") != 1 ]]; then
	echo "these commands failed:" >&2
	cat "$work/failed" >&2
	exit 1
fi
echo "walked $page: every command ran, and the firewall did what the page says"
