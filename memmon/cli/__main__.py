"""`python -m memmon.cli`, inside the environment."""

from memmon.cli import main

main(prog_name="memmon")
