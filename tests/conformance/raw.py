"""Holds the simulated firewall to account with pan-python alone: run.sh VENV raw.py [--list] [NAME…]"""

import raw_actions  # noqa: F401
import raw_codes  # noqa: F401

from harness import main

main()
