"""Structured logging for Acme's services: one JSON object for each record, on standard error."""

from acme_log.records import Record, capture
from acme_log.writer import Logger, get_logger, set_level

__version__ = "1.4.2"
__all__ = ["Logger", "Record", "capture", "get_logger", "set_level"]
