import pytest

from memmon.incidents import links
from memmon.incidents.links import Link

KEY = b"k" * 32
LINK = Link("approve", 7, 2, "ops-mail", 2000)


def test_a_link_is_read_as_it_was_written() -> None:
    assert links.read(KEY, links.write(KEY, LINK), 1999.0) == LINK


def test_it_holds_no_longer_than_it_says() -> None:
    assert links.read(KEY, links.write(KEY, LINK), 2000.0) is None


@pytest.mark.parametrize("token", ["", ".", "abc", "abc.def", "ä.ö", "W10.AA"])
def test_anything_else_is_no_link(token: str) -> None:
    assert links.read(KEY, token, 0.0) is None


def test_one_that_was_changed_or_signed_by_somebody_else_is_none() -> None:
    content, _, signature = links.write(KEY, LINK).partition(".")
    other = links.write(KEY, LINK._replace(action=3)).partition(".")[0]
    assert links.read(KEY, f"{other}.{signature}", 0.0) is None
    assert links.read(b"o" * 32, f"{content}.{signature}", 0.0) is None
    assert links.read(KEY, links.write(KEY, LINK._replace(verb="resolve")), 0.0) is None
