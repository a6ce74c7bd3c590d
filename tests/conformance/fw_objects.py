"""Tags, addresses, groups, services and App-IDs, as the SDK writes and reads them."""

from panos.objects import (
    AddressGroup,
    AddressObject,
    ApplicationGroup,
    ApplicationObject,
    ServiceGroup,
    ServiceObject,
    Tag,
)

from harness import VSYS, check, equal, refused
from sdk import address, added, app, connect, names, rule, rulebase, sign, signature, tag


def read_back(firewall, thing):
    """The object as the device has it, compared with what was written."""
    fresh = type(thing)(thing.name)
    firewall.add(fresh)
    fresh.refresh()
    firewall.remove(fresh)
    assert thing.equal(fresh, compare_children=False), f"{thing.about()} came back as {fresh.about()}"


@check
def tags(simulator):
    firewall = connect(simulator)
    ours = added(firewall, tag("sallyport:prod", color=Tag.color_code("red"), comments="ours"))
    ours.create()
    read_back(firewall, ours)
    equal(names(Tag, firewall), ["legacy", "sallyport:prod"])
    ours.delete()
    equal(names(Tag, firewall), ["legacy"])


@check
def addresses(simulator):
    firewall = connect(simulator)
    added(firewall, tag("ours")).create()
    for thing in [
        address("net", "10.1.0.0/16", description="d", tag=["ours"]),
        address("range", "10.1.0.1-10.1.0.9", type="ip-range"),
        address("name", "pay.example.com", type="fqdn"),
    ]:
        added(firewall, thing).create()
        read_back(firewall, thing)
    wrong = added(firewall, address("wrong", "10.1.0.0/99"))
    with refused("wrong"):
        wrong.create()
    equal(names(AddressObject, firewall), ["legacy-net", "net", "range", "name"])


@check
def a_created_object_keeps_what_it_had_and_an_applied_one_does_not(simulator):
    firewall = connect(simulator)
    first = added(firewall, address("net", "10.1.0.0/16", description="first"))
    first.create()
    second = added(firewall, address("net", "10.2.0.0/16"))
    second.create()
    equal(refreshed(firewall, "net").description, "first")
    equal(refreshed(firewall, "net").value, "10.2.0.0/16")
    second.apply()
    equal(refreshed(firewall, "net").description, None)


def refreshed(firewall, name):
    return next(found for found in AddressObject.refreshall(firewall, add=False) if found.name == name)


@check
def update_edits_or_deletes_one_leaf(simulator):
    firewall = connect(simulator)
    net = added(firewall, address("net", "10.1.0.0/16", description="first"))
    net.create()
    net.description = "second"
    net.update("description")
    equal(refreshed(firewall, "net").description, "second")
    net.description = None
    net.update("description")
    equal(refreshed(firewall, "net").description, None)
    net.value = "10.9.0.0/16"
    net.update("value")
    equal(refreshed(firewall, "net").value, "10.9.0.0/16")


@check
def groups(simulator):
    firewall = connect(simulator)
    added(firewall, address("a"), address("b", "192.0.2.2"))[0].create_similar()
    for thing in [
        AddressGroup("static", static_value=["a", "b"]),
        AddressGroup("dynamic", dynamic_value="'web' and 'prod'"),
        ServiceObject("tcp-9443", protocol="tcp", destination_port="9443,9500-9510", description="d"),
        ServiceGroup("services", ["tcp-8443", "tcp-9443"]),
        ApplicationGroup("apps", ["ssl", "legacy-corp"]),
    ]:
        added(firewall, thing).create()
        read_back(firewall, thing)
    nothing = added(firewall, AddressGroup("nothing", static_value=["absent"]))
    with refused("'absent' is not a valid reference"):
        nothing.create()


@check
def applications_with_a_signature(simulator):
    firewall = connect(simulator)
    ours = added(firewall, app("sp-web"))
    ours.create()
    read_back(firewall, ours)
    sign(firewall, "sp-web", r"^web\.shop\.example$")
    firewall.xapi.get(f"{VSYS}/application/entry[@name='sp-web']/signature")
    equal(firewall.xapi.element_root.findtext(".//pattern"), r"^web\.shop\.example$")
    read_back(firewall, ours)  # what the SDK does not know does not confuse it
    ours.description = "other"
    ours.update("description")
    firewall.xapi.get(f"{VSYS}/application/entry[@name='sp-web']")
    equal(firewall.xapi.element_root.findtext(".//pattern"), r"^web\.shop\.example$")
    ours.apply()
    firewall.xapi.get(f"{VSYS}/application/entry[@name='sp-web']")
    equal(firewall.xapi.element_root.findtext(".//pattern"), None)  # an edit replaces all


@check
def applications_carry_no_tags_and_short_names(simulator):
    firewall = connect(simulator)
    added(firewall, tag("ours")).create()
    tagged = added(firewall, app("sp-web", tag=["ours"]))
    with refused("tag unexpected here"):
        tagged.create()
    long = added(firewall, app("a" * 32))
    with refused("31"):
        long.create()
    added(firewall, app("a" * 31)).create()
    sibling = added(firewall, app("sp-bad", risk=6))
    with refused("risk"):
        sibling.create()


@check
def patterns_that_do_not_compile_are_refused(simulator):
    firewall = connect(simulator)
    added(firewall, app("sp-web")).create()
    with refused("pattern"):
        sign(firewall, "sp-web", "(")
    with refused("context"):
        element = signature("shop").replace("ssl-req-chello-sni", "ssl-no-such-context")
        firewall.xapi.set(f"{VSYS}/application/entry[@name='sp-web']", element)


@check(quirks={"sni_context_known": False})
def without_the_content_the_sni_context_is_unknown(simulator):
    firewall = connect(simulator)
    added(firewall, app("sp-web")).create()
    with refused("ssl-req-chello-sni"):
        sign(firewall, "sp-web", "shop")


@check
def what_is_in_use_cannot_be_deleted(simulator):
    firewall = connect(simulator)
    ours = added(firewall, app("sp-web"))
    ours.create()
    allow = added(rulebase(firewall), rule("allow", application=["sp-web"]))
    allow.create()
    with refused("sp-web cannot be deleted because of references from"):
        firewall.xapi.delete(ours.xpath())
    allow.delete()
    ours.delete()
    equal(names(ApplicationObject, firewall), ["legacy-corp"])


@check
def bulk_calls_are_one_request(simulator):
    firewall = connect(simulator)
    many = [address(f"host-{number}", f"192.0.2.{number}") for number in range(1, 101)]
    added(firewall, *many)[0].create_similar()
    equal(simulator.counters().get("config.set"), 1)
    equal(len(names(AddressObject, firewall)), 101)
    equal(len(AddressObject.refreshall(firewall, name_only=True, add=False)), 101)
    many[0].delete_similar()
    equal(simulator.counters().get("config.delete"), 1)
    equal(names(AddressObject, firewall), ["legacy-net"])


@check
def apply_similar_replaces_the_list(simulator):
    firewall = connect(simulator)
    added(firewall, tag("one")).create()
    keep = added(firewall, tag("legacy", color="color8"), tag("two"))
    keep[0].apply_similar()
    equal(sorted(names(Tag, firewall)), ["legacy", "one", "two"])
    firewall.removeall(Tag)
    added(firewall, tag("three"))
    with refused("cannot be deleted because of references"):
        firewall.find("three").apply_similar()


@check
def rename_takes_the_references_along(simulator):
    firewall = connect(simulator)
    ours = added(firewall, app("sp-web"))
    ours.create()
    added(rulebase(firewall), rule("allow", application=["sp-web"])).create()
    ours.rename("sp-shop")
    equal(names(ApplicationObject, firewall), ["legacy-corp", "sp-shop"])
    firewall.xapi.get(f"{VSYS}/rulebase/security/rules/entry[@name='allow']/application")
    equal(firewall.xapi.element_root.findtext(".//member"), "sp-shop")
    with refused("already exists"):
        ours.rename("legacy-corp")
