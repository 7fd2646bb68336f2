"""A model call of a run: streamed, priced, logged."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from honk.core.cancel import Cancel
from honk.core.events import ModelReplied
from honk.core.messages import Completion, ModelRequest, TextDelta, Usage
from honk.core.ports import Model, RunLog


@dataclass(frozen=True)
class Caller:
    """A model with what each call of it needs. ``cost`` is the price of a call in dollars."""

    model: Model
    cost: Callable[[Usage], float]
    on_delta: Callable[[TextDelta], None]
    cancel: Cancel

    def call(self, log: RunLog, request: ModelRequest) -> Completion:
        """Make the call and log the reply. Raises ModelError, Cancelled."""
        began = time.monotonic()
        completion = self.model.complete(request, on_delta=self.on_delta, cancel=self.cancel)
        log.record(
            ModelReplied(
                purpose=request.purpose,
                completion=completion,
                cost_usd=self.cost(completion.usage),
                seconds=time.monotonic() - began,
            )
        )
        return completion
