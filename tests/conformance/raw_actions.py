"""Every configuration action on raw xpaths, and multi-config."""

import ssl

from pan.commit import PanCommit
from pan.xapi import PanXapi, PanXapiError

from harness import RULES, USERS, VSYS, check, equal, refused
from raw_client import TAGS, connect, names, refused_with, tag


@check
def the_certificate_proves_the_device(simulator):
    api = connect(simulator)
    api.keygen()
    stranger = PanXapi(
        hostname=simulator.host,
        port=simulator.port,
        api_username="sallyport",
        api_password=USERS["sallyport"],
        ssl_context=ssl.create_default_context(),
    )
    with refused("CERTIFICATE_VERIFY_FAILED", PanXapiError):
        stranger.keygen()


@check
def get_and_post_say_the_same(simulator):
    by_get, by_post = connect(simulator, use_get=True), connect(simulator)
    equal(names(by_get, TAGS), ["legacy"])
    equal(names(by_post, TAGS), ["legacy"])
    for api in by_get, by_post:
        api.op("show system info", cmd_xml=True)
        equal(api.element_root.findtext(".//model"), "PA-VM")


@check
def get_reads_the_candidate_and_show_what_runs(simulator):
    api = connect(simulator)
    api.set(tag("ours"), "<color>color1</color>")
    equal((api.status, api.status_code), ("success", "20"))
    equal(names(api, TAGS), ["legacy", "ours"])
    equal(api.status_code, "19")
    equal(api.element_root.find("./result").get("total-count"), "1")
    changed = api.element_root.find(".//entry[@name='ours']")
    equal(changed.get("admin"), "sallyport")
    assert changed.get("dirtyId") and changed.get("time"), changed.attrib
    api.show(TAGS)
    equal([entry.get("name") for entry in api.element_root.findall(".//entry")], ["legacy"])
    api.get(tag("absent"))
    equal((api.status, api.status_code, len(api.element_result)), ("success", "7", 0))
    refused_with(api, 7, "No such node", api.show, tag("absent"))
    api.show(tag("legacy") + "/color/text()")
    equal(api.element_result.text, "color8")


@check
def set_merges_and_edit_replaces(simulator):
    api = connect(simulator)
    api.set(tag("ours"), "<color>color1</color><comments>one</comments>")
    api.set(tag("ours"), "<color>color2</color>")
    api.get(tag("ours"))
    entry = api.element_root.find(".//entry")
    equal((entry.findtext("color"), entry.findtext("comments")), ("color2", "one"))
    api.edit(tag("ours"), '<entry name="ours"><color>color3</color></entry>')
    api.get(tag("ours"))
    entry = api.element_root.find(".//entry")
    equal((entry.findtext("color"), entry.findtext("comments")), ("color3", None))
    refused_with(api, 12, "root element", api.edit, tag("ours"), '<entry name="other"/>')
    refused_with(api, 12, "root element", api.edit, tag("ours"), "<tag/>")


@check
def a_set_at_the_list_with_the_entry_inside(simulator):
    api = connect(simulator)
    api.set(TAGS, '<entry name="one"><color>color1</color></entry><entry name="two"/>')
    equal(names(api, TAGS), ["legacy", "one", "two"])


@check
def delete_takes_one_or_several_and_forgives_what_is_absent(simulator):
    api = connect(simulator)
    api.set(TAGS, '<entry name="one"/><entry name="two"/><entry name="three"/>')
    api.delete(f"{TAGS}/entry[@name='one' or @name='two']")
    equal(names(api, TAGS), ["legacy", "three"])
    api.delete(tag("three"))
    equal(api.status_code, "20")
    api.delete(tag("three"))
    equal((api.status, api.status_code), ("success", "7"))


@check
def clone_rename_and_move(simulator):
    api = connect(simulator)
    api.clone(RULES, f"{RULES}/entry[@name='allow-legacy']", "copy")
    equal(names(api, RULES), ["allow-legacy", "deny-east-west", "copy"])
    api.rename(f"{RULES}/entry[@name='copy']", "twin")
    api.move(f"{RULES}/entry[@name='twin']", "before", "deny-east-west")
    equal(names(api, RULES), ["allow-legacy", "twin", "deny-east-west"])
    api.get(f"{RULES}/entry[@name='twin']/tag")
    equal(api.element_root.findtext(".//member"), "legacy")  # a clone carries the tags along
    api.get(RULES)
    uuids = [entry.get("uuid") for entry in api.element_root.findall("./result/*/entry")]
    equal(len(set(uuids)), 3)


@check
def override_is_for_the_default_rules(simulator):
    api = connect(simulator)
    defaults = f"{VSYS}/rulebase/default-security-rules/rules"
    api.override(
        f"{defaults}/entry[@name='intrazone-default']",
        '<entry name="intrazone-default"><action>deny</action><log-end>yes</log-end></entry>',
    )
    api.get(f"{defaults}/entry[@name='intrazone-default']/action")
    equal(api.element_root.findtext(".//action"), "deny")
    refused_with(api, 14, "nothing to override", api.override, tag("legacy"), '<entry name="legacy"/>')


@check
def complete_lists_names_and_words(simulator):
    api = connect(simulator)

    def completions(xpath):
        api.ad_hoc({"type": "config", "action": "complete", "xpath": xpath, "key": api.api_key})
        return [found.get("value") for found in api.element_root.findall("./completions/completion")]

    api.keygen()
    equal(completions(TAGS), ["legacy"])
    equal(completions(f"{RULES}/entry[@name='allow-legacy']/rule-type"), ["universal", "intrazone", "interzone"])
    refused_with(api, 17, "No completions available", completions, f"{VSYS}/display-name")


@check
def a_batch_is_done_whole_or_not_at_all(simulator):
    api = connect(simulator)
    good = f'<set id="1" xpath="{tag("one")}"><color>color1</color></set>'
    api.multi_config(f"<multi-config>{good}<delete id='2' xpath=\"{tag('absent')}\"/></multi-config>")
    equal((api.status, api.status_code), ("success", "20"))
    replies = api.element_root.findall("./response")
    equal([(reply.get("id"), reply.get("code")) for reply in replies], [("1", "20"), ("2", "7")])
    bad = f'<set id="2" xpath="{tag("two")}"><color>color99</color></set>'
    later = f'<set id="3" xpath="{tag("three")}"/>'
    with refused('code="12" id="2"', PanXapiError):
        api.multi_config(f"<multi-configure-request>{good}{bad}{later}</multi-configure-request>")
    equal((api.status, api.status_code), ("error", "13"))
    equal([reply.get("code") for reply in api.element_root.findall("./response")], ["20", "12"])
    equal(names(api, TAGS), ["legacy", "one"])


@check
def a_batch_moves_and_edits_too(simulator):
    api = connect(simulator)
    batch = (
        f"<clone xpath=\"{RULES}\" from=\"{RULES}/entry[@name='allow-legacy']\" newname=\"copy\"/>"
        f"<move xpath=\"{RULES}/entry[@name='copy']\" where=\"top\" dst=\"\"/>"
        f"<rename xpath=\"{RULES}/entry[@name='copy']\" newname=\"first\"/>"
        f"<edit xpath=\"{RULES}/entry[@name='first']/action\"><action>drop</action></edit>"
    )
    api.multi_config(f"<multi-config>{batch}</multi-config>")
    equal(names(api, RULES), ["first", "allow-legacy", "deny-east-west"])
    api.get(f"{RULES}/entry[@name='first']/action")
    equal(api.element_root.findtext(".//action"), "drop")


@check
def a_strict_batch_takes_back_our_own_changes_first(simulator):
    ours, theirs = connect(simulator), connect(simulator, "colleague")
    ours.set(tag("before"), "<color>color1</color>")
    theirs.set(tag("theirs"), "<color>color1</color>")
    ours.multi_config(f'<multi-config><set xpath="{tag("batch")}"/></multi-config>', strict=True)
    equal(names(ours, TAGS), ["legacy", "theirs", "batch"])
    simulator.control("POST", "/commit-time", {"ms": 2000})
    ours.commit("<commit/>")
    with refused("commit is pending"):
        ours.multi_config(f'<multi-config><set xpath="{tag("later")}"/></multi-config>', strict=True)


@check(quirks={"multi_config_enabled": False})
def where_multi_config_is_off_it_is_refused(simulator):
    api = connect(simulator)
    refused_with(api, 17, "not enabled", api.multi_config, f'<multi-config><set xpath="{tag("x")}"/></multi-config>')
    equal(names(api, TAGS), ["legacy"])


@check
def commands_of_the_commit_class(simulator):
    api = connect(simulator)
    api.commit(PanCommit().cmd(), sync=True, interval=0.1)
    equal(api.status_detail, "There are no changes to commit.")
    api.set(tag("one"), "<color>color1</color>")
    api.commit(PanCommit(force=True).cmd(), sync=True, interval=0.1)
    equal(api.element_root.findtext("./result/job/result"), "OK")
    excluded = PanCommit()
    excluded.policy_and_objects_excluded()
    api.set(tag("two"), "<color>color1</color>")
    api.commit(excluded.cmd(), sync=True, interval=0.1)
    equal(api.status_detail, "There are no changes to commit.")


@check
def a_target_means_nothing_to_a_firewall(simulator):
    api = connect(simulator, serial="007200000000001")
    api.set(tag("ours"), "<color>color1</color>")
    equal(names(connect(simulator), TAGS), ["legacy", "ours"])
