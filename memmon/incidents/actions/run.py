"""Run a command of the operator's allow-list (`commands` in playbooks.yml). Parameters: command,
and values {NAME: text}.

The words are those of the list and nothing else; there is no shell. What an incident says comes in
the environment: MEMMON_INCIDENT, MEMMON_ACTION_KEY, MEMMON_LABEL_<NAME> for each label,
MEMMON_VALUE_<NAME> for each value. Nothing of memmon's own environment is there. Exit status 0 is
done, 75 (EX_TEMPFAIL of sysexits.h) worth another try. When the time is over the whole process
group is killed.
"""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress

from memmon.config.guardrails import Command
from memmon.context import Context
from memmon.errors import Permanent, Transient
from memmon.incidents.actions import base
from memmon.incidents.actions.base import Action, ActionCall, Subject

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TEMPORARY_FAILURE = 75
MOST_OUTPUT = 64 << 10

_UNFIT = re.compile(r"[^A-Z0-9_]")


def act(ctx: Context, call: ActionCall) -> str:
    """Run the command; return the end of its output."""
    command = _command(ctx, call)
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                command.argv,
                cwd=command.folder,
                env=environment(command, call),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_limits(command),
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise Permanent(f"{command.argv[0]} cannot be run: {error}") from error
        try:
            code = process.wait(call.timeout)
        except subprocess.TimeoutExpired:
            raise Transient(f"{command.name} did not end within {call.timeout:g} s and was killed") from None
        finally:
            _end(process)
        output.seek(max(0, output.seek(0, os.SEEK_END) - MOST_OUTPUT))
        output_text = output.read().decode(errors="replace").strip()
    if code == TEMPORARY_FAILURE:
        raise Transient(f"{command.name}: status {code}: {output_text}")
    if code:
        raise Permanent(f"{command.name}: {f'signal {-code}' if code < 0 else f'status {code}'}: {output_text}")
    return f"{command.name}: {output_text or 'done'}"


def probe(ctx: Context, call: ActionCall) -> str | None:
    """Only the operator knows whether a command may be run twice."""
    if _command(ctx, call).idempotent:
        return None
    raise Permanent(
        "its worker died in the middle of it; whether it had its effect is not known, so it is not run again"
    )


def subject(ctx: Context, call: ActionCall) -> Subject:
    """Return the command as the subject."""
    target = base.target_or_none(ctx, call)
    return Subject(str(call.parameters.get("command", "")), target.name if target else "")


def environment(command: Command, call: ActionCall) -> dict[str, str]:
    """Return all variables that the command sees."""
    environment = {"PATH": PATH, "LANG": "C.UTF-8", **command.environment}
    environment |= {"MEMMON_INCIDENT": str(call.incident_id), "MEMMON_ACTION_KEY": call.key}
    environment |= {f"MEMMON_LABEL_{_name(name)}": value.replace("\0", "") for name, value in call.labels.items()}
    values = call.parameters.get("values", {})
    return environment | {f"MEMMON_VALUE_{_name(name)}": str(value).replace("\0", "") for name, value in values.items()}


def _name(text: str) -> str:
    return _UNFIT.sub("_", text.upper())


def _command(ctx: Context, call: ActionCall) -> Command:
    name = base.text(call, "command")
    command = next((candidate for candidate in ctx.config.playbooks.commands if candidate.name == name), None)
    if command is None:
        raise Permanent(f"no command {name} in playbooks.yml")
    return command


def _limits(command: Command) -> Callable[[], None]:
    """Bound what the process may use; it is set in the child, before the command begins."""

    def bound() -> None:
        for kind, most in (
            (resource.RLIMIT_CPU, command.cpu_seconds),
            (resource.RLIMIT_AS, command.memory_mib << 20),
            (resource.RLIMIT_FSIZE, command.file_mib << 20),
            (resource.RLIMIT_CORE, 0),
        ):
            resource.setrlimit(kind, (most, most))

    return bound


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and its remaining children."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


ACTION = Action(
    act, probe=probe, subject=subject, takes={"command": base.TEXT, "values": base.TEXTS}, needs=("command",)
)
