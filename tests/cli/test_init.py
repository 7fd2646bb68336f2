"""`honk init` where it cannot write anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from honk.core.errors import UserError
from honk.wiring.checks import propose


@pytest.mark.parametrize("name", [".", "nothing"])
def test_a_folder_that_is_no_repository_is_answered_with_what_init_takes(tmp_path: Path, name: str) -> None:
    """It has no --repo."""
    with pytest.raises(UserError) as error:
        propose(tmp_path / name)
    assert "honk init PATH" in str(error.value) and "--repo" not in str(error.value)
