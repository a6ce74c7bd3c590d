"""The vendor's SDK, connected to a simulator, and the objects that the checks write."""

import xml.etree.ElementTree as ET

from panos.firewall import Firewall
from panos.objects import AddressObject, ApplicationObject, Tag
from panos.policies import Rulebase, SecurityRule

from harness import USERS, VSYS

TIMEOUT_SECONDS = 20


def connect(simulator, user="sallyport", password=None):
    """A firewall whose version is known, as scripts have it before they write."""
    firewall = Firewall(
        simulator.host,
        api_username=user,
        api_password=USERS[user] if password is None else password,
        port=simulator.port,
        vsys="vsys1",
    )
    firewall.timeout = TIMEOUT_SECONDS
    firewall.refresh_system_info()
    return firewall


def added(parent, *children):
    """Hangs objects into the SDK's tree; nothing is written."""
    for child in children:
        parent.add(child)
    return children[0] if len(children) == 1 else children


def app(name="sp-web", **more):
    fields = {
        "category": "business-systems",
        "subcategory": "general-business",
        "technology": "client-server",
        "risk": 1,
        "description": "made by a check",
        "parent_app": "ssl",
        "default_type": "port",
        "default_port": ["tcp/443"],
    }
    return ApplicationObject(name, **{**fields, **more})


def signature(pattern):
    """What the SDK has no class for: the signature of an App-ID."""
    return (
        '<signature><entry name="sni"><scope>protocol-data-unit</scope><order-free>no</order-free><and-condition>'
        '<entry name="And Condition 1"><or-condition><entry name="Or Condition 1"><operator><pattern-match>'
        f"<pattern>{pattern}</pattern><context>ssl-req-chello-sni</context>"
        "</pattern-match></operator></entry></or-condition></entry></and-condition></entry></signature>"
    )


def sign(device, name, pattern, base=VSYS):
    """Adds a signature to an App-ID that is there."""
    device.xapi.set(f"{base}/application/entry[@name='{name}']", signature(pattern))


def rule(name, **more):
    fields = {
        "fromzone": ["trust"],
        "tozone": ["trust"],
        "source": ["any"],
        "destination": ["10.20.0.0/16"],
        "application": ["ssl"],
        "service": ["service-https"],
        "action": "allow",
        "description": "made by a check",
    }
    return SecurityRule(name, **{**fields, **more})


def rulebase(firewall):
    return added(firewall, Rulebase())


def rule_names(firewall, running=False):
    """The rules in their order, read anew."""
    fresh = Rulebase()
    firewall.add(fresh)
    names = [found.name for found in SecurityRule.refreshall(fresh, running_config=running)]
    firewall.remove(fresh)
    return names


def names(kind, parent, running=False):
    return [found.name for found in kind.refreshall(parent, running_config=running, add=False)]


def address(name, ip="192.0.2.1", **more):
    return AddressObject(name, ip, **more)


def tag(name, **more):
    return Tag(name, **more)


def op(device, command):
    """An operational command, as XML."""
    return device.op(command, cmd_xml=False)


def text(element):
    return ET.tostring(element, encoding="unicode")
