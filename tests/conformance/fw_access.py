"""Who may ask, and what the device says about itself."""

import datetime

from panos.base import PanDevice
from panos.errors import PanNoSuchNode, PanURLError
from panos.firewall import Firewall
from panos.objects import AddressObject

from harness import USERS, check, equal, refused
from sdk import address, added, connect


@check
def keygen_gives_a_key_for_the_right_password(simulator):
    firewall = connect(simulator)
    assert firewall.api_key.endswith("="), "keys are Base64"
    again = Firewall(simulator.host, api_key=firewall.api_key, port=simulator.port)
    equal(again.refresh_system_info().platform, "PA-VM")


@check
def keygen_with_a_wrong_password_is_403(simulator):
    with refused("code: 403", PanURLError):
        connect(simulator, password="wrong")
    with refused("code: 403", PanURLError):
        Firewall(simulator.host, api_username="nobody", api_password="", port=simulator.port).refresh_system_info()


@check
def a_key_that_is_none_is_403(simulator):
    firewall = Firewall(simulator.host, api_key="LUFRPT1nothing=", port=simulator.port)
    with refused("code: 403", PanURLError):
        firewall.refresh_system_info()


@check
def an_expired_key_is_403_and_keygen_gives_another(simulator):
    firewall = connect(simulator)
    simulator.control("POST", "/expire-keys")
    with refused("code: 403", PanURLError):
        firewall.pending_changes()
    assert connect(simulator).api_key != firewall.api_key


@check
def key_lifetime_is_configuration_and_each_keygen_differs(simulator):
    firewall = connect(simulator)
    equal(connect(simulator).api_key, firewall.api_key)
    base = "/config/devices/entry[@name='localhost.localdomain']/deviceconfig/setting/management"
    with refused("lifetime"):
        firewall.xapi.set(base, "<api><key><lifetime>525601</lifetime></key></api>")
    firewall.xapi.set(base, "<api><key><lifetime>60</lifetime></key></api>")
    equal(connect(simulator).api_key, firewall.api_key)  # not in force yet
    assert firewall.commit(sync=True)["success"]
    first, second = connect(simulator).api_key, connect(simulator).api_key
    assert first != second, "with a lifetime each key is another"


@check
def show_system_info_and_version(simulator):
    firewall = connect(simulator)
    info = firewall.show_system_info()["system"]
    equal((info["model"], info["sw-version"], info["multi-vsys"]), ("PA-VM", "11.1.6", "off"))
    equal((firewall.version, firewall.platform, firewall.serial), ("11.1.6", "PA-VM", info["serial"]))
    equal(firewall.multi_vsys, False)
    firewall.refresh_version()
    firewall.xapi.ad_hoc("type=version", modify_qs=True)
    equal(firewall.xapi.element_result.findtext("sw-version"), "11.1.6")


@check
def create_from_device_finds_a_firewall(simulator):
    device = PanDevice.create_from_device(simulator.host, "sallyport", USERS["sallyport"], port=simulator.port)
    equal(type(device), Firewall)


@check
def whoami_clock_and_readiness(simulator):
    firewall = connect(simulator)
    equal(firewall.whoami(), "sallyport")
    assert abs((firewall.clock() - datetime.datetime.utcnow()).total_seconds()) < 60
    equal(firewall.is_ready(seconds=5), True)
    equal(firewall.plugins(), [])


@check
def a_single_firewall_is_its_own_active_peer(simulator):
    firewall = connect(simulator)
    equal(firewall.show_highavailability_state()[0], "disabled")
    equal(firewall.refresh_ha_active(), None)
    equal(firewall.active(), firewall)


@check
def reads_of_what_is_absent_are_empty(simulator):
    firewall = connect(simulator)
    equal(AddressObject.refreshall(firewall, running_config=True)[0].name, "legacy-net")
    missing = added(firewall, address("missing"))
    with refused("Object doesn't exist"):
        missing.refresh()
    with refused("Object doesn't exist"):
        missing.refresh(running_config=True)
    with refused("No such node", PanNoSuchNode):
        firewall.xapi.show(missing.xpath())


@check
def a_proxys_error_page_is_an_error(simulator):
    firewall = connect(simulator)
    simulator.plant("op", {"http_status": 502})
    with refused("code: 502", PanURLError):
        firewall.pending_changes()
    equal(firewall.pending_changes(), False)
