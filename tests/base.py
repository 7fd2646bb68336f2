"""The stock image's base, which `make test` makes first: it has what a companion needs (python3, git)."""

from __future__ import annotations

from honk.resources import folder
from honk.sandboxes.images import base_name

IMAGE = base_name(folder("sandbox"))
