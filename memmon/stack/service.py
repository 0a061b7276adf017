"""The verbs of the stack: up and down."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping

from memmon import __version__, logs
from memmon.errors import NotFound, Transient
from memmon.settings import Settings
from memmon.stack import address, lock, main_loop, preparation, readiness, running
from memmon.stack.main_loop import SupervisedStack
from memmon.stack.preparation import StackPlan, StartOptions
from memmon.stack.program import TITLE
from memmon.stack.running import Running

log = logging.getLogger(__name__)

Say = Callable[[str], None]


def up(environ: Mapping[str, str], options: StartOptions, say: Say) -> None:
    """Start everything, `say` its addresses, and become the supervising process until it is
    stopped; this never returns.

    Raises BadConfig for a wrong setting before anything is changed, Conflict when it runs already
    or its port is taken, and what `ready.wait` raises after everything that was started has ended
    again.
    """
    # Blocked from here on: a signal that comes while things are half started waits until they can
    # be ended in order.
    signal.pthread_sigmask(signal.SIG_BLOCK, main_loop.SIGNALS)
    has_terminal = os.isatty(0)
    settings = preparation.checked(environ)
    began = time.time()
    lock_fd = lock.take(settings.lock_file, "MEMMON_LOCK_FILE")
    preparation.folders(settings)
    home_lock = running.lock_path(settings)
    home_fd = lock.take(home_lock, "MEMMON_HOME")
    logs.setup(settings.log_path, settings.log_level)
    say(f"memmon: starting version {__version__}; the log is {settings.log_path}")
    log.info("memmon starts in %s", settings.home)
    try:
        plan = preparation.plan(settings, environ, options)
        supervisor = _supervise(plan, home_fd)
    except BaseException:
        lock.remove(settings.lock_file, lock_fd)
        raise
    watched = SupervisedStack(
        supervisor.pid,
        str(settings.lock_file),
        lock_fd,
        str(home_lock),
        home_fd,
        str(settings.log_path),
        int(has_terminal),
    )
    stack = Running(os.getpid(), plan.url, _own(plan), None)
    running.write(settings, stack)
    try:
        readiness.wait(plan, began, lambda: supervisor.poll() is None and not _told_to_end())
    except BaseException as error:
        stopped = _told_to_end()
        log.error("memmon could not start: %s", "it was notified to end" if stopped else error)
        main_loop.end(watched)
        main_loop.clear(watched)
        if stopped:
            sys.exit(0)
        raise
    running.write(settings, stack._replace(ready_at=time.time()))
    log.info("memmon answers at %s", plan.url)
    # Who reads it may be gone by now, which is no reason to end.
    with contextlib.suppress(OSError):
        say(_banner(plan))
    _tell_systemd()
    main_loop.become(watched)


def _tell_systemd() -> None:
    """Say that everything answers, to who waits for that. Source of the words: sd_notify(3)."""
    where = os.environ.get("NOTIFY_SOCKET", "")
    if where:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, contextlib.suppress(OSError):
            sender.sendto(b"READY=1", f"\0{where[1:]}" if where.startswith("@") else where)


def _told_to_end() -> bool:
    return bool(signal.sigpending() & {signal.SIGTERM, signal.SIGINT})


def _supervise(plan: StackPlan, home_fd: int) -> subprocess.Popen[bytes]:
    run = plan.settings.run_dir
    for path in (*run.glob("*.out"), run / "supervisord.log"):
        path.unlink(missing_ok=True)  # Messages after a failure must come from this start.
    with (run / "supervisord.log").open("ab") as output:
        return subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-m",
                "memmon.stack.supervise",
                TITLE,
                str(run / "supervisord.conf"),
            ],
            env=preparation.process_environ(plan, os.getpid()),
            cwd=run,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(home_fd,),
            # Ctrl-C is for `memmon up` alone, which ends the others in order.
            start_new_session=True,
            preexec_fn=_unblock,
        )


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, main_loop.SIGNALS)


def _own(plan: StackPlan) -> dict[str, str]:
    return {name: value for name, value in plan.environ.items() if name.startswith(running.PREFIXES)}


def _banner(plan: StackPlan) -> str:
    settings, wide = plan.settings, not address.is_loopback(plan.settings.dashboard_host)
    token = plan.environ.get("MEMMON_API_TOKEN_FILE") or "that of MEMMON_API_TOKEN"
    lines = [
        (
            "dashboard",
            f"{plan.url}/dashboard" + (f" (open to the network on {settings.dashboard_host})" if wide else ""),
        ),
        ("token", f"{token}" if settings.api_token else "none"),
        ("data", str(settings.home)),
        ("log", str(settings.log_path)),
    ]
    if wide and plan.made_token and settings.api_token:
        lines.insert(2, ("", f"{settings.api_token.get_secret_value()} (shown this once)"))
    if settings.demo_url:
        lines.append(("demo", f"{settings.demo_url} (memmon simulate ... makes it suffer)"))
    lines.append(("stop", "Ctrl-C here, or `memmon down`"))
    return "\n".join(["memmon is up", *(f"  {name:<10} {text}".rstrip() for name, text in lines)])


def down(settings: Settings, patience: float = lock.PATIENCE) -> int:
    """End the stack that runs in the data directory and wait until it is gone; return its pid.
    Raises NotFound when none runs.
    """
    path = running.lock_path(settings)
    held_by = lock.holder(path)
    if held_by is None or held_by.pid is None:
        raise NotFound(f"no stack runs in {settings.home}")
    with contextlib.suppress(ProcessLookupError):
        os.kill(held_by.pid, signal.SIGTERM)
    deadline = time.monotonic() + patience
    while lock.holder(path):
        if time.monotonic() > deadline:
            raise Transient(f"the stack of process {held_by.pid} has not ended within {patience:g} seconds")
        time.sleep(0.1)
    return held_by.pid
