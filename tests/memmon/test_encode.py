import json
import math

import numpy as np

from memmon import encode


def test_not_a_number_becomes_null_at_any_depth() -> None:
    assert json.loads(encode.dumps({"a": [math.nan, {"b": math.inf}], "c": np.float64(1.5)})) == {
        "a": [None, {"b": None}],
        "c": 1.5,
    }


def test_times_are_iso_with_zone_and_read_back() -> None:
    assert encode.iso(1767225600.25) == "2026-01-01T00:00:00.250Z"
    assert encode.seconds_of("2026-01-01T00:00:00.250Z") == 1767225600.25
    assert encode.seconds_of("2026-01-01T00:00:00.250") == 1767225600.25
    assert encode.iso(None) is None
