"""The failures memmon knows. The edge that meets a failure decides which one it is; one place
retries.
"""


class MemmonError(Exception):
    """Base of every failure that memmon raises on purpose; its text is fit to show to an
    operator.
    """


class Transient(MemmonError):
    """Something outside is away or busy for now; the same call may succeed later."""


class Permanent(MemmonError):
    """The same call will fail again: retrying would only repeat the harm."""


class NotFound(MemmonError):
    """No object with this id."""


class Conflict(MemmonError):
    """The object is in a state that does not allow this."""


class Refused(MemmonError):
    """A safety limit forbids this (an address that must never be blocked, a private
    destination).
    """


class BadInput(MemmonError):
    """A caller's value is wrong; `field` names it."""

    def __init__(self, field: str, message: str):
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class BadConfig(MemmonError):
    """A setting or a configuration file is wrong; the text names the setting, or file, line and
    key.

    Who finds a mistake after the file was read names its `section` and the wrong `value`, from
    which the place is found.
    """

    def __init__(self, message: str, section: str = "", value: str = ""):
        super().__init__(message)
        self.section = section
        self.value = value


class BadTemplate(MemmonError):
    """A template that cannot be read or filled in; `line` counts from 1."""

    def __init__(self, message: str, line: int):
        super().__init__(f"template line {line}: {message}")
        self.line = line


class BadQuery(MemmonError):
    """A query that cannot be parsed or evaluated; `kind` is Prometheus' error type (bad_data,
    execution, timeout).
    """

    def __init__(self, message: str, kind: str = "bad_data"):
        super().__init__(message)
        self.kind = kind
