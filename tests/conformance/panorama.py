"""Holds the simulated Panorama to account with pan-os-python: run.sh VENV panorama.py [--list] [NAME…]"""

import pano_groups  # noqa: F401
import pano_pushes  # noqa: F401

from harness import main

main()
