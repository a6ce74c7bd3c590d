"""How many calls pan-os-python makes for so many names: run.sh VENV bench_bulk.py [--names 1000]

Two shapes, each one by one and by the SDK's bulk methods, on a fresh simulator each: App-IDs with a signature and one
rule that carries them all ("…"), and App-IDs with a signature and a rule for each ("…_rules"). Everything counts: keygen,
the questions that the SDK asks by itself, writes, the move, the commit, the polls of its job. Prints JSON.
"""

import argparse
import importlib.metadata
import json
import tempfile
import xml.etree.ElementTree as ET

from harness import VSYS, Simulator, default_program, equal
from sdk import added, app, connect, rule, rulebase, sign, signature


def one_by_one(firewall, names, rules):
    for name in names:
        added(firewall, app(name)).create()
        sign(firewall, name, pattern(name))
    base = rulebase(firewall)
    for each in rules:
        added(base, each).create()
        each.move("before", "deny-east-west")


def in_bulk(firewall, names, rules):
    """One call for each kind, as far as the SDK goes: signatures it has no class for, and moves it does singly."""
    added(firewall, *(app(name) for name in names))
    firewall.find(names[0]).create_similar()
    signed = "".join(f'<entry name="{name}">{signature(pattern(name))}</entry>' for name in names)
    firewall.xapi.set(VSYS, f"<application>{signed}</application>")
    base = rulebase(firewall)
    added(base, *rules)
    rules[0].create_similar()
    # The anchor moves below the new rules, instead of each rule above it.
    firewall.xapi.move(f"{VSYS}/rulebase/security/rules/entry[@name='deny-east-west']", "bottom")


def pattern(name):
    return rf"^{name}\.shop\.example$"


def calls(write, names, one_rule):
    """The calls of all kinds, and of writes and commits among them."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        simulator = Simulator(default_program(), folder)
        try:
            firewall = connect(simulator)
            rules = [rule("all", application=names)] if one_rule else [rule(f"r-{n}", application=[n]) for n in names]
            write(firewall, names, rules)
            equal(firewall.commit(sync=True, exception=True)["success"], True)
            check(simulator, names, rules)
            counters = simulator.counters()
        finally:
            simulator.stop()
    writes = sum(count for kind, count in counters.items() if kind.startswith("config.") and kind not in READS)
    return {"calls": counters["requests"], "write_calls": writes, "commits": counters["commit"]}


READS = ("config.get", "config.show")


def check(simulator, names, rules):
    """All of it runs, and nothing was counted that did not happen."""
    running = ET.fromstring(simulator.running())
    equal(len(running.findall(".//application/entry/signature/entry")), len(names) + 1)
    order = [entry.get("name") for entry in running.findall(".//vsys/entry/rulebase/security/rules/entry")]
    equal((len(order), order[-1]), (len(rules) + 2, "deny-east-west"))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--names", type=int, default=1000)
    names = [f"sp-{number:04}" for number in range(arguments.parse_args().names)]
    report = {"client": f"pan-os-python {importlib.metadata.version('pan-os-python')}", "names": len(names)}
    for one_rule, suffix in [(True, ""), (False, "_rules")]:
        for way in one_by_one, in_bulk:
            counted = calls(way, names, one_rule)
            name = ("bulk" if way is in_bulk else way.__name__) + suffix
            report[name] = counted["calls"]
            report.setdefault("detail", {})[name] = counted
    print(json.dumps(report))


main()
