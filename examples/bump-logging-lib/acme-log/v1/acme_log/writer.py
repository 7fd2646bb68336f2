"""Loggers."""

from acme_log.records import Record, emit

LEVELS = ("debug", "info", "warning", "error")
_threshold = "info"


def set_level(level):
    """Drop records below ``level``, for all loggers."""
    global _threshold
    if level not in LEVELS:
        raise ValueError(f"unknown level {level!r}; one of {', '.join(LEVELS)}")
    _threshold = level


class Logger:
    def __init__(self, name, bound=None):
        self.name = name
        self._bound = bound or {}

    def bind(self, **data):
        """A logger that adds ``data`` to each of its records."""
        return Logger(self.name, {**self._bound, **data})

    def debug(self, message, ctx=None):
        self._write("debug", message, ctx)

    def info(self, message, ctx=None):
        self._write("info", message, ctx)

    def warn(self, message, ctx=None):
        self._write("warning", message, ctx)

    def error(self, message, ctx=None):
        self._write("error", message, ctx)

    def _write(self, level, message, ctx):
        if LEVELS.index(level) >= LEVELS.index(_threshold):
            emit(Record(level, self.name, message, {**self._bound, **(ctx or {})}))


def get_logger(name):
    return Logger(name)
