"""What is a downgrade of a package, and what only has a version beside it."""

from __future__ import annotations

import pytest

from tests.gates.conftest import Gates, strongest

OLD = 'numpy==1.26.4; python_version < "3.10"\n'
NEW = 'numpy==2.1.0; python_version >= "3.10"\n'
MYPY = '[tool.mypy]\npython_version = "3.%s"\n'
PYRIGHT = '[tool.pyright]\npythonVersion = "3.%s"\n'
PYLINT = '[tool.pylint.main]\npy-version = "3.%s"\n'
POM = "<properties><%s.version>%s</properties>\n"

CHANGES = [
    # the version of a language, or of the tool itself, that a configuration asks for
    ("pyproject.toml", MYPY % "11", MYPY % "10", "pass"),
    ("pyproject.toml", PYRIGHT % "11", PYRIGHT % "9", "pass"),
    ("pyproject.toml", PYLINT % "11", PYLINT % "9", "pass"),
    ("pom.xml", POM % ("java", "17"), POM % ("java", "11"), "pass"),
    ("pom.xml", POM % ("jackson", "2.17"), POM % ("jackson", "2.9"), "block"),
    # a package with a pin for each of several environments
    ("requirements.txt", OLD + NEW, NEW + OLD, "pass"),
    ("requirements.txt", "numpy==2.1.0\n", NEW + OLD, "flag"),
    ("requirements.txt", "numpy==2.1.0\n", OLD + NEW, "flag"),
    ("requirements.txt", OLD + NEW, OLD + NEW.replace("2.1.0", "2.0.0"), "block"),
    ("requirements.txt", OLD + NEW, OLD.replace("1.26.4", "1.20") + NEW, "flag"),
    ("requirements.txt", OLD + NEW, OLD, "block"),
    ("requirements.txt", "numpy==2.1.0\n", "numpy==1.26.4\n", "block"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "before", "after", "wanted"), CHANGES)
def test_a_package_goes_back_where_its_highest_version_does(
    gates: Gates, path: str, before: str, after: str, wanted: str
) -> None:
    found = gates({path: before.encode()}, {path: after.encode()}, request="Support Python 3.10, and Java 11")
    assert strongest(found, "dependency-downgrade") == wanted
