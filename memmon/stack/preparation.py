"""All that a stack needs before its first process: checked first, then made. Nothing is started
here.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from sqlalchemy import make_url

from memmon import files
from memmon import settings as environment
from memmon.audit import service as audit
from memmon.context import Context
from memmon.db import migrate
from memmon.errors import BadConfig, Transient
from memmon.settings import Settings
from memmon.stack import address, config_check, program, secret_files, valkey
from memmon.stack.program import Program
from memmon.state import client

SOCKET_LIMIT = 107
REDIS_SECONDS = 5.0
_LONGEST_SOCKET = "/run/supervisor.sock.4194304"
"""The supervisor binds its socket under a name with its pid first."""


class StackPlan(NamedTuple):
    """The stack to start: settings, environment, programs, and the dashboard's URL. `made_token` is
    True if the administrator's token is new.
    """

    settings: Settings
    environ: dict[str, str]
    programs: tuple[Program, ...]
    url: str
    made_token: bool


class StartOptions(NamedTuple):
    """The options of `memmon up`: `demo` None means when there is no MemMimic to watch; `without`
    names programs to leave out.
    """

    demo: bool | None = None
    without: tuple[str, ...] = ()


def checked(environ: Mapping[str, str]) -> Settings:
    """Return the settings with absolute paths; raise BadConfig for a wrong setting or configuration
    file. Changes nothing.
    """
    settings = environment.load({**environ, **_absolute(environment.load(environ))})
    if len(str(settings.home)) + len(_LONGEST_SOCKET) > SOCKET_LIMIT:
        most = SOCKET_LIMIT - len(_LONGEST_SOCKET)
        raise BadConfig(f"MEMMON_HOME: {settings.home} is too long for the sockets in it; allowed: {most} characters")
    if settings.embedded_redis:
        valkey.binary(settings)
    config_check.config(settings)
    return settings


def _absolute(settings: Settings) -> dict[str, str]:
    """Return the paths among the settings as seen from here: the processes have another working
    directory.
    """
    environ = {"MEMMON_HOME": str(settings.home.absolute())}
    for name, path in (
        ("MEMMON_CONFIG", settings.config_dir),
        ("MEMMON_LOG_FILE", settings.log_file),
        ("MEMMON_LOCK_FILE", settings.lock_file),
        ("MEMMIMIC_DB_PATH", settings.db_path),
    ):
        if path is not None:
            environ[name] = str(path.absolute())
    url = make_url(settings.database_address)
    if settings.database_url and url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        environ["MEMMON_DATABASE_URL"] = f"sqlite:///{Path(url.database).absolute()}"
    return environ


def folders(settings: Settings) -> None:
    """Make the data directory and those in it; raise BadConfig when they cannot be written."""
    try:
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings.run_dir.mkdir(mode=0o700, exist_ok=True)
        settings.run_dir.chmod(0o700)
        (settings.home / "valkey").mkdir(mode=0o700, exist_ok=True)
        if settings.config_folder == settings.home / "config":
            settings.config_folder.mkdir(exist_ok=True)
        settings.log_path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadConfig(f"MEMMON_HOME: {error.filename} cannot be written: {error.strerror}") from None


def plan(settings: Settings, environ: Mapping[str, str], options: StartOptions) -> StackPlan:
    """Create secrets, database and the supervisor's files; return the stack to start. The caller
    has the locks.
    """
    host, port = settings.dashboard_host, address.free_port(settings.dashboard_host, settings.dashboard_port)
    url = address.local_url(host, port)
    stack_environ = {**environ, **_absolute(settings)}
    stack_environ["MEMMIMIC_DASHBOARD_PORT"] = str(port)
    made_token = _secrets(settings, stack_environ)
    with_demo = settings.db_path is None if options.demo is None else options.demo
    if with_demo and "demo" not in options.without:
        demo_port = address.free_port("127.0.0.1", 0)
        stack_environ |= {
            "MEMMON_DEMO_URL": f"http://127.0.0.1:{demo_port}",
            "MEMMON_DEMO_DATABASE": str(settings.home / "demo.db"),
            "MEMMON_REPORT_URL": url,
        }
    settings = environment.load(stack_environ)
    programs = tuple(p for p in _programs(settings, address.bound(host, port)) if p.name not in options.without)
    _write(settings, programs)
    if not settings.embedded_redis:
        _answers(settings)
    ctx = Context(settings)
    migrate.upgrade(ctx.engine)
    audit.sign_unsigned(ctx)
    ctx.close()
    return StackPlan(settings, stack_environ, programs, url, made_token)


def _secrets(settings: Settings, stack_environ: dict[str, str]) -> bool:
    """Create missing secrets and name their files in `stack_environ`; return True if the
    administrator's token is new.
    """
    run, is_new = settings.run_dir, False
    if settings.api_token is None:
        is_new = secret_files.ensure(run / "api.token")
        stack_environ["MEMMON_API_TOKEN_FILE"] = str(run / "api.token")
    for name, secret in (("ingest.key", settings.ingest_key), ("client.token", settings.client_token)):
        secret_files.ensure(run / name, secret.get_secret_value() if secret else None)
        variable = "MEMMON_" + name.replace(".", "_").upper()
        stack_environ.pop(variable, None)
        stack_environ[f"{variable}_FILE"] = str(run / name)
    if settings.embedded_redis:
        secret_files.ensure(run / "valkey.password")
    return is_new


def _answers(settings: Settings) -> None:
    """Raise Transient when the operator's Redis does not answer: every process would wait for it
    and say nothing.
    """
    try:
        client.probe(settings.redis_address, REDIS_SECONDS)
    except Transient as error:
        raise Transient(f"MEMMON_REDIS_URL: {error}") from None


def _programs(settings: Settings, bind: str) -> list[Program]:
    broker = _broker(settings)
    programs = [*program.workers(broker), program.dashboard(bind, broker)]
    if settings.embedded_redis:
        programs.insert(0, program.valkey(valkey.binary(settings), settings.run_dir))
    if settings.demo_url and settings.demo_database:
        programs.append(program.demo())
    return programs


def _broker(settings: Settings) -> str:
    """Return the address at which Redis must answer before workers begin."""
    if settings.embedded_redis:
        return f"unix:{settings.redis_socket}"
    url = urlsplit(settings.redis_address)
    return (
        f"unix:{unquote(url.path)}" if url.scheme == "unix" else f"tcp:{url.hostname or 'localhost'}:{url.port or 6379}"
    )


def _write(settings: Settings, programs: tuple[Program, ...]) -> None:
    run = settings.run_dir
    if settings.embedded_redis:
        files.write(run / "valkey.conf", valkey.configuration(settings, settings.home / "valkey"))
    files.write(run / "programs.json", program.as_json(programs))
    files.write(run / "supervisord.conf", program.configuration(programs))
    if settings.demo_url and settings.demo_database:
        about = {"url": settings.demo_url, "token_file": run / "client.token", "database": settings.demo_database}
        files.write(run / "demo.json", json.dumps(about, default=str) + "\n")
    else:
        (run / "demo.json").unlink(missing_ok=True)


def process_environ(plan: StackPlan, up_pid: int) -> dict[str, str]:
    """Return the environment of the supervisor, which its programs inherit."""
    first = str(Path(sys.executable).parent)
    return {
        **plan.environ,
        "PATH": f"{first}{os.pathsep}{plan.environ.get('PATH', os.defpath)}",
        "MEMMON_PYTHON": sys.executable,
        "MEMMON_UP_PID": str(up_pid),
        "NOSETPS": "1",  # Celery leaves the process titles to memmon.
        # Small processes: no pool of threads for linear algebra, few heaps for threads.
        "OPENBLAS_NUM_THREADS": plan.environ.get("OPENBLAS_NUM_THREADS", "1"),
        "MALLOC_ARENA_MAX": plan.environ.get("MALLOC_ARENA_MAX", "2"),
    }
