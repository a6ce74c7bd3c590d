"""The vendor's SDK, connected to a simulated Panorama with two device groups and four firewalls."""

from panos.firewall import Firewall
from panos.panorama import DeviceGroup, Panorama
from panos.policies import PreRulebase

from harness import USERS
from sdk import TIMEOUT_SECONDS, added

SERIALS = ["007900000000001", "007900000000002", "007900000000003", "007900000000004"]
TOPOLOGY = {
    "device_groups": [{"name": "clusters"}, {"name": "east", "parent": "clusters"}, {"name": "west", "parent": "clusters"}],
    "devices": [
        {"serial": serial, "hostname": f"fw-{number}", "device_group": "east" if number < 3 else "west"}
        for number, serial in enumerate(SERIALS, 1)
    ],
}


def connect(simulator, user="sallyport"):
    panorama = Panorama(
        simulator.host, api_username=user, api_password=USERS[user], port=simulator.port
    )
    panorama.timeout = TIMEOUT_SECONDS
    panorama.refresh_system_info()
    return panorama


def group(panorama, name="east"):
    return added(panorama, DeviceGroup(name))


def pre_rules(parent):
    return added(parent, PreRulebase())


def firewall(panorama, serial):
    """A managed firewall, asked through Panorama."""
    return added(panorama, Firewall(serial=serial, vsys="vsys1"))
