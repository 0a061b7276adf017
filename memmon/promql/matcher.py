"""Label matchers. Regular expressions go through RE2, so that none of them can run away."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

import re2

from memmon import labels as label_sets
from memmon.errors import BadQuery
from memmon.labels import Labels

MAX_PATTERN = 1000
_RESERVED = re.compile(r"""[\s{}!=~,\\"'`]""")


class Matcher(NamedTuple):
    """`op` is one of = != =~ !~; an absent label counts as empty."""

    name: str
    op: str
    value: str

    def accepts(self, labels: Labels) -> bool:
        """Tell whether `labels` fit."""
        label_value = label_sets.get(labels, self.name)
        if self.op == "=":
            return label_value == self.value
        if self.op == "!=":
            return label_value != self.value
        return matches(self.value, label_value) == (self.op == "=~")

    def __str__(self) -> str:
        """Return it as Alertmanager writes it: a name that could be read as something else is
        quoted.
        """
        name = f'"{label_sets.escape(self.name)}"' if _RESERVED.search(self.name) else self.name
        return f'{name}{self.op}"{label_sets.escape(self.value)}"'


def compiled(pattern: str) -> Any:
    """Return the RE2 program of `pattern`, anchored at both ends; raise BadQuery for an invalid
    pattern.
    """
    return program(pattern, True)


@lru_cache(maxsize=4096)
def program(pattern: str, is_anchored: bool) -> Any:
    """Return the RE2 program of `pattern`, that for label values (anchored, where `.` is any
    character) or a plain one.
    """
    if len(pattern) > MAX_PATTERN:
        raise BadQuery(f"regular expression longer than {MAX_PATTERN} characters")
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = is_anchored
    options.max_mem = 1 << 20
    try:
        return re2.compile(f"^(?:{pattern})$" if is_anchored else pattern, options)
    except re2.error as error:
        detail = error.args[0] if error.args else error
        reason = detail.decode(errors="replace") if isinstance(detail, bytes) else detail
        raise BadQuery(f"invalid regular expression {pattern!r}: {reason}") from None


@lru_cache(maxsize=65536)
def matches(pattern: str, value: str) -> bool:
    """Tell whether the whole `value` fits `pattern`; verdicts are kept, since label values
    repeat.
    """
    return compiled(pattern).search(value) is not None


def all_accept(matchers: tuple[Matcher, ...], labels: Labels) -> bool:
    """Tell whether every one of `matchers` accepts `labels`."""
    return all(matcher.accepts(labels) for matcher in matchers)
