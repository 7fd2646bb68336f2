"""So many runs of honk at once in one process, one thread each; prints the peak of its memory.

`python benchmarks/many.py RUNS REPOSITORY IMAGE` with the settings in the environment. With
RUNS 0 it only imports the SDK: what there is to compare with.
"""

from __future__ import annotations

import re
import sys
import threading
from pathlib import Path


def peak_mb() -> float:
    """The peak of this process's resident memory (VmHWM of /proc/self/status), in MB of 2**20."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def one_run(repo: str, image: str) -> None:
    from honk import __version__, wiring
    from honk import settings as settings_module
    from honk.core.cancel import Cancel
    from honk.core.events import RunRequested
    from honk.core.limits import Limits
    from honk.core.types import Request
    from honk.runs.pipeline import execute
    from honk.runs.run import Run

    settings, cancel = settings_module.load(), Cancel()
    with wiring.open_stores(settings) as stores:
        request = Request.model_validate(
            {
                "text": "Run the commands you are told to run, then stop.",
                "repo": wiring.target(repo, settings, base=None).repo,
                "model": "anthropic:claude-sonnet-5-5",
                "judge": None,
                "verify": ("true",),
                "image": image,
                "dry_run": True,
                "limits": Limits(max_turns=1000, max_cost_usd=100),
            }
        )
        with wiring.services(
            settings, stores, request, cancel=cancel, on_delta=lambda d: None, notice=lambda t: None
        ) as prepared:
            run_id = wiring.new_run_id()
            run = Run(run_id, stores.events, stores.leases.claim(run_id, stores.owner), [])
            run.record(RunRequested(honk=__version__, request=request))
            execute(run, prepared.services)
            assert run.state.ended is not None and run.state.turns > 0, run.state.ended


def main() -> None:
    runs, repo, image = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    if runs == 0:
        import anthropic  # noqa: F401
    threads = [threading.Thread(target=one_run, args=(repo, image)) for _ in range(runs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(peak_mb())


if __name__ == "__main__":
    main()
