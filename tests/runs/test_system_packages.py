"""What remains of a line of setup where packages of the system are left out."""

from __future__ import annotations

import subprocess

import pytest

from honk.runs.systempackages import without_system_packages

GET = "apt-get install -y x"
LINES = {
    # the line, what remains
    "apt-get update && apt-get install -y foo && pip install -e .": "pip install -e .",
    f"export DEBIAN_FRONTEND=no && {GET} && pip install y": "export DEBIAN_FRONTEND=no && pip install y",
    f"set -e; {GET}; pip install y": "set -e; pip install y",
    f"{GET} &>/dev/null && pip install y": "pip install y",
    f"{GET} >log 2>&1 || (echo no; exit 1)\nmake": "make",
    f"{GET} || {{ echo no; exit 1; }}\nmake": "true || { echo no; exit 1; }\nmake",
    f"{GET} || exit 1 && make": "make",
    f"{GET} || true": "",
    f"which x || {GET} && make": "which x || true && make",
    f"which x || {GET}": "which x || true",
    f"make && {GET} || echo no": "make || echo no",
    f"make; {GET}": "make; true",
    f"make # first\n{GET} # second": "make # first\n true",
    f"make # first\n{GET}; pip install y": "make # first\n pip install y",
    f"{GET} # don't ask && make\npip install y": "pip install y",
    f"make &&\n  # the rest\n  {GET} &&\n  pip install y\n": "make &&\n  pip install y",
    "sudo -E apt-get -qq update && sudo \\\n apt-get install -y a \\\n  c\npip install .": "pip install .",
    f"yes | {GET} && make": "make",
    f"{GET} | tee log; make": "make",
    f"A='x y' B=\"z\" {GET}; make": "make",
    f'{GET} $(cat pkgs) "$(cat more)" ${{MORE}} `cat most`\nmake': "make",
    f"{GET}\ncat <<E >list\napt-get install z\nE": "cat <<E >list\napt-get install z\nE",
    f"{GET}; if true; then {GET}; fi; pip install y": f"if true; then {GET}; fi; pip install y",
    f"{GET} && x() {{ {GET}; make; }}": f"x() {{ {GET}; make; }}",
    f'{GET}; echo "$(echo "a"; {GET})"': f'echo "$(echo "a"; {GET})"',
    f"{GET}; list=(a b); make": "list=(a b); make",
    f'{GET}; echo ${{x:-"a; b"}}; make': 'echo ${x:-"a; b"}; make',
}
UNTOUCHED = (
    "pip install apt-get && echo 'apt-get update; x'",
    "echo a; echo 'apt-get install y' # apt-get",
    f"({GET}; make) && pip install y",
    f"if true; then {GET}; fi; pip install y",
    f"for a in b; do\n{GET}\ndone",
    f"case a in a) {GET};; esac",
    f"(case a in a) {GET}; make;; esac)",
    f"(case a in a) true\n{GET}\nesac)",
    f"{GET} & make",
    f"{GET}; make &&",
    f"'make; {GET}",
    f"{GET}; make)",
    f"{GET} | ; make",
    f"! {GET}; ! {GET}",
    "aptitude install x; apt-getter; x-apt y; apt/run",
    "",
    " \n",
)


@pytest.mark.parametrize("line", LINES)
def test_packages_of_the_system_are_left_out_of_a_line(line: str) -> None:
    left = without_system_packages(line)
    assert left == LINES[line]
    checked = subprocess.run(["bash", "-n"], input=left, text=True, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("line", UNTOUCHED)
def test_a_line_that_cannot_be_cut_safely_stays_as_it_is(line: str) -> None:
    assert without_system_packages(line) == line


@pytest.mark.parametrize(
    "line", ["-a\\\n" * 50_000, "-a|" * 100_000, "a='" * 99_999, "${" * 99_999, '"\\' * 99_999]
)
def test_a_line_without_sense_is_read_in_no_time(line: str) -> None:
    assert without_system_packages(line) == line
