"""Security rules: written one by one and in bulk, changed, moved, and asked about."""

from panos.policies import Rulebase, SecurityRule

from harness import RULES, check, equal, refused
from sdk import added, app, connect, op, rule, rule_names, rulebase, sign, tag

STOCK = ["allow-legacy", "deny-east-west"]


def read(firewall, name):
    fresh = added(firewall, Rulebase())
    found = {rule.name: rule for rule in SecurityRule.refreshall(fresh)}
    firewall.remove(fresh)
    return found[name]


@check
def rules_come_back_as_they_were_written(simulator):
    firewall = connect(simulator)
    added(firewall, tag("ours")).create()
    allow = added(
        rulebase(firewall),
        rule("allow", tag=["ours"], log_setting="default", log_end=True, group="strict", disabled=False),
    )
    allow.create()
    fresh = read(firewall, "allow")
    changed_by_the_sdk = {"hip_profiles", "group", "uuid"}
    written, found = allow.about(), fresh.about()
    equal({key for key in written if written[key] != found[key]}, changed_by_the_sdk)
    equal((fresh.hip_profiles, fresh.group), (None, ["strict"]))
    assert fresh.uuid, "the device gives each rule a UUID"
    equal(rule_names(firewall), [*STOCK, "allow"])


@check
def bulk_rules_are_one_request_and_keep_their_order(simulator):
    firewall = connect(simulator)
    many = [rule(f"rule-{number}") for number in range(40)]
    added(rulebase(firewall), *many)[0].create_similar()
    equal(simulator.counters().get("config.set"), 1)
    equal(rule_names(firewall), [*STOCK, *(f"rule-{number}" for number in range(40))])
    many[0].delete_similar()
    equal(simulator.counters().get("config.delete"), 1)
    equal(rule_names(firewall), STOCK)


@check
def update_changes_one_member_list(simulator):
    firewall = connect(simulator)
    allow = added(rulebase(firewall), rule("allow", application=["ssl", "web-browsing"]))
    allow.create()
    allow.application = ["ssl"]
    allow.update("application")
    equal(read(firewall, "allow").application, ["ssl"])
    allow.application = ["ssl", "dns"]
    allow.create()
    equal(read(firewall, "allow").application, ["ssl", "dns"])
    allow.application = ["dns"]
    allow.create()
    equal(read(firewall, "allow").application, ["ssl", "dns"])  # a set only adds
    allow.apply()
    equal(read(firewall, "allow").application, ["dns"])
    allow.description = None
    allow.update("description")
    equal(read(firewall, "allow").description, None)


@check
def a_uuid_that_is_sent_back_does_no_harm(simulator):
    firewall = connect(simulator)
    allow = added(rulebase(firewall), rule("allow"))
    allow.create()
    fresh = read(firewall, "allow")
    was, allow.uuid, allow.description = fresh.uuid, fresh.uuid, "changed"
    allow.apply()
    equal((read(firewall, "allow").uuid, read(firewall, "allow").description), (was, "changed"))


@check
def moves(simulator):
    firewall = connect(simulator)
    base = rulebase(firewall)
    first, second, third = added(base, rule("first"), rule("second"), rule("third"))
    first.create_similar()
    third.move("top")
    equal(rule_names(firewall), ["third", *STOCK, "first", "second"])
    third.move("bottom")
    equal(rule_names(firewall), [*STOCK, "first", "second", "third"])
    third.move("before", "deny-east-west")
    equal(rule_names(firewall), ["allow-legacy", "third", "deny-east-west", "first", "second"])
    first.move("after", third)
    equal(rule_names(firewall), ["allow-legacy", "third", "first", "deny-east-west", "second"])
    with refused("absent"):
        second.move("before", "absent")
    equal(rule_names(firewall), ["allow-legacy", "third", "first", "deny-east-west", "second"])


@check
def a_move_knows_four_places(simulator):
    firewall = connect(simulator)
    only = added(rulebase(firewall), rule("only"))
    only.create()
    only.move("top")
    only.move("top")
    with refused("sideways"):
        firewall.xapi.move(f"{RULES}/entry[@name='only']", "sideways")
    equal(rule_names(firewall), ["only", *STOCK])


@check
def rename_and_delete(simulator):
    firewall = connect(simulator)
    allow = added(rulebase(firewall), rule("allow"))
    allow.create()
    allow.rename("permit")
    equal(rule_names(firewall), [*STOCK, "permit"])
    with refused("already exists"):
        allow.rename("deny-east-west")
    allow.delete()
    equal(rule_names(firewall), STOCK)


@check
def a_rule_names_what_is_there(simulator):
    firewall = connect(simulator)
    base = rulebase(firewall)
    for field, value in [
        ("application", ["absent"]),
        ("service", ["absent"]),
        ("source", ["absent"]),
        ("fromzone", ["absent"]),
        ("tag", ["absent"]),
        ("log_setting", "absent"),
        ("group", "absent"),
    ]:
        bad = added(base, rule("bad", **{field: value}))
        with refused("'absent' is not a valid reference"):
            bad.create()
        base.remove(bad)
    equal(rule_names(firewall), STOCK)


@check
def words_that_stand_alone(simulator):
    firewall = connect(simulator)
    both = added(rulebase(firewall), rule("both", service=["application-default", "service-https"]))
    with refused("'application-default' should not be used with another service"):
        both.create()
    equal(rule_names(firewall), STOCK)


@check
def audit_comments(simulator):
    firewall = connect(simulator)
    allow = added(rulebase(firewall), rule("allow"))
    allow.create()
    allow.opstate.audit_comment.update("ticket 1")
    equal(allow.opstate.audit_comment.current(), "ticket 1")
    with refused("invalid"):
        allow.opstate.audit_comment.update("x" * 257)


@check
def the_policy_test_names_the_rule_that_runs(simulator):
    firewall = connect(simulator)
    added(firewall, app("sp-web")).create()
    sign(firewall, "sp-web", r"^web\.shop\.example$")
    allow = added(rulebase(firewall), rule("allow", application=["sp-web"]))
    allow.create()
    allow.move("before", "deny-east-west")

    def deciding(application):
        return firewall.test_security_policy_match(
            "10.20.1.1", "10.20.2.7", 6, application=application, port=443, from_zone="trust", to_zone="trust"
        )[0]["name"]

    with refused("'sp-web' is not a valid reference"):
        deciding("sp-web")  # nothing of the candidate is known yet
    assert firewall.commit(sync=True)["success"]
    equal(deciding("sp-web"), "allow")
    equal(deciding("web-browsing"), "deny-east-west")
    bad = op(firewall, "<show><bad-custom-signature/></show>")
    assert "sp-web" not in "".join(bad.itertext()), "it compiled"
