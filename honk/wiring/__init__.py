"""The one place where adapters are constructed and put together."""

from honk.wiring.models import default_model, judge_name, open_model
from honk.wiring.repositories import Target, open_mirror, open_submodules, target
from honk.wiring.services import assemble, clear_sandboxes, services
from honk.wiring.stores import Stores, check_resumable, new_run_id, open_stores

__all__ = [
    "Stores",
    "Target",
    "assemble",
    "check_resumable",
    "clear_sandboxes",
    "default_model",
    "judge_name",
    "new_run_id",
    "open_mirror",
    "open_model",
    "open_stores",
    "open_submodules",
    "services",
    "target",
]
