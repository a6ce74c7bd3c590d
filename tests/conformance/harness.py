"""Runs named checks, each against a simulator of its own, and prints one line for each."""

import argparse
import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
VSYS = "/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']"
RULES = VSYS + "/rulebase/security/rules"
USERS = {"admin": "admin", "sallyport": "s3cret", "colleague": "c0lleague"}
START_SECONDS = 20
CONTROL_SECONDS = 10

_checks = []


def check(function=None, **start):
    """Marks a function as a check. Keywords say how its simulator starts, e.g. quirks={"…": …},
    or topology={…} of a Panorama."""

    def mark(function):
        _checks.append((function, start))
        return function

    return mark(function) if function else mark


class Simulator:
    """A running panos-sim, and its control endpoint."""

    def __init__(self, program, folder, quirks=None, topology=None):
        if not Path(program).exists():
            sys.exit(f"{program} is not built: run `cargo build -p panos-sim` first")
        users, ready = Path(folder, "users"), Path(folder, "ready.json")
        users.write_text("".join(f"{user}:{password}\n" for user, password in USERS.items()))
        self.ca_file = str(Path(folder, "ca.pem"))
        command = [program, "--users", users, "--ready-file", ready, "--ca-out", self.ca_file]
        command += ["--commit-time", "50ms"]
        if topology:
            Path(folder, "topology.json").write_text(json.dumps(topology))
            command += ["--panorama", Path(folder, "topology.json")]
        if quirks:
            command += ["--quirks", json.dumps(quirks)]
        self.process = subprocess.Popen(
            [str(word) for word in command], stdout=subprocess.DEVNULL, preexec_fn=_die_with_parent
        )
        deadline = time.monotonic() + START_SECONDS
        while not ready.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"{program} did not start")
            time.sleep(0.01)
        addresses = json.loads(ready.read_text())
        self.host, port = addresses["api"].removeprefix("https://").rsplit(":", 1)
        self.port = int(port)
        self.control_url = addresses["control"]

    def stop(self):
        self.process.kill()
        self.process.wait()

    def control(self, method, path, body=None):
        """A call of the control endpoint: text, or what JSON says."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.control_url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=CONTROL_SECONDS) as answer:
            text = answer.read().decode()
            return json.loads(text) if answer.headers.get_content_type() == "application/json" else text

    def plant(self, place, action, **more):
        self.control("POST", "/faults", {"where": place, "action": action, **more})

    def counters(self):
        return self.control("GET", "/counters")

    def running(self):
        return self.control("GET", "/config/running")

    def candidate(self):
        return self.control("GET", "/config/candidate")

    def pending(self):
        """Who has pending changes of what: (owner, xpath)."""
        return [(unit["owner"], unit["xpath"]) for unit in self.control("GET", "/state")["pending"]]


def _die_with_parent():
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


@contextlib.contextmanager
def refused(text, kind=Exception):
    """What is done inside must be refused, in these words and by this exception."""
    try:
        yield
    except kind as error:
        assert text in str(error), f"refused in other words: {type(error).__name__}: {error}"
    else:
        raise AssertionError(f"it was taken, and should be refused with '{text}'")


def equal(found, expected):
    assert found == expected, f"\n   found    {found!r}\n   expected {expected!r}"


def default_program():
    built = REPOSITORY / os.environ.get("CARGO_TARGET_DIR", "target") / "debug" / "panos-sim"
    return os.environ.get("PANOS_SIM", str(built))


def main():
    """Runs the checks that are named, or all of them."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--list", action="store_true", help="print the names of the checks and end")
    arguments.add_argument("--simulator", default=default_program(), help="the panos-sim to hold to account")
    arguments.add_argument("checks", nargs="*", help="their names; all of them if none is given")
    arguments = arguments.parse_args()
    names = [function.__name__ for function, _ in _checks]
    assert len(set(names)) == len(names), "a name is there twice"
    if arguments.list:
        print("\n".join(names))
        return
    unknown = set(arguments.checks) - set(names)
    if unknown:
        sys.exit(f"no such check: {', '.join(sorted(unknown))}")
    failed = 0
    for number, (function, start) in enumerate(_checks, 1):
        if arguments.checks and function.__name__ not in arguments.checks:
            continue
        passed = _run(function, start, arguments.simulator)
        failed += not passed
        print("ok" if passed else "not ok", number, function.__name__.replace("_", " "), flush=True)
    sys.exit(1 if failed else 0)


def _run(function, start, program):
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        simulator = None
        try:
            simulator = Simulator(program, folder, **start)
            function(simulator)
        except Exception:
            traceback.print_exc(file=sys.stdout)
            return False
        finally:
            if simulator:
                simulator.stop()
    return True
