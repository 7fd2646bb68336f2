"""Models by their names, with retries, recording and prices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from honk.core.cancel import Cancel
from honk.core.errors import UserError
from honk.core.messages import ModelRequest, Text, Usage, UserMessage
from honk.core.ports import Model
from honk.settings import Settings

if TYPE_CHECKING:
    from honk.models.anthropic import AnthropicModel
    from honk.models.chat import ChatModel
    from honk.models.openai import OpenAIModel
    from honk.models.prices import Listed
    from honk.models.recording import MakeRecorder, Recorder, Wire
    from honk.models.retry import Patience

Notice = Callable[[str], None]


ANTHROPIC_MODEL = "anthropic:claude-sonnet-5-5"
OPENAI_MODEL = "openai:gpt-5.5"


def default_model(settings: Settings) -> str:
    """The configured model, else the default of the provider whose key is there."""
    if settings.model:
        return settings.model
    if settings.anthropic_api_key:
        return ANTHROPIC_MODEL
    if settings.openai_api_key:
        return OPENAI_MODEL
    raise UserError(
        "No model is configured.",
        "Set ANTHROPIC_API_KEY or OPENAI_API_KEY, or name a model with --model.",
    )


def judge_name(setting: str | None, model: str) -> str | None:
    """The judge's model: ``same`` means the run's, ``off`` none."""
    if setting in (None, "off", ""):
        return None
    return model if setting == "same" else setting


@dataclass(frozen=True)
class OpenModel:
    """A model ready for use. ``priced`` is the name that prices go by, ``judge_priced`` that of its
    verdicts (a recorded session may have had another judge); ``warm`` imports its SDK."""

    model: Model
    priced: str
    judge_priced: str
    warm: Callable[[], object]
    replayed: bool

    def ask(self, cancel: Cancel) -> None:
        """Make one tiny call, for `honk doctor`. Raises ModelError."""
        message = UserMessage(parts=(Text(text="Answer with the word ok."),))
        request = ModelRequest(system="", messages=(message,), max_output_tokens=16)
        self.model.complete(request, on_delta=lambda delta: None, cancel=cancel)


@contextmanager
def open_model(
    name: str,
    settings: Settings,
    *,
    notice: Notice,
    record: Path | None = None,
    judge: bool = False,
    patience: Patience | None = None,
) -> Iterator[OpenModel]:
    """Construct the adapter of ``provider:NAME`` or ``replay:FILE``. ``record`` is the session that
    its answers go to, ``judge`` says that they are verdicts. Raises UserError, ModelError."""
    from honk.models import retry

    recorder = partial(_recorder, record, judge=judge)
    provider, _, rest = name.partition(":")
    if provider == "replay" and rest:
        from honk.models.replay import ReplayModel

        if record is not None and record.resolve() == Path(rest).resolve():
            raise UserError(f"{record} is the session that is played.", "Give another file to --record.")
        with ReplayModel(Path(rest), recorder) as replay:
            yield OpenModel(replay, replay.name, replay.judge, replay.warm, True)
        return
    if provider not in ("anthropic", "openai") or not rest:
        raise UserError(
            f"{name!r} is no model.", "Name it anthropic:NAME, openai:NAME or replay:FILE (--model)."
        )
    make = _anthropic if provider == "anthropic" else _openai
    adapter = make(rest, settings, recorder)
    try:
        model = retry.with_retries(adapter, notify=notice, patience=patience)
        yield OpenModel(model, adapter.name, adapter.name, adapter.wire.warm, False)
    finally:
        adapter.wire.close()


def _recorder(path: Path | None, wire: Wire, model: str, *, judge: bool) -> Recorder | None:
    if path is None:
        return None
    from honk.models.recording import Header, Recorder

    return Recorder(path, Header(wire=wire, model=model), judge=judge)


def _anthropic(name: str, settings: Settings, recorder: MakeRecorder) -> AnthropicModel:
    from honk.models.anthropic import AnthropicModel

    if settings.anthropic_api_key is None:
        raise UserError("There is no key for Anthropic.", "Set ANTHROPIC_API_KEY.")
    return AnthropicModel(
        name,
        settings.anthropic_api_key.get_secret_value(),
        settings.anthropic_base_url,
        recorder=recorder("anthropic", f"anthropic:{name}"),
    )


def _openai(name: str, settings: Settings, recorder: MakeRecorder) -> OpenAIModel | ChatModel:
    from honk.models.chat import ChatModel
    from honk.models.openai import OpenAIModel, speaks_responses

    base_url = settings.openai_base_url
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else ""
    if not key and base_url is None:
        raise UserError("There is no key for OpenAI.", "Set OPENAI_API_KEY.")
    wire = settings.openai_wire
    if wire == "auto":
        wire = "responses" if base_url is None or speaks_responses(base_url, key) else "chat"
    if wire == "responses":
        return OpenAIModel(name, key, base_url, recorder=recorder("responses", f"openai:{name}"))
    return ChatModel(name, key, base_url, recorder=recorder("chat", f"openai:{name}"))


def _listed(name: str, settings: Settings) -> Listed:
    from honk.models import prices

    return prices.listed(name, settings.home / "prices")


def context_window(name: str, settings: Settings) -> int | None:
    """Tokens of one request to ``provider:NAME``: the operator's own figure, else the listed one."""
    return settings.context_window.get(name) or _listed(name, settings).window


def pricing(name: str, settings: Settings) -> Callable[[Usage], float]:
    """The cost function of ``provider:NAME``. Raises UserError if its price is unknown."""
    from honk.models.prices import cost

    price = settings.price.get(name)
    if price is None:
        found = _listed(name, settings)
        if found.price is None:
            raise UserError(
                f"The price of {name} is unknown, so --max-cost could not be kept.",
                "Put it into honk.toml, in dollars per million tokens: "
                f'[price."{name}"] input = 1 output = 4',
            )
        price = found.price if found.flat else None
    return lambda usage: cost(name, usage, price) or 0.0
