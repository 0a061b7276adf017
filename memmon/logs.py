"""The log file of all of memmon's processes: re-opened when logrotate moves it, one line an
entry.
"""

from __future__ import annotations

import logging
import logging.handlers
import sys
import time
from pathlib import Path

FORMAT = "%(asctime)sZ %(levelname)s %(process)d %(name)s: %(message)s"


class OneLine(logging.Formatter):
    """UTC times, and no line breaks: text from outside must not be able to write an entry of its
    own.
    """

    converter = staticmethod(time.gmtime)
    default_msec_format = "%s.%03d"

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\r", "\\r").replace("\n", "\\n")


def setup(path: Path | None, level: str = "INFO") -> None:
    """Log to `path`, or to standard error without a path or when it is not writable."""
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    problem = None
    if path:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handler = logging.handlers.WatchedFileHandler(path, encoding="utf-8")
        except OSError as error:
            problem = error
    handler.setFormatter(OneLine(FORMAT))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    if problem:
        root.warning("the log file %s cannot be written (%s); logging to standard error", path, problem)
