import json
from pathlib import Path

import pytest

from memmon import labels
from memmon.errors import BadInput

VECTORS = Path(__file__).parents[3] / "shared/data/alertmanager/fingerprints.json"


def test_label_sets_are_equal_whatever_the_order_they_were_given_in() -> None:
    assert labels.of({"b": "2", "a": "1"}) == labels.of([("a", "1"), ("b", "2")])


def test_an_empty_value_is_an_absent_label() -> None:
    assert labels.of(a="", b="x") == (("b", "x"),)


def test_merged_labels_take_the_second_value() -> None:
    assert labels.merge(labels.of(a="1", b="2"), {"a": "3"}) == labels.of(a="3", b="2")


def test_a_label_set_shows_itself_as_prometheus_does() -> None:
    assert labels.show(labels.of({"__name__": "up", "job": 'a"b\n'})) == 'up{job="a\\"b\\n"}'
    assert labels.show(labels.of({"__name__": "up"})) == "up"
    assert labels.show(()) == "{}"


@pytest.mark.parametrize("name", ["", "1a", "a-b", "a b", "é"])
def test_a_wrong_label_name_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="is not a label name"):
        labels.check_name(name)


@pytest.mark.skipif(not VECTORS.exists(), reason="the shared test data is not here")
def test_fingerprints_are_those_of_alertmanager() -> None:
    for vector in json.loads(VECTORS.read_text())["vectors"]:
        arguments = vector["labels"]
        if all(arguments.values()):
            assert labels.fingerprint(labels.of(arguments)) == vector["fingerprint"], arguments
