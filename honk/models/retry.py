"""The one place where a model call is made again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from honk.core.cancel import Cancel
from honk.core.errors import ModelError
from honk.core.messages import Completion, Dialect, ModelRequest, TextDelta
from honk.core.ports import Model


@dataclass(frozen=True)
class Patience:
    """``tries`` of one call in all, ``seconds`` of waiting in all, pauses growing from ``first``
    to ``longest`` seconds. A pause that the service asks for (Retry-After) goes before."""

    tries: int = 6
    seconds: float = 600.0
    first: float = 1.0
    longest: float = 60.0

    def pause(self, tried: int, asked: float | None) -> float:
        """Seconds to wait after ``tried`` failures: doubled each time, with half of it jitter, so
        that many runs of one fleet do not come back together."""
        if asked is not None:
            return asked
        full = min(self.longest, self.first * 2.0 ** (tried - 1))
        return full * (0.5 + random.random() / 2)


class _Retrying:
    def __init__(self, model: Model, notify: Callable[[str], None], patience: Patience) -> None:
        self._model = model
        self._notify = notify
        self._patience = patience

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def dialect(self) -> Dialect:
        return self._model.dialect

    def complete(
        self, request: ModelRequest, *, on_delta: Callable[[TextDelta], None], cancel: Cancel
    ) -> Completion:
        tried, waited = 0, 0.0
        while True:
            try:
                return self._model.complete(request, on_delta=on_delta, cancel=cancel)
            except ModelError as error:
                tried += 1
                pause = self._patience.pause(tried, error.retry_after)
                waited += pause
                if not error.retryable or tried >= self._patience.tries or waited > self._patience.seconds:
                    raise
                self._notify(f"{error.message} Trying again in {pause:.0f} s.")
                cancel.wait(pause)


def with_retries(model: Model, *, notify: Callable[[str], None], patience: Patience | None = None) -> Model:
    """``model``, each call of which is repeated as long as that may help.

    ``notify`` gets one sentence before each pause. A stream that was cut midway starts again
    from nothing: ``on_delta`` then sees its first words twice, the completion has them once.
    Raises the last ModelError, or Cancelled during a pause.
    """
    return _Retrying(model, notify, patience or Patience())
