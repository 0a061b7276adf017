import json

from flask.testing import FlaskClient

from memmon.context import Context
from memmon.encode import dumps
from memmon.state import keys
from memmon.upkeep import deadletter


def test_queues_workers_and_what_was_given_up(client: FlaskClient, ctx: Context) -> None:
    waiting = {"headers": {"sent_at": ctx.now() - 7}, "body": ""}
    ctx.redis.lpush(keys.queue("notify"), json.dumps(waiting))
    ctx.redis.hset(keys.workers(), "io@host", dumps({"at": ctx.now() - 3, "queues": ["collect", "notify"], "pid": 7}))
    ctx.redis.hset(keys.workers(), "old@host", dumps({"at": ctx.now() - 300, "queues": ["health"], "pid": 8}))
    deadletter.record(ctx, "id-1", "workers.notify.deliver", [4], "no such host", 5)
    response = client.get("/api/tasks").get_json()
    queues = {entry["name"]: entry for entry in response["queues"]}
    assert queues["notify"] == {"name": "notify", "depth": 1, "oldest_seconds": 7, "workers": ["io@host"]}
    assert queues["health"]["workers"] == []
    assert [(entry["name"], entry["age"]) for entry in response["workers"]] == [("io@host", 3)]
    assert response["dead_letters_total"] == 1
    [letter] = response["dead_letters"]
    assert (letter["task"], letter["args"], letter["error"]) == ("workers.notify.deliver", [4], "no such host")
    assert letter["at"] == "2026-01-01T00:00:00.000Z"
