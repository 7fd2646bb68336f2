"""What of the host's settings reaches online steps."""

from __future__ import annotations

from pathlib import Path

from honk.sandboxes.clients import FOLDER, discover


def test_the_ca_bundle_that_is_named_reaches_every_tool(tmp_path: Path) -> None:
    (tmp_path / "own.pem").write_text("own certificates")
    found = discover({"SSL_CERT_FILE": str(tmp_path / "own.pem")}, tmp_path)
    assert found.files["ca.pem"] == b"own certificates"
    for name in ("SSL_CERT_FILE", "PIP_CERT", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO", "CARGO_HTTP_CAINFO"):
        assert found.environment[name] == f"{FOLDER}/ca.pem"


def test_registries_of_pip_travel_and_folders_of_the_host_do_not(tmp_path: Path) -> None:
    (tmp_path / ".config/pip").mkdir(parents=True)
    (tmp_path / ".config/pip/pip.conf").write_text(
        "[global]\nindex-url = https://packages.example/simple\nfind-links = /opt/wheels\n"
        "extra-index-url = file:///opt/simple\n  https://more.example/simple\n"
    )
    pip = discover({}, tmp_path).files["pip.conf"].decode()
    assert "index-url = https://packages.example/simple\n" in pip
    assert "extra-index-url = https://more.example/simple\n" in pip
    assert "/opt" not in pip
    named = discover({"PIP_INDEX_URL": "https://named.example/simple"}, tmp_path)
    assert "index-url = https://named.example/simple" in named.files["pip.conf"].decode()


def test_registries_and_tokens_of_npm_travel_with_their_variables_filled_in(tmp_path: Path) -> None:
    (tmp_path / ".npmrc").write_text(
        "registry=https://npm.example/\n//npm.example/:_authToken=${NPM_TOKEN}\n"
        "@own:registry=https://own.example/\nnodedir=/usr\nprefix=/home/x\n"
    )
    found = discover({"NPM_TOKEN": "t0ken"}, tmp_path)
    lines = found.files["npmrc"].decode().splitlines()
    assert "//npm.example/:_authToken=t0ken" in lines
    assert {"registry=https://npm.example/", "@own:registry=https://own.example/"} <= set(lines)
    assert not any(line.startswith(("nodedir", "prefix")) for line in lines)
    assert "t0ken" not in repr(found)


def test_proxies_reach_steps_and_builds(tmp_path: Path) -> None:
    found = discover({"https_proxy": "http://proxy.example:3128"}, tmp_path)
    assert found.environment["https_proxy"] == "http://proxy.example:3128"
    assert found.proxies["https_proxy"] == "http://proxy.example:3128"
