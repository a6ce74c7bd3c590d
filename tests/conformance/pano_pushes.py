"""Commit to Panorama, push to the group, and what the firewalls then enforce."""

from panos.objects import Tag
from panos.panorama import PanoramaCommit, PanoramaCommitAll

from harness import check, equal, refused
from pano import SERIALS, TOPOLOGY, connect, firewall, group, pre_rules
from sdk import added, app, names, op, rule, sign, tag

BASE = "/config/devices/entry[@name='localhost.localdomain']/device-group/entry[@name='{}']"


def write(panorama, name="east"):
    """An App-ID with its signature, and a rule that carries it, in a group's candidate."""
    here = group(panorama, name)
    added(here, app("sp-web")).create()
    sign(panorama, "sp-web", r"^web\.shop\.example$", base=BASE.format(name))
    allow = added(pre_rules(here), rule("allow", application=["sp-web"], fromzone=["any"], tozone=["any"]))
    allow.create()


def deciding(panorama, serial):
    """The rule that the device itself names for the App-ID; None while it does not know it."""
    try:
        return firewall(panorama, serial).test_security_policy_match(
            "10.20.1.1", "10.20.2.7", 6, application="sp-web", port=443, from_zone="trust", to_zone="trust"
        )[0]["name"]
    except Exception as error:
        assert "not a valid reference" in str(error), error
        return None


@check(topology=TOPOLOGY)
def a_push_brings_the_group_to_its_firewalls_and_to_no_others(simulator):
    panorama = connect(simulator)
    write(panorama)
    equal(panorama.commit(sync=True, exception=True)["success"], True)
    equal([deciding(panorama, serial) for serial in SERIALS], [None] * 4)
    push = PanoramaCommitAll("device group", "east", include_template=False, force_template_values=False)
    result = panorama.commit(cmd=push, sync=True, sync_all=True, exception=True)
    equal((result["success"], sorted(result["devices"])), (True, SERIALS[:2]))
    equal({device["result"] for device in result["devices"].values()}, {"OK"})
    equal([deciding(panorama, serial) for serial in SERIALS], ["allow", "allow", None, None])


@check(topology=TOPOLOGY)
def the_older_call_pushes_too(simulator):
    panorama = connect(simulator)
    write(panorama, "west")
    equal(panorama.commit(sync=True)["success"], True)
    result = panorama.commit_all(sync=True, sync_all=True, devicegroup="west")
    equal((result["success"], sorted(result["devices"])), (True, SERIALS[2:]))
    equal([deciding(panorama, serial) for serial in SERIALS], [None, None, "allow", "allow"])


@check(topology=TOPOLOGY)
def what_is_not_committed_is_not_pushed(simulator):
    panorama = connect(simulator)
    write(panorama)
    panorama.commit(cmd=PanoramaCommitAll("device group", "east"), sync=True, sync_all=True)
    equal([deciding(panorama, serial) for serial in SERIALS], [None] * 4)


@check(topology=TOPOLOGY)
def a_push_to_a_parent_does_not_reach_its_children(simulator):
    panorama = connect(simulator)
    write(panorama, "clusters")
    equal(panorama.commit(sync=True)["success"], True)
    panorama.commit(cmd=PanoramaCommitAll("device group", "clusters"), sync=True, sync_all=True)
    equal([deciding(panorama, serial) for serial in SERIALS], [None] * 4)
    panorama.commit(cmd=PanoramaCommitAll("device group", "east"), sync=True, sync_all=True)
    equal([deciding(panorama, serial) for serial in SERIALS], ["allow", "allow", None, None])


@check(topology=TOPOLOGY)
def a_partial_commit_of_one_group_leaves_the_other(simulator):
    panorama = connect(simulator)
    added(group(panorama), tag("eastern")).create()
    added(group(panorama, "west"), tag("western")).create()
    only_east = PanoramaCommit(admins=["sallyport"], device_groups=["east"])
    equal(panorama.commit(cmd=only_east, sync=True, exception=True)["success"], True)
    found = [names(Tag, panorama.find(name), running=True) for name in ("east", "west")]
    equal(found, [["eastern"], []])


@check(topology=TOPOLOGY)
def a_partial_commit_leaves_another_administrators_change_on_panorama(simulator):
    ours, theirs = connect(simulator), connect(simulator, "colleague")
    added(theirs, tag("theirs")).create()
    added(ours, tag("ours")).create()
    equal(ours.commit(sync=True, exception=True, admins=["sallyport"])["success"], True)
    equal(names(Tag, ours, running=True), ["corporate", "ours"])
    equal({owner for owner, _ in simulator.pending()}, {"colleague"})


@check(topology=TOPOLOGY)
def firewalls_tell_whether_they_are_in_sync(simulator):
    panorama = connect(simulator)

    def status():
        listed = op(panorama, "<show><devicegroups/></show>").findall("./result/devicegroups/entry/devices/entry")
        return {entry.get("name"): entry.findtext("shared-policy-status") for entry in listed}

    write(panorama)
    panorama.commit(sync=True)
    equal([status()[serial] == "In Sync" for serial in SERIALS[:2]], [False, False])
    for name in ("east", "west"):
        panorama.commit(cmd=PanoramaCommitAll("device group", name), sync=True, sync_all=True)
    equal(status(), dict.fromkeys(SERIALS, "In Sync"))


@check(topology=TOPOLOGY)
def pushed_policy_is_read_only_on_the_firewall(simulator):
    panorama = connect(simulator)
    write(panorama)
    panorama.commit(sync=True)
    panorama.commit(cmd=PanoramaCommitAll("device group", "east"), sync=True, sync_all=True)
    device = firewall(panorama, SERIALS[0])
    pushed = "/config/panorama/vsys/entry[@name='vsys1']/pre-rulebase/security/rules"
    device.xapi.show(f"{pushed}/entry[@name='allow']")
    equal(device.xapi.element_root.findtext(".//application/member"), "sp-web")
    with refused("read-only"):
        device.xapi.delete(f"{pushed}/entry[@name='allow']")


@check(topology=TOPOLOGY)
def a_push_that_fails_on_a_firewall_says_on_which(simulator):
    panorama = connect(simulator)
    here = group(panorama)
    added(pre_rules(here), rule("nowhere", fromzone=["dmz"], tozone=["any"])).create()
    equal(panorama.commit(sync=True)["success"], True)
    result = panorama.commit(cmd=PanoramaCommitAll("device group", "east"), sync=True, sync_all=True)
    equal((result["success"], sorted(result["devices"])), (False, SERIALS[:2]))
    equal({device["result"] for device in result["devices"].values()}, {"FAIL"})
    for device in result["devices"].values():
        assert "dmz" in str(device["messages"]), device
