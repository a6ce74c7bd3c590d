"""pan-python's API object, connected to a simulator."""

import ssl

from pan.xapi import PanXapi

from harness import USERS, VSYS, refused

TIMEOUT_SECONDS = 20
TAGS = VSYS + "/tag"


def connect(simulator, user="sallyport", **more):
    """Unlike the SDK it checks the certificate."""
    context = ssl.create_default_context(cafile=simulator.ca_file)
    arguments = {"api_username": user, "api_password": USERS[user], **more}
    return PanXapi(
        hostname=simulator.host, port=simulator.port, timeout=TIMEOUT_SECONDS, ssl_context=context, **arguments
    )


def tag(name):
    return f"{TAGS}/entry[@name='{name}']"


def names(api, xpath):
    """The names of a list in the candidate."""
    api.get(xpath)
    return [entry.get("name") for entry in api.element_root.findall("./result/*/entry")]


def refused_with(api, code, text, call, *arguments, **more):
    """The call must be refused with this code, in these words."""
    with refused(text):
        call(*arguments, **more)
    assert (api.status, api.status_code) == ("error", str(code)), f"{api.status} {api.status_code}: {api.status_detail}"
