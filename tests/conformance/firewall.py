"""Holds the simulated firewall to account with pan-os-python: run.sh VENV firewall.py [--list] [NAME…]"""

import fw_access  # noqa: F401
import fw_commits  # noqa: F401
import fw_locks  # noqa: F401
import fw_objects  # noqa: F401
import fw_rules  # noqa: F401
import fw_userid  # noqa: F401

from harness import main

main()
