"""Models as a person names them: each provider's wire, recordings, prices, and all that can fail."""

from __future__ import annotations

import pytest

from honk.core.messages import StopReason
from honk.testing.dialects import Wire
from honk.testing.scripted import Call, Failure, Turn
from tests.e2e.installed import Installed, Installer, make_repo
from tests.world import FILES, FINISH, GREET, bash, git

pytestmark = pytest.mark.docker

VERIFY = Turn(calls=(Call("verify", {}),))
STORY = [
    Turn("I look first.", calls=(Call("bash", {"command": "cat greet.sh"}),), thinking="Where is it?"),
    Turn(calls=(Call("edit", {"path": "greet.sh", "old": "echo bye", "new": "echo hallo"}),)),
    VERIFY,
    Turn(calls=(Call("edit", {"path": "greet.sh", "old": "echo hallo", "new": "echo hello"}),)),
    VERIFY,
    FINISH,
]
MODELS = {
    "anthropic": "anthropic:claude-sonnet-5-5",
    "responses": "openai:gpt-5.5",
    "chat": "openai:gpt-5.5",
}


def speak(honk: Installed, wire: str) -> str:
    """Give ``honk`` the one service that speaks ``wire``; returns the model's name."""
    honk.service.wires = (Wire_of[wire],)
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"):
        honk.env.pop(name)
    if wire == "anthropic":
        honk.env |= {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": honk.service.url}
    else:
        honk.env |= {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{honk.service.url}/v1"}
    honk.service.key = KEY
    return MODELS[wire]


Wire_of: dict[str, Wire] = {"anthropic": "anthropic", "responses": "responses", "chat": "chat"}
KEY = "key-" + "of-the-test-" + "5f0c2a91"


@pytest.mark.parametrize(
    "wire",
    [
        pytest.param("anthropic", marks=pytest.mark.full),
        pytest.param("responses", marks=pytest.mark.full),
        "chat",
    ],
)
def test_a_session_of_every_wire_is_recorded_and_replayed_to_the_same_change(
    install: Installer, wire: str
) -> None:
    honk = install(STORY)
    name = speak(honk, wire)
    origin, tape = make_repo(honk.root / "o"), honk.root / "tape.jsonl"
    live = honk.honk("say hello", "--repo", str(origin), "--model", name, "--record", str(tape), "--json")
    assert live.code == 0, live.err
    assert git(origin, "show", f"{live.result.branch}:greet.sh") == "echo hello\n"
    assert (live.result.turns, live.result.replayed) == (len(STORY), False)
    assert live.result.cost_usd > 0
    assert "expected hello" in "".join(seen.raw.decode() for seen in honk.service.journal)
    assert {seen.wire for seen in honk.service.journal} == {Wire_of[wire]}
    asked = len(honk.service.journal)

    for setting in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
        honk.env.pop(setting, None)
    played = honk.honk("say hello", "--repo", str(origin), "--model", f"replay:{tape}", "--json")
    assert played.code == 0, played.err
    assert played.result.replayed
    assert "REPLAYED SESSION" in played.err
    assert "REPLAYED" not in live.err
    assert len(honk.service.journal) == asked
    trees = [git(origin, "rev-parse", f"{r.branch}^{{tree}}") for r in (live.result, played.result)]
    assert trees[0] == trees[1]
    assert played.result.cost_usd == live.result.cost_usd
    shown = honk.honk("show", played.result.run_id).out
    assert "replayed session" in shown
    assert "**replayed session**" in shown
    assert KEY not in tape.read_text()


@pytest.mark.full
def test_a_judge_of_another_provider_is_part_of_the_recording(install: Installer) -> None:
    honk = install(STORY)
    honk.env |= {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{honk.service.url}/v1"}
    origin, tape = make_repo(honk.root / "o"), honk.root / "tape.jsonl"
    models = ("--model", MODELS["anthropic"], "--judge", MODELS["responses"])
    live = honk.honk("say hello", "--repo", str(origin), *models, "--record", str(tape), "--json")
    assert live.code == 0, live.err
    assert {(seen.wire, seen.judge) for seen in honk.service.journal} == {
        ("anthropic", False),
        ("responses", True),
    }
    asked = len(honk.service.journal)
    for setting in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
        honk.env.pop(setting)
    played = honk.honk("say hello", "--repo", str(origin), "--model", f"replay:{tape}", "--json")
    assert played.code == 0, played.err
    assert played.result.judge is not None
    assert played.result.judge.verdict == "approve"
    assert played.result.cost_usd == live.result.cost_usd  # each model at its own price
    assert len(honk.service.journal) == asked
    over = honk.honk("say hello", "--repo", str(origin), "-m", f"replay:{tape}", "--record", str(tape))
    assert over.code == 2
    assert "is the session that is played" in over.err


@pytest.mark.full
def test_a_resumed_run_completes_its_recording(install: Installer) -> None:
    honk = install([*STORY[:2], Failure(400), *STORY[2:]])
    name = speak(honk, "anthropic")
    origin, tape = make_repo(honk.root / "o"), honk.root / "tape.jsonl"
    first = honk.honk("say hello", "--repo", str(origin), "--model", name, "--record", str(tape), "--json")
    assert first.code == 40, first.err
    live = honk.honk("resume", first.result.run_id, "--record", str(tape), "--json")
    assert live.code == 0, live.err
    played = honk.honk("say hello", "--repo", str(origin), "--model", f"replay:{tape}", "--json")
    assert played.code == 0, played.err
    assert played.result.turns == live.result.turns == len(STORY)


# ---- before anything is paid for --------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--model", "openai:no-such-model"), ('price."openai:no-such-model"',)),
        (("--model", "claude"), ("is no model", "anthropic:NAME")),
        (("--model", "replay:missing.jsonl"), ("missing.jsonl", "cannot be read")),
        (("--judge", "openai:no-such-judge"), ('price."openai:no-such-judge"',)),
    ],
    ids=["unknown price", "no provider", "no recording", "unknown price of the judge"],
)
def test_a_model_that_cannot_be_used_is_told_at_once(
    install: Installer, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    honk = install(STORY)
    honk.env |= {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{honk.service.url}/v1"}
    origin = make_repo(honk.root / "o")
    done = honk.honk("say hello", "--repo", str(origin), *arguments)
    assert done.code == 2, done.err
    assert [word for word in words if word not in done.err] == []
    assert honk.service.journal == []


@pytest.mark.full
def test_a_price_in_the_settings_makes_an_unknown_model_usable(install: Installer) -> None:
    honk = install(STORY)
    speak(honk, "responses")
    origin, config = make_repo(honk.root / "o"), honk.root / "honk.toml"
    config.write_text('[price."openai:our-own"]\ninput = 1000\noutput = 2000\n')
    done = honk.honk(
        "say hello", "--repo", str(origin), "--model", "openai:our-own", "--config", str(config), "--json"
    )
    assert done.code == 0, done.err
    usage = done.result.usage
    assert done.result.cost_usd == pytest.approx((usage.input_tokens + 2 * usage.output_tokens) / 1000)


# ---- failures of the service ------------------------------------------------------------


@pytest.mark.full  # honk doctor's test has a wrong key too
@pytest.mark.parametrize(
    ("wire", "variable"),
    [
        ("anthropic", "ANTHROPIC_API_KEY"),
        ("responses", "OPENAI_API_KEY"),
        ("chat", "OPENAI_API_KEY"),
    ],
)
def test_a_wrong_key_fails_with_the_name_of_its_setting_and_resume_goes_on(
    install: Installer, wire: str, variable: str
) -> None:
    honk = install(STORY)
    name = speak(honk, wire)
    honk.env[variable] = "wrong"
    origin = make_repo(honk.root / "o")
    done = honk.honk("say hello", "--repo", str(origin), "--model", name, "--json")
    assert done.code == 40, done.err
    assert "401" in done.result.reason
    assert variable in done.result.reason
    honk.env[variable] = KEY
    again = honk.honk("resume", done.result.run_id, "--json")
    assert again.code == 0, again.err


@pytest.mark.full
def test_an_unknown_model_is_the_services_404(install: Installer) -> None:
    honk = install([Failure(404, "model: claude-sonnet-5-5")])
    origin = make_repo(honk.root / "o")
    done = honk.honk("say hello", "--repo", str(origin), "--json")
    assert done.code == 40
    assert "Check the model's name (claude-sonnet-5-5)" in done.result.reason


@pytest.mark.full
def test_a_rate_limit_is_waited_out_and_said(install: Installer) -> None:
    honk = install([GREET, Failure(429, retry_after=1), FINISH])
    origin = make_repo(honk.root / "o")
    done = honk.honk("say hello", "--repo", str(origin))
    assert done.code == 0, done.err
    assert "429" in done.err
    assert "Trying again in 1 s." in done.err


@pytest.mark.full
def test_a_service_overloaded_for_good_fails_the_run_which_can_be_resumed(install: Installer) -> None:
    """Six tries with the pauses that the service asks for; the work of the turn before is kept."""
    honk = install([GREET, *[Failure(529, retry_after=0)] * 6, FINISH])
    origin = make_repo(honk.root / "o")
    done = honk.honk("say hello", "--repo", str(origin), "--json")
    assert done.code == 40, done.err
    assert "529" in done.result.reason
    assert "+echo hello" in (done.result.patch or "")
    again = honk.honk("resume", done.result.run_id, "--json")
    assert again.code == 0, again.err
    assert git(origin, "show", f"{again.result.branch}:greet.sh") == "echo hello\n"


@pytest.mark.full
def test_an_answer_that_is_cut_off_goes_on_in_smaller_steps(install: Installer) -> None:
    honk = install([Turn("A long", stop=StopReason.MAX_TOKENS), GREET, FINISH])
    origin = make_repo(honk.root / "o")
    done = honk.honk("say hello", "--repo", str(origin))
    assert done.code == 0, done.err
    assert b"smaller steps" in honk.service.journal[1].raw


@pytest.mark.full
@pytest.mark.parametrize("wire", list(MODELS))
def test_a_refusal_of_the_model_ends_the_run_and_says_so(install: Installer, wire: str) -> None:
    honk = install([Turn("I will not.", stop=StopReason.REFUSAL, detail="It would do harm.")])
    name = speak(honk, wire)
    origin = make_repo(honk.root / "o")
    done = honk.honk("say hello", "--repo", str(origin), "--model", name, "--json")
    assert done.code == 31, done.err
    assert "declined" in done.result.reason
    assert len(honk.service.journal) == 1


# ---- secrets ----------------------------------------------------------------------------


@pytest.mark.full
def test_a_key_is_not_in_the_sandbox_and_reaches_neither_log_nor_recording_nor_pull_request(
    install: Installer,
) -> None:
    """It is not there to be found; and if the model knew it, each way out masks or refuses it."""
    halves = f"'{KEY[:9]}' '{KEY[9:]}'"
    honk = install(
        [
            bash("env; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'; ls /root /run /home; true"),
            bash(f"printf %s%s {halves}"),
            bash(f'printf %s%s {halves} > leak.txt; echo "printf %s%s {halves}" > greet.sh'),
            VERIFY,
            FINISH,  # refused by a gate: leak.txt
            bash("rm leak.txt"),
            FINISH,  # refused by the check, whose output shows the key
            bash("echo 'echo hello' > greet.sh"),
            FINISH,
        ]
    )
    name = speak(honk, "anthropic")
    check = "sh greet.sh; sh greet.sh | grep -qx hello\n"
    origin, tape = make_repo(honk.root / "o", {**FILES, "check.sh": check}), honk.root / "tape.jsonl"
    done = honk.honk("say hello", "--repo", str(origin), "--model", name, "--record", str(tape), "--json")
    assert done.code == 0, done.err
    first, second, *_ = (seen.raw.decode() for seen in honk.service.journal[1:])
    assert "HOME=" in first  # the environment was shown, and there is nothing in it
    assert "[secret]" not in first
    assert "[secret]" in second
    assert KEY not in "".join(seen.raw.decode() for seen in honk.service.journal)
    assert KEY not in done.out + done.err + tape.read_text() + git(origin, "log", "--all", "-p")
    log = "".join(r.model_dump_json() for r in honk.log())
    assert "leak.txt" in log
    assert KEY not in log
    for file in (honk.root / "home").rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes(), file
