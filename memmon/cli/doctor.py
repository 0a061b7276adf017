"""`memmon doctor`: looks at every part, and says what to do where one is wrong."""

from __future__ import annotations

import sys

import click

from memmon.cli.common import as_json, cell, console, show_json
from memmon.stack import doctor as stack_doctor
from memmon.stack import running


@click.command()
@as_json
def doctor(as_json: bool) -> None:
    """Look at every part; exit with 1 when one is broken."""
    findings = []
    out = console()
    for finding in stack_doctor.examine(running.settings_of()):
        findings.append(finding)
        if as_json:
            continue
        line = cell(finding.state)
        line.pad_right(max(0, 6 - len(line)))
        out.print(line, cell(f"{finding.name:<14}{finding.text}"), sep="", soft_wrap=True)
        if finding.hint:
            out.print(" " * 20, cell(f"-> {finding.hint}"), sep="", soft_wrap=True)
    if as_json:
        show_json([finding._asdict() for finding in findings])
    if any(finding.state == stack_doctor.FAIL for finding in findings):
        sys.exit(1)
