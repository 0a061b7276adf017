from memmon.audit import signing
from memmon.audit.signing import START, Line, Mark, Problem

BEGIN = Mark(0, START)
KEY, OTHER = b"k" * 32, b"o" * 32


def lines(count: int, key: bytes = KEY) -> list[Line]:
    found: list[Line] = []
    previous = START
    for seq in range(1, count + 1):
        line = signing.sign(key, Line(seq, 7, 1000.0 + seq, "note", "dana", f"line {seq}", {"a": 1.5}), previous)
        previous = line.hash
        found.append(line)
    return found


def wrong(some: list[Line], end: Mark | None = None, start: Mark = BEGIN) -> list[Problem]:
    return list(signing.problems(KEY, some, start, end))


def mark(line: Line) -> Mark:
    return Mark(line.seq, line.hash)


def test_a_record_that_nobody_touched_has_no_problem() -> None:
    some = lines(5)
    assert wrong(some, mark(some[-1])) == []
    assert wrong(some[2:], mark(some[-1]), mark(some[1])) == []


def test_a_line_that_was_changed_is_named_whatever_was_changed_in_it() -> None:
    some = lines(5)
    changes = ({"text": "x"}, {"at": 1.0}, {"by": "lee"}, {"incident_id": 8}, {"kind": "page"}, {"detail": {}})
    for change in changes:
        bad = [*some[:2], some[2]._replace(**change), *some[3:]]
        assert wrong(bad, mark(some[-1])) == [Problem(3, bad[2].incident_id, "was changed")]


def test_lines_that_were_taken_out_are_named() -> None:
    some = lines(6)
    assert wrong([*some[:2], *some[3:]], mark(some[-1])) == [Problem(3, None, "is missing")]
    assert wrong([some[0], *some[4:]], mark(some[-1]))[0] == Problem(2, None, "and all up to line 4 are missing")


def test_an_end_that_was_cut_off_is_seen() -> None:
    some = lines(6)
    assert wrong(some[:4], mark(some[-1])) == [Problem(5, None, "and all up to line 6 are missing")]


def test_lines_that_were_put_in_the_place_of_others_do_not_follow() -> None:
    some, forged = lines(4), lines(4)[2]._replace(text="other")
    signed = signing.sign(OTHER, forged, some[1].hash)
    found = wrong([*some[:2], signed, some[3]], mark(some[-1]))
    assert [one.seq for one in found] == [3, 4]
    assert "another key" in found[0].description


def test_a_line_signed_anew_by_who_has_no_key_breaks_what_follows() -> None:
    some = lines(4)
    again = signing.sign(KEY, some[1]._replace(text="other"), some[0].hash)
    found = wrong([some[0], again, *some[2:]], mark(some[-1]))
    assert found == [Problem(3, 7, "does not follow the line before it")]


def test_a_mark_is_signed_for_its_name() -> None:
    assert signing.sign_mark(KEY, "end", Mark(1, "a")) != signing.sign_mark(KEY, "start", Mark(1, "a"))
