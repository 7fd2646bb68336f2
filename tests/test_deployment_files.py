"""What people copy to deploy honk: held to its schemas, and to each other."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from honk.core.types import Outcome
from honk.settings import load

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted(p for p in (ROOT / "examples" / "ci").glob("*.yml") if p.name != "gitlab-ci.yml")
KUBERNETES = ROOT / "deploy" / "kubernetes"
MANIFESTS = sorted(p for p in KUBERNETES.rglob("*.yaml") if p.name != "kustomization.yaml")
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
UID = 10100


def run(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("github-actions", [ROOT / "action.yml"]),
        ("github-workflows", WORKFLOWS),
        ("gitlab-ci", [ROOT / "examples" / "ci" / "gitlab-ci.yml"]),
        ("compose-spec", [ROOT / "compose.yml"]),
    ],
)
def test_files_fit_the_schemas_of_their_readers(schema: str, files: list[Path]) -> None:
    transform = ["--data-transform", "gitlab-ci"] if schema == "gitlab-ci" else []
    names = [str(file) for file in files]
    run(sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *transform, *names)


def test_the_action_and_its_examples_have_no_known_weakness() -> None:
    program = str(Path(sys.executable).with_name("zizmor"))
    found = run(program, "--offline", "--no-progress", "--format=json", "action.yml", *map(str, WORKFLOWS))
    assert json.loads(found) == []


def _scripts(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["run"]] if isinstance(node.get("run"), str) else []
        return own + [script for value in node.values() for script in _scripts(value)]
    return [script for item in node for script in _scripts(item)] if isinstance(node, list) else []


@pytest.mark.parametrize("file", [ROOT / "action.yml", *WORKFLOWS], ids=lambda p: p.name)
def test_values_reach_scripts_through_the_environment_only(file: Path) -> None:
    text = file.read_text()
    assert all("${{" not in script for script in _scripts(yaml.safe_load(text)))
    for used in re.findall(r"uses: (\S+)", text):
        assert used == "OWNER/honk@v1" or re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", used), used


def test_every_input_is_used_and_examples_name_only_what_there_is() -> None:
    text = (ROOT / "action.yml").read_text()
    for name in ACTION["inputs"]:
        assert re.search(rf"inputs\.{name}\b", text.partition("runs:")[2]), name
    for file in WORKFLOWS:
        for given, output in re.findall(
            r"^          ([a-z-]+):|steps\.honk\.outputs\.([a-z-]+)", file.read_text(), re.MULTILINE
        ):
            known = (*ACTION["inputs"], "name", "path", "retention-days", "persist-credentials")
            assert not given or given in known, f"{file.name}: {given}"
            assert not output or output in ACTION["outputs"], f"{file.name}: {output}"


def test_the_action_knows_every_outcome() -> None:
    script = ACTION["runs"]["steps"][1]["run"]
    [line] = re.findall(r"^\s*((?:\w+ \| )+\w+)\) ;;$", script.split("fail_on[@]")[1], re.MULTILINE)
    assert set(line.split(" | ")) == {str(outcome) for outcome in Outcome}
    failing = set(ACTION["inputs"]["fail-on"]["default"].split(", "))
    assert set(Outcome) - failing == {"published", "verified", "no_change", "skipped", "planned"}


def test_what_is_installed_is_pinned_within_what_honk_allows() -> None:
    pins = {}
    for line in (ROOT / "deploy" / "constraints.txt").read_text().splitlines():
        if not line.startswith("#"):
            name, _, version = line.partition("==")
            pins[canonicalize_name(name)] = version
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    for text in (*project["dependencies"], *extras["server"], *extras["postgres"]):
        wanted = Requirement(text)
        assert pins[canonicalize_name(wanted.name)] in wanted.specifier, text


def test_the_image_is_built_from_all_that_the_wheel_holds() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    sent = (ROOT / ".dockerignore").read_text().splitlines()
    for name in (*wheel["packages"], *wheel["force-include"], "pyproject.toml", "deploy/constraints.txt"):
        assert f"!{name}" in sent, name


@pytest.mark.parametrize("file", MANIFESTS, ids=lambda p: p.name)
def test_manifests_fit_the_schemas_of_kubernetes(file: Path) -> None:
    import kubernetes_validate

    for document in yaml.safe_load_all(file.read_text()):
        if document["apiVersion"].startswith(
            "keda.sh/"
        ):  # a custom resource, of which there is no schema here
            assert set(document["spec"]) <= {
                "scaleTargetRef", "pollingInterval", "cooldownPeriod", "minReplicaCount", "maxReplicaCount",
                "advanced", "triggers", "secretTargetRef",
            }  # fmt: skip
        else:
            kubernetes_validate.validate(document, "1.31", strict=True)


def test_kustomizations_name_every_file() -> None:
    for file in KUBERNETES.rglob("kustomization.yaml"):
        resources = yaml.safe_load(file.read_text())["resources"]
        assert all((file.parent / name).exists() for name in resources)
        there = {path.name for path in file.parent.glob("*.yaml")} - {"kustomization.yaml"}
        assert there == {name for name in resources if not name.startswith("..")}


def test_nothing_of_honk_runs_as_root_and_all_agree_on_its_user() -> None:
    assert f"USER {UID}:{UID}" in (ROOT / "Dockerfile").read_text()
    compose = yaml.safe_load((ROOT / "compose.yml").read_text())["services"]
    assert [name for name, service in compose.items() if service.get("user") == "0:0"] == ["prepare"]
    assert compose["prepare"]["entrypoint"][3] == compose["prepare"]["entrypoint"][5] == str(UID)
    for name in ("server", "worker"):
        [deployment] = [
            document
            for document in yaml.safe_load_all((KUBERNETES / "base" / f"{name}.yaml").read_text())
            if document["kind"] == "Deployment"
        ]
        pod = deployment["spec"]["template"]["spec"]
        [container] = pod["containers"]
        context = {**pod["securityContext"], **container["securityContext"]}
        assert (context["runAsNonRoot"], context["runAsUser"]) == (True, UID)
        assert not context["allowPrivilegeEscalation"] and context["readOnlyRootFilesystem"]
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert not pod["automountServiceAccountToken"]


def test_an_unset_webhook_secret_does_not_reach_the_server_as_an_empty_one() -> None:
    """honk refuses an empty one, so each way to start it must pass on none at all instead."""
    compose = yaml.safe_load((ROOT / "compose.yml").read_text())["services"]
    assert compose["server"]["environment"].get("HONK_GITHUB_WEBHOOK_SECRET", "") is None
    documents = yaml.safe_load_all((KUBERNETES / "base" / "server.yaml").read_text())
    [server] = [document for document in documents if document["kind"] == "Deployment"]
    [container] = server["spec"]["template"]["spec"]["containers"]
    [secret] = [v for v in container["env"] if v["name"] == "HONK_GITHUB_WEBHOOK_SECRET"]
    assert secret["valueFrom"]["secretKeyRef"]["optional"] is True


def test_compose_gives_server_and_workers_the_settings_that_the_example_shows(tmp_path: Path) -> None:
    compose = yaml.safe_load((ROOT / "compose.yml").read_text())["services"]
    for name in ("server", "worker"):
        assert compose[name]["command"][-2:] == ["--config", "/etc/honk/honk.toml"]
        [mount] = [m for m in compose[name]["volumes"] if isinstance(m, dict)]
        assert (mount["source"], mount["target"]) == ("./honk.toml", "/etc/honk/honk.toml")
        assert mount["read_only"] and mount["bind"] == {"create_host_path": False}
    example = (ROOT / "honk.toml.example").read_text()
    (whole := tmp_path / "honk.toml").write_text(re.sub(r"^# (?=\[|\w+ = )", "", example, flags=re.MULTILINE))
    settings = load(whole, {"HOME": str(tmp_path)})
    assert settings.slack.channels and settings.slack.users and settings.webhooks and settings.github.mention
    assert settings.server.repositories == load(ROOT / "honk.toml.example", {"HOME": "/"}).server.repositories


def test_the_example_of_the_environment_names_all_that_compose_reads() -> None:
    compose = (ROOT / "compose.yml").read_text()
    read = set(re.findall(r"\$\{(\w+)", compose)) | {"HONK_GITHUB_WEBHOOK_SECRET"}
    named = re.findall(r"^(?:# )?([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert {name for name, _ in named} == read
    # What is set to nothing is what everybody fills in; an empty webhook secret is refused.
    assert "HONK_GITHUB_WEBHOOK_SECRET=" not in (ROOT / ".env.example").read_text().splitlines()


def _deployment(name: str) -> Any:
    documents = yaml.safe_load_all((KUBERNETES / "base" / f"{name}.yaml").read_text())
    [found] = [document for document in documents if document["kind"] == "Deployment"]
    return found["spec"]["template"]["spec"]


def test_all_workers_sign_with_the_key_that_the_secret_has() -> None:
    """Each pod has a home of its own, which goes with it, and so would a key in there."""
    pod = _deployment("worker")
    [container] = pod["containers"]
    [key] = [Path(v["value"]) for v in container["env"] if v["name"] == "HONK_EVIDENCE_KEY"]
    [mount] = [m for m in container["volumeMounts"] if Path(m["mountPath"]) == key.parent]
    [volume] = [v["secret"] for v in pod["volumes"] if v["name"] == mount["name"]]
    assert (volume["secretName"], volume["items"]) == ("honk", [{"key": "evidence-key", "path": key.name}])
    assert volume["defaultMode"] == 0o440 and mount["readOnly"]  # the pod's fsGroup is honk's
    assert not volume.get("optional")  # without it each pod would make its own after all
    assert "HONK_EVIDENCE_KEY" not in [v["name"] for v in _deployment("server")["containers"][0]["env"]]


def test_every_key_of_the_secret_is_in_the_documented_command() -> None:
    written = (ROOT / "docs" / "deployment.md").read_text()
    [command] = re.findall(r"create secret generic honk \\\n((?:    .*\n)+)", written)
    given = set(re.findall(r"--from-(?:literal|file)=([\w-]+)=", command))
    needed = {"database-url", "evidence-key"}
    for name in ("server", "worker"):
        for v in _deployment(name)["containers"][0]["env"]:
            if secret := v.get("valueFrom", {}).get("secretKeyRef"):
                assert secret["key"] in needed or secret["optional"], v["name"]
    assert needed <= given


def test_prometheus_reaches_the_server_from_its_own_namespace() -> None:
    documents = yaml.safe_load_all((KUBERNETES / "base" / "network.yaml").read_text())
    [policy] = [document["spec"] for document in documents if document["metadata"]["name"] == "metrics"]
    [rule] = policy["ingress"]
    assert rule["from"] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    ]
    [port] = rule["ports"]
    [served] = [p for c in _deployment("server")["containers"] for p in c["ports"]]
    assert port["port"] == served["containerPort"]
