from __future__ import annotations

import struct

import cramjam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memmon import labels as label_sets
from memmon.errors import BadInput
from memmon.push import compression, remote_write
from memmon.samples import STALE_BITS, STALE_NAN, Metadata, Sample
from tests.memmon.push.requests import about, field, packed, series, varint

UP = [("__name__", "up"), ("job", "a")]
PROTOBUF = "application/x-protobuf"


def test_series_come_with_times_and_values() -> None:
    actual = remote_write.read(packed(series([("job", "a"), ("__name__", "up")], [(1.0, 1000), (0.5, -5)])))
    labels = label_sets.of({"__name__": "up", "job": "a"})
    assert actual.samples == [Sample(labels, 1.0, 1000), Sample(labels, 0.5, -5)]
    assert not actual.refused


def test_a_stale_marker_keeps_its_bits() -> None:
    [sample] = remote_write.read(packed(series(UP, [(STALE_NAN, 1)]))).samples
    assert struct.unpack("<Q", struct.pack("<d", sample.value)) == (STALE_BITS,)


def test_an_empty_label_is_an_absent_one() -> None:
    [sample] = remote_write.read(packed(series([*UP, ("b", "")], [(1.0, 1)]))).samples
    assert sample.labels == tuple(UP)


def test_metadata_is_read() -> None:
    request = packed(about(1, "a_total", "Text", "s"), about(3, "h", "x" * 2000), about(99, "u", ""))
    assert remote_write.read(request).metadata == {
        "a_total": Metadata("counter", "Text", "s"),
        "h": Metadata("histogram", "x" * 1000),
        "u": Metadata("untyped"),
    }


def test_metadata_of_names_that_nobody_gives_is_left_out() -> None:
    output = {name: Metadata("gauge") for name in ("a", "h", "c", "gone")}
    assert remote_write.about_known(output, ["a", "h_bucket", "c_total"]).keys() == {"a", "h", "c"}


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        ([("job", "a")], '{job="a"}: there is no metric name'),
        ([("__name__", "a.b")], "'a.b' is no metric name"),
        ([*UP, ("b-c", "d")], "'b-c' is no label name"),
        ([*UP, ("job", "b")], "a label is there twice"),
    ],
)
def test_series_with_wrong_labels_are_refused_and_the_others_kept(labels: list[tuple[str, str]], problem: str) -> None:
    actual = remote_write.read(packed(series(labels, [(1, 1), (2, 2)]), series(UP, [(3, 3)])))
    assert [sample.value for sample in actual.samples] == [3.0]
    assert actual.refused.counts == {"invalid_labels": 2}
    assert problem in actual.refused.text("samples")


def test_native_histograms_and_exemplars_are_counted() -> None:
    request = packed(series(UP, [(1, 1)], field(4, b""), field(4, field(3, 1.0)), field(3, field(2, 1.0))))
    actual = remote_write.read(request)
    assert len(actual.samples) == 1
    assert actual.refused.counts == {"native_histogram": 2, "exemplar": 1}
    assert 'native histograms are not kept; send classic ones, e.g. up{job="a"}' in actual.refused.text("samples")


def test_unknown_fields_are_passed_over() -> None:
    assert len(remote_write.read(packed(field(9, b"new"), series(UP, [(1, 1)], field(12, 7)))).samples) == 1


@pytest.mark.parametrize(
    "content_type", [PROTOBUF, f"{PROTOBUF};proto=prometheus.WriteRequest", f"{PROTOBUF.upper()} ; charset=x"]
)
def test_version_1_is_spoken(content_type: str) -> None:
    remote_write.check_type(content_type, "snappy")


@pytest.mark.parametrize(
    ("content_type", "encoding", "reason"),
    [
        (f"{PROTOBUF};proto=io.prometheus.write.v2.Request", "snappy", "io.prometheus.write.v2.Request is not spoken"),
        ("application/json", "snappy", "'application/json' is not application/x-protobuf"),
        ("", "snappy", "is not application/x-protobuf"),
        (PROTOBUF, "zstd", "'zstd' is not snappy"),
    ],
)
def test_others_are_not(content_type: str, encoding: str, reason: str) -> None:
    with pytest.raises(compression.NotSpoken, match=reason):
        remote_write.check_type(content_type, encoding)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x0a", "is no prometheus.WriteRequest"),
        (field(1, field(1, b"\x0a\x01\xff")), "is no prometheus.TimeSeries"),
        (field(1, varint(9 << 3 | 2) + varint(300_000) + b"x" * 300_000), "a series of more than 262144 bytes"),
        (field(3, field(4, "x" * 300_000)), "metadata of more than 262144 bytes"),
        (field(1, b"") * 100_001, "has more than 100000 series"),
        (field(3, b"") * 100_001, "has more than 100000 metadata"),
        (series(UP, [], field(2, b"") * 60_000) * 2, "has more than 100000 samples"),
        (b"\0" * (remote_write.MAX_BODY + 1), "is larger than 8388608 bytes"),
    ],
)
def test_what_is_no_request_is_bad_input(content: bytes, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        remote_write.read(bytes(cramjam.snappy.compress_raw(content)))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(content=st.binary(max_size=120), cut=st.integers(0, 90), at=st.integers(0, 90), to=st.integers(0, 255))
def test_any_bytes_are_read_or_bad_input(content: bytes, cut: int, at: int, to: int) -> None:
    good = bytearray(series(UP, [(1.0, 1000), (2.0, 2000)]) + about(1, "up", "Text"))
    good[at % len(good)] = to
    for body in (content, bytes(good), bytes(good[:cut])):
        for request in (body, bytes(cramjam.snappy.compress_raw(body))):
            try:
                remote_write.read(request)
            except BadInput:
                continue
