"""Pure: pieces of text that go into notifications."""

OURS = "docs/runbook.md"


def one_line(text: str) -> str:
    """Return `text` without anything that could begin a header or a line of its own."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]


def runbook(address: str, base: str) -> str:
    """Return the URL of a runbook section for recipients: the dashboard at `base` serves our own
    runbook.
    """
    section = address.removeprefix(OURS)
    return address if section == address else f"{base.rstrip('/')}/runbook{section}"
