"""Every code of the vendor's list that a client of a firewall can see; README.md tells of the others."""

from pan.xapi import PanXapiError

from harness import RULES, VSYS, check, equal, refused
from raw_client import TAGS, connect, names, refused_with, tag

# What no request brings about, or only on devices that are not here: seen by planting it.
PLANTED = [1, 2, 3, 4, 5, 9, 11, 16, 21, 22]


@check
def code_6_an_xpath_that_is_none(simulator):
    api = connect(simulator)
    for broken in ["/config/[", "config", f"{TAGS}/entry[@name=legacy]", "//"]:
        refused_with(api, 6, "Invalid sequence", api.delete, broken)


@check
def code_7_what_is_not_there(simulator):
    api = connect(simulator)
    refused_with(api, 7, "No such node", api.show, tag("absent"))
    refused_with(api, 7, "No such node", api.move, f"{RULES}/entry[@name='absent']", "top")
    refused_with(api, 7, "not found", api.op, "<show><jobs><id>4711</id></jobs></show>")


@check
def code_8_a_name_that_is_taken(simulator):
    api = connect(simulator)
    api.set(tag("ours"), "<color>color1</color>")
    refused_with(api, 8, "legacy already exists", api.rename, tag("ours"), "legacy")
    refused_with(api, 8, "legacy already exists", api.clone, TAGS, tag("ours"), "legacy")


@check
def code_10_what_is_still_named(simulator):
    api = connect(simulator)
    refused_with(
        api, 10, "legacy-corp cannot be deleted because of references from", api.delete,
        f"{VSYS}/application/entry[@name='legacy-corp']",
    )
    assert "rulebase -> security -> rules -> allow-legacy -> application" in api.status_detail, api.status_detail


@check
def code_12_what_does_not_fit_the_schema(simulator):
    api = connect(simulator)
    for element, words in [
        ("<color>color18</color>", "ours -> color 'color18' is invalid"),
        ("<colour>color1</colour>", "ours -> colour unexpected here"),
        (f"<comments>{'x' * 1024}</comments>", "can be at most 1023 characters, but current length: 1024"),
    ]:
        refused_with(api, 12, words, api.set, tag("ours"), element)
    refused_with(api, 12, "at least 1 character", api.set, f"{RULES}/entry[@name='r']", "<from><member/></from>")
    refused_with(api, 12, "is not an allowed keyword", api.set, f"{RULES}/entry[@name='r']", "<action>reject</action>")
    equal(names(api, TAGS), ["legacy"])


@check
def code_13_not_now(simulator):
    ours, theirs = connect(simulator), connect(simulator, "colleague")
    theirs.op("<request><config-lock><add/></config-lock></request>", vsys="vsys1")
    refused_with(ours, 13, "Configuration is locked by administrator colleague", ours.set, tag("ours"), "<color>color1</color>")


@check
def code_14_not_in_this_state(simulator):
    api = connect(simulator)
    refused_with(api, 14, "cannot be stopped", api.op, "<clear><job><id>1</id></job></clear>")


@check
def code_15_not_here(simulator):
    api = connect(simulator)
    refused_with(api, 15, "read-only", api.set, "/config/predefined", "<x/>")


@check
def code_17_what_the_device_does_not_know(simulator):
    api = connect(simulator)
    refused_with(api, 17, "show -> nonsense is unexpected", api.op, "<show><nonsense/></show>")
    refused_with(api, 17, "commit -> nonsense unexpected here", api.commit, "<commit><nonsense/></commit>")
    refused_with(api, 17, "Could not find schema node for xpath", api.set, f"{VSYS}/nonsense", "<x/>")
    refused_with(api, 17, "commit-all is unexpected", api.commit, "<commit-all/>", action="all")


@check
def code_18_xml_that_is_none(simulator):
    api = connect(simulator)
    refused_with(api, 18, "Malformed Request", api.set, tag("ours"), "<color>color1")
    refused_with(api, 18, "Malformed Request", api.op, "<show><system>")
    refused_with(api, 18, "Malformed Request", api.commit, "<commit")
    refused_with(api, 18, "Malformed Request", api.user_id, "uid-message")


@check
def codes_19_and_20_are_success(simulator):
    api = connect(simulator)
    api.get(TAGS)
    equal((api.status, api.status_code), ("success", "19"))
    api.set(tag("ours"), "<color>color1</color>")
    equal((api.status, api.status_code), ("success", "20"))
    api.commit("<commit/>")
    equal((api.status, api.status_code), ("success", "19"))


@check
def codes_400_and_403_come_with_their_http_status(simulator):
    api = connect(simulator)
    api.keygen()
    with refused("code: 400", PanXapiError):
        api.ad_hoc({"type": "nonsense", "key": api.api_key})
    with refused("code: 403", PanXapiError):
        connect(simulator, api_password="wrong").keygen()
    with refused("code: 403", PanXapiError):
        connect(simulator, api_key="LUFRPT1nothing=").get(TAGS)


@check
def any_other_code_arrives_as_it_was_sent(simulator):
    api = connect(simulator)
    for code in PLANTED:
        words = f"words of code {code} & <more>"
        simulator.plant("get", {"refuse": {"code": code, "text": words}})
        refused_with(api, code, words, api.get, TAGS)
    equal(names(api, TAGS), ["legacy"])


@check
def faults_by_chance_are_the_same_in_every_run(simulator):
    def run():
        api = connect(simulator)
        refusal = {"refuse": {"code": 13, "text": "A commit is pending. Please try again later"}}
        simulator.plant("get", refusal, times={"chance": 0.3, "seed": 7})
        seen = []
        for _ in range(60):
            try:
                api.get(TAGS)
                seen.append(False)
            except PanXapiError:
                seen.append(True)
        simulator.control("DELETE", "/faults")
        return seen

    first = run()
    assert 5 < sum(first) < 35, sum(first)
    equal(run(), first)


@check
def broken_answers_are_errors_to_others_too(simulator):
    api = connect(simulator)
    for fault in ["truncate", "garbage", "drop_before", "drop_after", "cut_midway"]:
        simulator.plant("get", fault)
        try:
            api.get(TAGS)
        except Exception:  # whatever the client's own kind of it
            pass
        else:
            raise AssertionError(f"{fault} passed for an answer")
    equal(names(api, TAGS), ["legacy"])
