"""The SDK's import takes longer than all else before the first request, so it begins first."""

from __future__ import annotations

import importlib
import threading
from pathlib import Path

from honk import settings as settings_module


def import_sdk(model: str | None, config: Path | None) -> None:
    """Begin to import the SDK that the run will probably use; a wrong guess costs time only.

    The settings come first, here and not in the thread: pydantic, which everything shares,
    must not be imported from two threads at once.
    """
    settings = settings_module.load(config)
    name = model or settings.model or ("anthropic:" if settings.anthropic_api_key else "openai:")
    if name.startswith("anthropic:") and settings.anthropic_api_key:
        _begin("anthropic")
    elif name.startswith("openai:") and (settings.openai_api_key or settings.openai_base_url):
        _begin("openai")


def _begin(sdk: str) -> None:
    threading.Thread(target=importlib.import_module, args=(sdk,), name="import-sdk", daemon=True).start()
