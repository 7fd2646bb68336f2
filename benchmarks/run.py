"""`make bench`: measures honk beside a floor and its peers, and prints a table.

python benchmarks/run.py [steps start help sizes memory handover] [--repeat N] [--peers FOLDER]

Peers are measured where FOLDER has them, each in an environment of its own:
    python3 -m venv FOLDER/mini && FOLDER/mini/bin/pip install mini-swe-agent mcp
    mkdir FOLDER/cc && cd FOLDER/cc && npm install @anthropic-ai/claude-code
No model is called: `service.py` answers everyone.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from clients import Bench
from figures import FIGURES, Figure, as_json, folder


def row(figure: Figure) -> str:
    limit = "" if figure.limit is None else f"{figure.limit:.3g}"
    verdict = {None: "", True: "yes", False: "no"}[figure.kept]
    spread = f"{min(figure.values):.3g} to {max(figure.values):.3g}" if len(figure.values) > 1 else ""
    return f"| {figure.name} | {figure.value:.3g} {figure.unit} | {spread} | {limit} | {verdict} |"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=" ".join(FIGURES))
    parser.add_argument("--repeat", type=int, default=3, help="times that each is measured (default 3)")
    parser.add_argument("--peers", type=Path, help="folder with the peers' installations")
    parser.add_argument("--scratch", help="folder to keep between runs (default: one in the temporary files)")
    parser.add_argument("--image", default="debian:bookworm-slim", help="sandbox image of everyone")
    parser.add_argument("--json", type=Path, help="append the figures to this file, a line each")
    options = parser.parse_args()
    if unknown := set(options.figures) - set(FIGURES):
        parser.error(f"there is no figure {', '.join(sorted(unknown))}")
    bench = Bench(
        scratch=folder(options.scratch or f"{tempfile.gettempdir()}/honk-bench"),
        peers=options.peers.resolve() if options.peers else None,
        image=options.image,
        repeat=options.repeat,
    )
    machine = (
        f"Python {platform.python_version()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}"
    )
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {machine}.")
    print(f"Medians of {bench.repeat} (start and help: at least 5).\n")
    print("| figure | median | range | at most | kept |\n| --- | --- | --- | --- | --- |", flush=True)
    missed = False
    for name in options.figures or FIGURES:
        for figure in FIGURES[name](bench):
            print(row(figure), flush=True)
            missed = missed or figure.kept is False
            if options.json is not None:
                with options.json.open("a") as file:
                    file.write(json.dumps({**as_json(figure), "load": os.getloadavg()[0]}) + "\n")
    print(f"\nLoad at the end: {os.getloadavg()[0]:.1f}.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
