"""Device groups, the objects and rules in them, and the firewalls below."""

from panos.base import PanDevice
from panos.errors import PanURLError
from panos.objects import AddressObject, ApplicationObject, Tag
from panos.panorama import DeviceGroup, Panorama
from panos.policies import PostRulebase, SecurityRule

from harness import USERS, check, equal, refused
from pano import SERIALS, TOPOLOGY, connect, firewall, group, pre_rules
from sdk import added, address, app, names, op, rule, sign, tag

BASE = "/config/devices/entry[@name='localhost.localdomain']/device-group/entry[@name='{}']"


@check(topology=TOPOLOGY)
def create_from_device_finds_a_panorama(simulator):
    device = PanDevice.create_from_device(simulator.host, "sallyport", USERS["sallyport"], port=simulator.port)
    equal(type(device), Panorama)
    equal(connect(simulator).platform, "Panorama")
    with refused("code: 403", PanURLError):
        Panorama(simulator.host, "sallyport", "wrong", port=simulator.port).refresh_system_info()


@check(topology=TOPOLOGY)
def refresh_devices_finds_groups_and_firewalls(simulator):
    panorama = connect(simulator)
    found = panorama.refresh_devices(expand_vsys=False)
    groups = {each.name: sorted(fw.serial for fw in each.children) for each in found if isinstance(each, DeviceGroup)}
    equal(groups, {"clusters": [], "east": SERIALS[:2], "west": SERIALS[2:]})
    alone = panorama.refresh_devices(include_device_groups=False, only_connected=True)
    equal(sorted(fw.serial for fw in alone), SERIALS)
    one = panorama.refresh_devices(devices=[firewall(panorama, SERIALS[0])])
    equal([fw.serial for each in one for fw in each.children], [SERIALS[0]])


@check(topology=TOPOLOGY)
def the_hierarchy_of_groups(simulator):
    panorama = connect(simulator)
    equal(panorama.opstate.dg_hierarchy.fetch(), {"clusters": None, "east": "clusters", "west": "clusters"})


@check(topology=TOPOLOGY)
def objects_stand_in_their_group(simulator):
    panorama = connect(simulator)
    east, west = group(panorama), group(panorama, "west")
    added(panorama, tag("for-all")).create()
    added(east, address("net", "10.1.0.0/16", tag=["for-all"])).create()
    added(east, app("sp-web")).create()
    sign(panorama, "sp-web", r"^web\.shop\.example$", base=BASE.format("east"))
    equal((names(AddressObject, east), names(ApplicationObject, east)), (["net"], ["sp-web"]))
    equal((names(AddressObject, west), names(Tag, panorama)), ([], ["corporate", "for-all"]))
    stranger = added(pre_rules(west), rule("stranger", application=["sp-web"], fromzone=["any"], tozone=["any"]))
    with refused("'sp-web' is not a valid reference"):
        stranger.create()


@check(topology=TOPOLOGY)
def a_group_sees_what_its_parents_have(simulator):
    panorama = connect(simulator)
    added(group(panorama, "clusters"), app("sp-common")).create()
    allow = rule("allow", application=["sp-common"], fromzone=["any"], tozone=["any"])
    added(pre_rules(group(panorama, "west")), allow).create()
    inherited = panorama.find("clusters").find("sp-common")
    with refused("cannot be deleted because of references from"):
        panorama.xapi.delete(inherited.xpath())


@check(topology=TOPOLOGY)
def rules_before_and_after(simulator):
    panorama = connect(simulator)
    east = group(panorama)
    before, after = pre_rules(east), added(east, PostRulebase())
    many = [rule(f"rule-{number}", fromzone=["any"], tozone=["any"]) for number in range(20)]
    added(before, *many)[0].create_similar()
    added(after, rule("last", fromzone=["any"], tozone=["any"], action="deny")).create()
    many[-1].move("top")
    many[0].move("after", "rule-5")

    def read(base):
        return [found.name for found in SecurityRule.refreshall(base, add=False)]

    order = read(before)
    equal((order[0], order.index("rule-0") - order.index("rule-5"), len(order)), ("rule-19", 1, 20))
    equal(read(after), ["last"])
    many[0].delete_similar()
    equal(read(before), [])


@check(topology=TOPOLOGY)
def a_rule_name_is_unique_over_ancestors_and_descendants(simulator):
    panorama = connect(simulator)
    one = rule("allow", fromzone=["any"], tozone=["any"])
    added(pre_rules(group(panorama, "clusters")), one).create()
    twin = added(pre_rules(group(panorama)), rule("allow", fromzone=["any"], tozone=["any"]))
    with refused("allow"):
        twin.create()


@check(topology=TOPOLOGY)
def a_target_asks_the_firewall_itself(simulator):
    panorama = connect(simulator)
    for number, serial in enumerate(SERIALS, 1):
        device = firewall(panorama, serial)
        info = op(device, "<show><system><info/></system></show>")
        equal((info.findtext(".//serial"), info.findtext(".//hostname")), (serial, f"fw-{number}"))
    with refused("", Exception):
        op(firewall(panorama, "000000000000000"), "<show><system><info/></system></show>")
    equal(op(panorama, "<show><system><info/></system></show>").findtext(".//model"), "Panorama")


@check(topology=TOPOLOGY)
def a_target_carries_user_id_messages(simulator):
    panorama = connect(simulator)
    first, second = firewall(panorama, SERIALS[0]), firewall(panorama, SERIALS[1])
    first.userid.register("10.20.1.1", "web")
    equal(first.userid.get_registered_ip(), {"10.20.1.1": ["web"]})
    equal(second.userid.get_registered_ip(), {})
