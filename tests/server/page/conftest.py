"""A browser, and a site to look at."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from honk import settings as settings_module
from honk.wiring import open_stores
from tests.server.page.site import Site, open_site

expect.set_options(timeout=30_000)  # milliseconds; a busy machine is no failure

NO_BROWSER = "chromium is not installed and could not be (scripts/test_prepare.py says why)"


def private(home: Path) -> dict[str, str | float | bool]:
    """The environment of a browser that leaves nothing in the home of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    return {**kept, "HOME": str(home)}


@pytest.fixture(scope="session")
def browser_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("browser")


@pytest.fixture(scope="session")
def browser(browser_home: Path) -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip(NO_BROWSER)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox"], env=private(browser_home)
        )
        yield found
        found.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    environ = {"HONK_HOME": str(tmp_path / "home"), "HOME": str(tmp_path), "ANTHROPIC_API_KEY": "none"}
    settings = settings_module.load(environ=environ)
    server = settings.server.model_copy(update={"repositories": (f"{tmp_path}/**",)})
    settings = settings.model_copy(update={"server": server})
    with open_stores(settings) as stores, open_site(settings, stores) as found:
        yield found


@dataclass
class Reader:
    """Somebody with a browser. ``said`` is what its console complained about."""

    page: Page
    context: BrowserContext
    site: Site
    said: list[str] = field(default_factory=list)

    def go(self, path: str) -> Page:
        self.page.goto(self.site.url + path)
        return self.page

    def press(self, name: str) -> None:
        """A button that draws the page anew. The old page's stream may show its effect before that."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=name).click()

    def serious(self) -> list[str]:
        """What axe-core finds on the page, of any impact above minor."""
        path = Path(importlib.util.find_spec("axe_playwright_python").submodule_search_locations[0])  # type: ignore[union-attr,index]
        # A strict policy forbids inline scripts to pages, not to who holds the browser.
        self.page.evaluate((path / "axe.min.js").read_text())
        found: Any = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{violation['id']} ({violation['impact']}): {node['html'][:160]}"
            for violation in found["violations"]
            if violation["impact"] != "minor"
            for node in violation["nodes"]
        ]


class Readers:
    """Opens browsers for people."""

    def __init__(self, browser: Browser, site: Site) -> None:
        self._browser = browser
        self._site = site
        self.contexts: list[BrowserContext] = []

    def __call__(self, role: str | None = "admin", *, dark: bool = False, width: int = 1280) -> Reader:
        context = self._browser.new_context(
            color_scheme="dark" if dark else "light", viewport={"width": width, "height": 900}
        )
        self.contexts.append(context)
        context.set_default_timeout(60_000)  # milliseconds; it only ends what hangs
        if role is not None:
            token = self._site.token(role)
            cookie = {"name": "honk_token", "value": token, "url": self._site.url}
            context.add_cookies([cookie])  # type: ignore[list-item]
        reader = Reader(context.new_page(), context, self._site)
        reader.page.on(
            "console", lambda m: reader.said.append(m.text) if m.type in ("error", "warning") else None
        )
        reader.page.on("pageerror", lambda error: reader.said.append(str(error)))
        return reader


@pytest.fixture
def reader(browser: Browser, site: Site) -> Iterator[Readers]:
    readers = Readers(browser, site)
    yield readers
    for context in readers.contexts:
        context.close()
