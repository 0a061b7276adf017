from memmon.audit import signing
from memmon.audit.signing import START, Entry, Mark, Problem

BEGIN = Mark(0, START)
KEY, OTHER = b"k" * 32, b"o" * 32


def lines(count: int, key: bytes = KEY) -> list[Entry]:
    results: list[Entry] = []
    previous = START
    for seq in range(1, count + 1):
        line = signing.sign(key, Entry(seq, 7, 1000.0 + seq, "note", "dana", f"line {seq}", {"a": 1.5}), previous)
        previous = line.hash
        results.append(line)
    return results


def wrong(lines: list[Entry], end: Mark | None = None, start: Mark = BEGIN) -> list[Problem]:
    return list(signing.problems(KEY, lines, start, end))


def mark(line: Entry) -> Mark:
    return Mark(line.seq, line.hash)


def test_a_record_that_nobody_touched_has_no_problem() -> None:
    subset = lines(5)
    assert wrong(subset, mark(subset[-1])) == []
    assert wrong(subset[2:], mark(subset[-1]), mark(subset[1])) == []


def test_a_line_that_was_changed_is_named_whatever_was_changed_in_it() -> None:
    subset = lines(5)
    changes = ({"text": "x"}, {"at": 1.0}, {"by": "lee"}, {"incident_id": 8}, {"kind": "page"}, {"detail": {}})
    for change in changes:
        bad = [*subset[:2], subset[2]._replace(**change), *subset[3:]]
        assert wrong(bad, mark(subset[-1])) == [Problem(3, bad[2].incident_id, "was changed")]


def test_lines_that_were_taken_out_are_named() -> None:
    subset = lines(6)
    assert wrong([*subset[:2], *subset[3:]], mark(subset[-1])) == [Problem(3, None, "is missing")]
    assert wrong([subset[0], *subset[4:]], mark(subset[-1]))[0] == Problem(2, None, "and all up to line 4 are missing")


def test_an_end_that_was_cut_off_is_seen() -> None:
    subset = lines(6)
    assert wrong(subset[:4], mark(subset[-1])) == [Problem(5, None, "and all up to line 6 are missing")]


def test_lines_that_were_put_in_the_place_of_others_do_not_follow() -> None:
    subset, forged = lines(4), lines(4)[2]._replace(text="other")
    signed = signing.sign(OTHER, forged, subset[1].hash)
    actual = wrong([*subset[:2], signed, subset[3]], mark(subset[-1]))
    assert [entry.seq for entry in actual] == [3, 4]
    assert "another key" in actual[0].description


def test_a_line_signed_anew_by_who_has_no_key_breaks_what_follows() -> None:
    subset = lines(4)
    again = signing.sign(KEY, subset[1]._replace(text="other"), subset[0].hash)
    actual = wrong([subset[0], again, *subset[2:]], mark(subset[-1]))
    assert actual == [Problem(3, 7, "does not follow the line before it")]


def test_a_mark_is_signed_for_its_name() -> None:
    assert signing.sign_mark(KEY, "end", Mark(1, "a")) != signing.sign_mark(KEY, "start", Mark(1, "a"))
