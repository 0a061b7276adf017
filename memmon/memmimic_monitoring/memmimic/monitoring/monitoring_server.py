"""`python -m memmimic.monitoring.monitoring_server`: the runbook's way to say `memmon up`."""

from __future__ import annotations

import sys

from memmon.cli import main

if __name__ == "__main__":
    main(["up", *sys.argv[1:]], prog_name="memmon")
