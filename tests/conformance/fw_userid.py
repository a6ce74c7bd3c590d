"""Registered addresses and user mappings: what takes effect without a commit."""

import time

from panos.objects import AddressGroup

from harness import check, equal, refused
from sdk import added, connect, op, rule, rulebase

NOTICE_SECONDS = 20


@check
def addresses_are_registered_and_unregistered(simulator):
    firewall = connect(simulator)
    firewall.userid.register("10.20.1.1", ["web", "prod"])
    firewall.userid.register(["10.20.1.2", "10.20.1.3"], "web")
    registered = firewall.userid.get_registered_ip()
    equal({ip: sorted(tags) for ip, tags in registered.items()}, {
        "10.20.1.1": ["prod", "web"], "10.20.1.2": ["web"], "10.20.1.3": ["web"],
    })
    equal(list(firewall.userid.get_registered_ip(ip="10.20.1.2")), ["10.20.1.2"])
    equal(list(firewall.userid.get_registered_ip(tags="prod")), ["10.20.1.1"])
    firewall.userid.unregister("10.20.1.1", "web")
    equal(firewall.userid.get_registered_ip(ip="10.20.1.1"), {"10.20.1.1": ["prod"]})
    firewall.userid.unregister("10.20.1.1", "prod")
    equal(firewall.userid.get_registered_ip(ip="10.20.1.1"), {})
    equal(firewall.pending_changes(), False)


@check
def what_is_there_already_is_told_and_does_no_harm(simulator):
    firewall = connect(simulator)
    firewall.userid.register("10.20.1.1", "web")
    firewall.userid.register("10.20.1.1", "web")  # the SDK ignores it
    firewall.userid.unregister("10.20.1.2", "web")
    firewall.userid.ignore_dup_errors = False
    with refused("tag web already exists, ignore"):
        firewall.userid.register("10.20.1.1", "web")
    with refused("does not exist, ignore unreg"):
        firewall.userid.unregister("10.20.1.2", "web")
    equal(firewall.userid.get_registered_ip(), {"10.20.1.1": ["web"]})


@check
def one_failed_entry_does_not_stop_the_others(simulator):
    firewall = connect(simulator)
    firewall.userid.batch_start()
    firewall.userid.register("10.20.1.1", "web")
    firewall.userid.register("not-an-address", "web")
    firewall.userid.register("10.20.1.2", "x" * 128)
    firewall.userid.register("10.20.1.3", "web")
    with refused("ip: not-an-address"):
        firewall.userid.batch_end()
    equal(sorted(firewall.userid.get_registered_ip()), ["10.20.1.1", "10.20.1.3"])


@check
def a_batch_is_one_message(simulator):
    firewall = connect(simulator)
    firewall.userid.batch_start()
    firewall.userid.register("10.20.1.1", "web")
    firewall.userid.login("corp\\anna", "10.20.9.1")
    firewall.userid.unregister("10.20.1.1", "web")
    firewall.userid.batch_end()
    equal(simulator.counters().get("user-id"), 1)


@check
def many_addresses_are_read_in_pages_of_500(simulator):
    firewall = connect(simulator)
    addresses = [f"10.21.{number // 250}.{number % 250}" for number in range(1201)]
    firewall.userid.register(addresses, "web")
    before = simulator.counters().get("op", 0)
    equal(sorted(firewall.userid.get_registered_ip()), sorted(addresses))
    equal(simulator.counters()["op"] - before, 3)
    page = "<show><object><registered-ip><limit>{}</limit><start-point>{}</start-point></registered-ip></object></show>"
    equal(len(op(firewall, page.format(100, 1151)).findall("./result/entry")), 51)
    equal(len(op(firewall, "<show><object><registered-ip><all/></registered-ip></object></show>").findall("./result/entry")), 500)
    with refused("limit"):
        op(firewall, page.format(501, 1))
    firewall.userid.clear_registered_ip()
    equal(firewall.userid.get_registered_ip(), {})


@check
def registrations_end_with_their_timeout(simulator):
    firewall = connect(simulator)
    firewall.userid.register("10.20.1.1", "short", timeout=1)
    firewall.userid.register("10.20.1.1", "long", timeout=600)
    deadline = time.monotonic() + NOTICE_SECONDS
    while "short" in firewall.userid.get_registered_ip().get("10.20.1.1", []):
        assert time.monotonic() < deadline, "it never ends"
        time.sleep(0.1)
    equal(firewall.userid.get_registered_ip(), {"10.20.1.1": ["long"]})
    with refused("timeout"):
        firewall.userid.register("10.20.1.1", "endless", timeout=2592001)


@check
def users_log_in_and_out(simulator):
    firewall = connect(simulator)
    firewall.userid.logins([("corp\\anna", "10.20.9.1"), ("corp\\ben", "10.20.9.2", 60)])

    def mapped():
        listed = op(firewall, "<show><user><ip-user-mapping><all/></ip-user-mapping></user></show>")
        return {entry.findtext("ip"): entry.findtext("user") for entry in listed.findall("./result/entry")}

    equal(mapped(), {"10.20.9.1": "corp\\anna", "10.20.9.2": "corp\\ben"})
    firewall.userid.logout("corp\\anna", "10.20.9.1")
    equal(mapped(), {"10.20.9.2": "corp\\ben"})
    firewall.userid.logouts([("corp\\ben", "10.20.9.2")])
    equal(mapped(), {})


@check
def audits_leave_exactly_the_wanted_addresses(simulator):
    firewall = connect(simulator)
    firewall.userid.register(["10.20.1.1", "10.20.1.2"], ["web"])
    firewall.userid.audit_registered_ip_for_tag("web", ["10.20.1.2", "10.20.1.3"])
    equal(firewall.userid.get_registered_ip(), {"10.20.1.2": ["web"], "10.20.1.3": ["web"]})
    firewall.userid.audit_registered_ip({"10.20.1.9": ["prod"]})
    equal(firewall.userid.get_registered_ip(), {"10.20.1.9": ["prod"]})


@check
def a_rule_with_a_dynamic_group_follows_the_registrations(simulator):
    firewall = connect(simulator)
    added(firewall, AddressGroup("pods", dynamic_value="'web' and ('prod' or 'stage')")).create()
    allow = added(rulebase(firewall), rule("allow", destination=["pods"]))
    allow.create()
    allow.move("before", "deny-east-west")
    equal(firewall.commit(sync=True)["success"], True)

    def deciding(destination):
        return firewall.test_security_policy_match(
            "10.20.1.1", destination, 6, application="ssl", port=443, from_zone="trust", to_zone="trust"
        )[0]["name"]

    def members():
        listed = op(firewall, "<show><object><dynamic-address-group><name>pods</name></dynamic-address-group></object></show>")
        return sorted(entry.get("name") for entry in listed.findall(".//member-list/entry"))

    equal((deciding("10.20.1.7"), members()), ("deny-east-west", []))
    firewall.userid.register("10.20.1.7", ["web", "stage"])
    firewall.userid.register("10.20.1.8", ["web"])
    firewall.userid.register("10.20.2.0/24", ["web", "prod"])
    equal(members(), ["10.20.1.7", "10.20.2.0/24"])
    found = [deciding(ip) for ip in ("10.20.1.7", "10.20.1.8", "10.20.2.9")]
    equal(found, ["allow", "deny-east-west", "allow"])
    firewall.userid.unregister("10.20.1.7", "stage")
    equal((deciding("10.20.1.7"), members()), ("deny-east-west", ["10.20.2.0/24"]))
