"""Settings that are not what honk.toml is made of are told in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from honk.core.errors import UserError
from honk.settings import load


@pytest.mark.parametrize(
    ("text", "environ", "word"),
    [
        ("home = 3\n", {}, "home"),
        ("github = 3\n", {"GITHUB_TOKEN": "t"}, "github"),
        ("limits = 3\n", {"HONK_MAX_COST": "1"}, "limits"),
        ("[sandbox]\npids = -1\n", {}, "sandbox.pids"),  # to the engine: without a limit
        ("[sandbox]\nmemory = -1\n", {}, "sandbox.memory"),
        ("[sandbox]\ncpus = 0\n", {}, "sandbox.cpus"),
        ("[sandbox]\nworkspace_size = 0\n", {}, "sandbox.workspace_size"),
        ('judge_mode = "off"\n', {}, "judge_mode"),
        ("", {"HONK_JUDGE_MODE": "loud"}, "judge_mode"),
        ('[context_window]\n"openai:m" = 0\n', {}, "context_window"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named(
    tmp_path: Path, text: str, environ: dict[str, str], word: str
) -> None:
    file = tmp_path / "honk.toml"
    file.write_text(text)
    with pytest.raises(UserError, match=f"Setting {word}"):
        load(file, environ)


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    loop = tmp_path / "config" / "honk" / "honk.toml"
    loop.mkdir(parents=True)
    with pytest.raises(UserError, match="no settings file"):
        load(loop, {})
