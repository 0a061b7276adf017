"""Checks of this installation, each with a hint for a failure."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from memmon.collect import broker
from memmon.context import Context
from memmon.db import engine, migrate
from memmon.errors import MemmonError
from memmon.jobs import QUEUES
from memmon.notify import service as notify
from memmon.settings import Settings
from memmon.stack import address, config_check, lock, running, valkey
from memmon.stack.running import Running
from memmon.state import client, keys

OK, WARN, FAIL = "ok", "warn", "fail"
DISK_WARN, DISK_FAIL = 2_000_000_000, 200_000_000
CLOCK_WARN = 2.0
QUEUE_WARN = 60.0


class Diagnosis(NamedTuple):
    """What one look found: `state` is ok, warn or fail, `hint` what to do about it."""

    name: str
    state: str
    text: str
    hint: str = ""


Look = Callable[[Context, Running | None], Diagnosis]


def examine(settings: Settings) -> Iterator[Diagnosis]:
    """Yield what every look finds, one after the other; one that cannot be done is a failure and
    stops no other.
    """
    stack = running.read(settings)
    ctx = Context(settings)
    try:
        for look in LOOKS:
            name = look.__name__.removeprefix("_").replace("_", " ")
            try:
                yield look(ctx, stack)
            except MemmonError as error:
                yield Diagnosis(name, FAIL, str(error))
    finally:
        ctx.close()


def _python(ctx: Context, stack: Running | None) -> Diagnosis:
    version = ".".join(map(str, sys.version_info[:3]))
    good = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return Diagnosis(
        "python", OK if good else FAIL, f"{version} at {sys.executable}", "" if good else "use 3.11 to 3.13"
    )


def _configuration(ctx: Context, stack: Running | None) -> Diagnosis:
    config = config_check.config(ctx.settings)
    return Diagnosis("configuration", OK, f"{ctx.settings.config_folder}: {len(config.targets.targets)} targets")


def _home(ctx: Context, stack: Running | None) -> Diagnosis:
    home = ctx.settings.home
    there = next(path for path in (home, *home.parents) if path.exists())
    if not os.access(there, os.W_OK):
        return Diagnosis("home", FAIL, f"{there} cannot be written", "set MEMMON_HOME, or give it to this user")
    return Diagnosis("home", OK, f"{home}" + ("" if home.exists() else " (made at the first start)"))


def _log(ctx: Context, stack: Running | None) -> Diagnosis:
    path = ctx.settings.log_path
    if path.exists() and not os.access(path, os.W_OK):
        return Diagnosis("log", FAIL, f"{path} cannot be written", "set MEMMON_LOG_FILE, or give it to this user")
    return Diagnosis("log", OK, str(path))


def _stack(ctx: Context, stack: Running | None) -> Diagnosis:
    held_by = lock.holder(ctx.settings.lock_file)
    if stack:
        return Diagnosis("stack", OK, f"runs as process {stack.pid}, {stack.url}")
    if held_by:
        text = f"another one holds {ctx.settings.lock_file} (process {held_by.pid})"
        return Diagnosis(
            "stack", WARN, text, "set MEMMON_LOCK_FILE to run one beside it, MEMMON_HOME to look at that one"
        )
    return Diagnosis("stack", WARN, "does not run", "start it with `memmon up`")


def _port(ctx: Context, stack: Running | None) -> Diagnosis:
    host, port = ctx.settings.dashboard_host, ctx.settings.dashboard_port
    if not stack:
        address.free_port(host, port)
        return Diagnosis("dashboard", OK, f"{address.bound(host, port)} is free")
    url = f"{stack.url}/api/health"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return Diagnosis("dashboard", OK, f"{url} answers {answer.status}")
    except urllib.error.HTTPError as error:
        state = OK if error.code in (401, 403) else FAIL
        return Diagnosis("dashboard", state, f"{url} answers {error.code}", "" if state == OK else "see the log")
    except OSError as error:
        return Diagnosis("dashboard", FAIL, f"{url}: {error}", f"see {ctx.settings.run_dir / 'dashboard.out'}")


def _valkey(ctx: Context, stack: Running | None) -> Diagnosis:
    if not ctx.settings.embedded_redis:
        return Diagnosis("valkey", OK, "not needed: MEMMON_REDIS_URL is set")
    path = valkey.binary(ctx.settings)
    try:
        result = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Diagnosis("valkey", FAIL, f"{path} does not run: {error}", "set MEMMON_VALKEY_BIN or MEMMON_REDIS_URL")
    words = result.stdout.split()
    version = next((word for word in words if word.startswith("v=")), "?").removeprefix("v=")
    return Diagnosis("valkey", OK if result.returncode == 0 else FAIL, f"{version} at {path}")


def _redis(ctx: Context, stack: Running | None) -> Diagnosis:
    if ctx.settings.embedded_redis and not stack:
        return Diagnosis("redis", WARN, "not asked: it runs with the stack", "start it with `memmon up`")
    with client.edge():
        info = ctx.redis.info()
    text = f"{info.get('server_name', 'redis')} {info.get('valkey_version', info['redis_version'])}, {info['used_memory_human']}"
    if info.get("maxmemory_policy") not in (None, "noeviction"):
        return Diagnosis(
            "redis", FAIL, f"{text}: it evicts ({info['maxmemory_policy']})", "set maxmemory-policy noeviction"
        )
    if not info.get("aof_enabled"):
        return Diagnosis("redis", WARN, f"{text}: a restart loses queued tasks", "set appendonly yes")
    return Diagnosis("redis", OK, text)


def _database(ctx: Context, stack: Running | None) -> Diagnosis:
    settings = ctx.settings
    if _is_without_database(settings):
        return Diagnosis("database", WARN, "it does not exist yet", "`memmon up` makes it")
    with engine.reading(ctx.engine) as session:
        dialect = session.get_bind().dialect.name
        session.connection()
    schema = migrate.schema(ctx.engine)
    if schema.state == "newer":
        return Diagnosis("database", FAIL, f"{dialect}: {schema}", "install the version of memmon that made it")
    if schema.state != "current":
        return Diagnosis("database", FAIL, f"{dialect}: {schema}", "run `memmon migrate`")
    return Diagnosis("database", OK, f"{dialect} at schema {schema.revision}")


def _is_without_database(settings: Settings) -> bool:
    """Return True if no database exists yet; opening it would create it."""
    return not settings.database_url and not (settings.home / "memmon.db").exists()


def _workers(ctx: Context, stack: Running | None) -> Diagnosis:
    if ctx.settings.embedded_redis and not stack:
        return Diagnosis("workers", WARN, "not asked: they run with the stack", "start it with `memmon up`")
    now = time.time()
    alive = broker.workers(ctx.redis, now)
    served = {queue for worker in alive for queue in worker["queues"]}
    missing = [name for name in QUEUES if name not in served]
    if missing:
        hint = "start a worker: celery -A memmon worker -Q " + ",".join(missing)
        return Diagnosis("workers", FAIL, f"nobody serves {', '.join(missing)}", hint)
    late = [f"{name} ({age:.0f} s)" for name, _, age in broker.queues(ctx.redis, now) if age > QUEUE_WARN]
    if late:
        return Diagnosis("workers", WARN, f"messages wait long in {', '.join(late)}", "start more workers")
    return Diagnosis("workers", OK, f"{', '.join(worker['name'] for worker in alive)} serve all queues")


def _beat(ctx: Context, stack: Running | None) -> Diagnosis:
    if ctx.settings.embedded_redis and not stack:
        return Diagnosis("beat", WARN, "not asked: it runs with the stack", "start it with `memmon up`")
    with client.edge():
        is_locked = bool(ctx.redis.exists(keys.beat_lock()))
    return Diagnosis(
        "beat",
        OK if is_locked else FAIL,
        "schedules" if is_locked else "nobody schedules",
        "" if is_locked else "celery -A memmon beat",
    )


def _clock(ctx: Context, stack: Running | None) -> Diagnosis:
    if ctx.settings.embedded_redis:
        return Diagnosis("clock", OK, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    with client.edge():
        seconds, micros = ctx.redis.time()
    apart = abs(time.time() - seconds - micros / 1e6)
    good = apart < CLOCK_WARN
    return Diagnosis(
        "clock", OK if good else WARN, f"{apart:.3f} s from that of Redis", "" if good else "run an NTP client"
    )


def _disk(ctx: Context, stack: Running | None) -> Diagnosis:
    there = next(path for path in (ctx.settings.home, *ctx.settings.home.parents) if path.exists())
    free = shutil.disk_usage(there).free
    state = FAIL if free < DISK_FAIL else WARN if free < DISK_WARN else OK
    return Diagnosis("disk", state, f"{free / 1e9:.1f} GB free at {there}", "" if state == OK else "make room")


def _memmimic(ctx: Context, stack: Running | None) -> Diagnosis:
    path = ctx.settings.db_path
    if path is None:
        targets = [t.name for t in ctx.config.targets.targets if t.kind == "memmimic"]
        if targets:
            return Diagnosis("memmimic", OK, f"watches {', '.join(targets)}")
        return Diagnosis("memmimic", WARN, "nothing to watch", "set MEMMIMIC_DB_PATH, or name a target in targets.yml")
    if not _readable(path):
        return Diagnosis("memmimic", FAIL, f"{path} is not there or cannot be read", "set MEMMIMIC_DB_PATH")
    return Diagnosis("memmimic", OK, str(path))


def _readable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.R_OK)


def _notifications(ctx: Context, stack: Running | None) -> Diagnosis:
    if _is_without_database(ctx.settings):
        return Diagnosis("notifications", WARN, "not asked: there is no database yet", "`memmon up` makes it")
    channels = notify.channels(ctx)
    reaching = sorted({channel["channel"] for channel in channels if channel["channel"] != "log"})
    if not reaching:
        hint = "set MEMMIMIC_ALERT_EMAIL or MEMMIMIC_ALERT_WEBHOOK, or write routes.yml"
        return Diagnosis("notifications", WARN, "go to the log only", hint)
    failed = [f"{c['receiver']} by {c['channel']}: {c['error']}" for c in channels if c["last_state"] == "failed"]
    if failed:
        return Diagnosis(
            "notifications", FAIL, f"the last one failed: {'; '.join(failed)}", "try `memmon notify test RECEIVER`"
        )
    return Diagnosis("notifications", OK, f"go out by {', '.join(reaching)}")


LOOKS: tuple[Look, ...] = (
    *(_python, _configuration, _home, _log, _stack, _port, _valkey, _redis, _database, _workers, _beat),
    *(_clock, _disk, _memmimic, _notifications),
)
