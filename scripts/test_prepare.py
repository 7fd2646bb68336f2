"""What the tests share and would otherwise each make: the stock sandbox image, the tools' folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from honk import settings as settings_module
from honk.core.cancel import Cancel
from honk.core.errors import HonkError
from honk.wiring.sandboxes import Engine


def main() -> int:
    Path(os.environ["HONK_TEST_TOOLS"]).mkdir(parents=True, exist_ok=True)
    engine = Engine(settings_module.load(), lambda line: print(line, flush=True))
    try:
        print(f"Sandbox image: {engine.companion(Cancel())}")
    except HonkError as error:
        print(f"The tests need a sandbox image. {error}", file=sys.stderr)
        return 40
    finally:
        engine.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
