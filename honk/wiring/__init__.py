"""The one place where adapters are constructed and put together."""

from honk.wiring.execution import Executed, Watcher, begin, cancel_run, carry_on, close_run, enlist, say
from honk.wiring.models import default_model, judge_name, open_model
from honk.wiring.repositories import Target, open_mirror, open_submodules, target
from honk.wiring.requests import Asked, make_request
from honk.wiring.services import assemble, clear_sandboxes, services
from honk.wiring.stores import Stores, check_resumable, new_run_id, open_stores

__all__ = [
    "Asked",
    "Executed",
    "Stores",
    "Target",
    "Watcher",
    "assemble",
    "begin",
    "cancel_run",
    "carry_on",
    "check_resumable",
    "clear_sandboxes",
    "close_run",
    "default_model",
    "enlist",
    "judge_name",
    "make_request",
    "new_run_id",
    "open_mirror",
    "open_model",
    "open_stores",
    "open_submodules",
    "say",
    "services",
    "target",
]
