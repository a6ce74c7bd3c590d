#!/bin/sh
# Runs moto's AWS Private CA on a free loopback port: moto.sh VENV_DIR
# Makes the virtualenv from PyPI when it is not there, then prints one JSON line {"endpoint", "ca_arn"} and serves
# until its standard input ends.
set -eu
venv=$1
here=$(cd "$(dirname "$0")" && pwd)
stamp=$venv/installed-$(cksum < "$here/moto-requirements.txt" | tr ' ' -)

mkdir -p "$venv"
exec 9> "$venv/.lock"
flock 9 # several tests may start at once: one installs, the others wait
if [ ! -e "$stamp" ]; then
    python3 -m venv --clear "$venv/python" >&2
    "$venv/python/bin/pip" install --quiet --disable-pip-version-check \
        --requirement "$here/moto-requirements.txt" >&2
    touch "$stamp"
fi
exec 9>&-
exec "$venv/python/bin/python" "$here/moto_server.py"
