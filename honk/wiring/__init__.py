"""The one place where adapters are constructed and put together."""

from honk.wiring.approval import approve
from honk.wiring.execution import Executed, as_it_stands, begin, cancel_run, carry_on, enlist, say
from honk.wiring.models import open_model
from honk.wiring.repositories import open_mirror, open_submodules, target
from honk.wiring.requests import make_request
from honk.wiring.services import assemble, services
from honk.wiring.stores import Stores, check_free, check_resumable, new_run_id, open_stores

__all__ = [
    "Executed",
    "Stores",
    "approve",
    "as_it_stands",
    "assemble",
    "begin",
    "cancel_run",
    "carry_on",
    "check_free",
    "check_resumable",
    "enlist",
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
