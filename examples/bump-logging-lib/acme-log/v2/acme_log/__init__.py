"""Structured logging for Acme's services: one JSON object for each record, on standard error."""

from acme_log.records import Record, capture
from acme_log.writer import Logger, logger, set_level

__version__ = "2.0.0"
__all__ = ["Logger", "Record", "capture", "logger", "set_level"]
