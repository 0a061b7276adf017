import re
from configparser import RawConfigParser
from pathlib import Path

import celeryconfig
from memmon.stack import program


def programs() -> list[program.Program]:
    broker = "unix:/h/run/valkey.sock"
    return [
        program.valkey(Path("/usr/bin/valkey-server"), Path("/h/run")),
        *program.workers(broker),
        program.dashboard("127.0.0.1:8080", broker),
        program.demo(),
    ]


def test_every_queue_has_exactly_one_worker() -> None:
    served = [
        queue
        for program in programs()
        if "-Q" in program.words
        for queue in program.words[program.words.index("-Q") + 1].split(",")
    ]
    assert sorted(served) == sorted(celeryconfig.QUEUES)


def test_the_broker_is_first_up_and_last_down() -> None:
    broker, *other_rows = programs()
    assert broker.name == "valkey"
    assert all(other.priority > broker.priority for other in other_rows)


def test_all_titles_but_the_demos_match_the_runbooks_pattern() -> None:
    for entry in programs():
        assert bool(re.search("memmimic.*monitoring", entry.title)) == (entry.name != "demo")
    assert "memmimic" not in program.demo().title


def test_incident_response_and_not_the_supervisor_restarts_the_demo() -> None:
    conf = RawConfigParser()
    conf.read_string(program.configuration(programs()))
    restarts = {
        name.split(":")[1]: conf[name]["autorestart"] for name in conf.sections() if name.startswith("program:")
    }
    assert restarts.pop("demo") == "false"
    assert set(restarts.values()) == {"true"}


def test_the_demo_sees_none_of_memmons_secrets_but_its_own() -> None:
    seen = program.demo().environ
    assert seen is not None
    assert not {"MEMMON_API_TOKEN", "MEMMON_API_TOKEN_FILE", "MEMMON_REDIS_URL", "MEMMON_DATABASE_URL"} & set(seen)
    assert "MEMMON_CLIENT_TOKEN_FILE" in seen
