"""Which addresses mean the GitHub that the settings name."""

from __future__ import annotations

import pytest

from honk import settings as settings_module
from honk.core.errors import UserError
from honk.wiring import target


@pytest.mark.parametrize(
    ("api", "address", "url"),
    [
        ("https://api.github.com", "acme/app", "https://github.com/acme/app.git"),
        ("https://api.github.com", "https://github.com/acme/app", "https://github.com/acme/app.git"),
        ("https://api.github.com", "git@github.com:acme/app.git", "https://github.com/acme/app.git"),
        (
            "https://api.github.com",
            "ssh://git@ssh.github.com:443/acme/app.git",
            "https://github.com/acme/app.git",
        ),
        ("https://GHE.example/api/v3", "git@ghe.example:acme/app", "https://ghe.example/acme/app.git"),
        (
            "https://ghe.example:8443/api/v3",
            "ssh://git@ghe.example:2222/acme/app",
            "https://ghe.example:8443/acme/app.git",
        ),
        (
            "https://ghe.example:8443/api/v3",
            "https://ghe.example:8443/acme/app",
            "https://ghe.example:8443/acme/app.git",
        ),
        ("https://api.octo.ghe.com", "git@octo.ghe.com:acme/app.git", "https://octo.ghe.com/acme/app.git"),
    ],
)
def test_an_address_of_the_configured_github(api: str, address: str, url: str) -> None:
    found = target(address, settings_module.load(environ={"GITHUB_API_URL": api}), base=None)
    assert (found.repo.forge, found.repo.name, found.repo.url) == ("github", "acme/app", url)


@pytest.mark.parametrize("address", ["https://gitlab.com/acme/app", "git@github.com.evil.example:acme/app"])
def test_another_host_is_no_known_forge(address: str) -> None:
    with pytest.raises(UserError, match="knows no forge"):
        target(address, settings_module.load(environ={}), base=None)
