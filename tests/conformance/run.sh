#!/bin/sh
# Runs one of the scripts beside it with the clients from PyPI: run.sh VENV_DIR SCRIPT [ARGUMENTS]
# Makes the virtual environment when it is not there (a few seconds, 2 MB).
set -eu
venv=$1
script=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
stamp=$venv/installed-$(cat "$here"/requirements*.txt | cksum | tr ' ' -)

mkdir -p "$venv"
exec 9> "$venv/.lock"
flock 9 # several checks may start at once: one installs, the others wait
if [ ! -e "$stamp" ]; then
    python3 -m venv --clear "$venv/python" >&2
    install() {
        "$venv/python/bin/pip" install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: "$@" >&2
    }
    install --requirement "$here/requirements.txt"
    # A second pan-python, in a folder of its own: the SDK cannot stand the newer one.
    rm -rf "$venv/raw"
    install --requirement "$here/requirements-raw.txt" --target "$venv/raw"
    touch "$stamp"
fi
exec 9>&-
case $script in
raw.py) export PYTHONPATH="$venv/raw" ;;
esac
export PYTHONDONTWRITEBYTECODE=1
exec "$venv/python/bin/python" "$here/$script" "$@"
