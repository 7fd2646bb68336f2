"""The base of all data that crosses a module border."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Immutable, closed data: an unknown field is an error, not a surprise."""

    model_config = ConfigDict(frozen=True, extra="forbid")
