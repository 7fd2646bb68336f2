"""Logs of runs as the pages meet them: an ordinary one, a long one, and one full of malice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from honk.core.events import (
    BaseResolved,
    ChangeFrozen,
    Checkpointed,
    Compacted,
    Event,
    FollowedUp,
    Gated,
    Instructed,
    Judged,
    ModelReplied,
    Moved,
    Overruled,
    PathsAllowed,
    PlanApproved,
    Planned,
    Published,
    Pushed,
    RegistryAsked,
    RunEnded,
    SandboxStarted,
    SessionEnded,
    ToolReturned,
    Verified,
)
from honk.core.followup import FailedCheck, Remark
from honk.core.judgement import Ruling, Stray, Verdict
from honk.core.limits import Limits
from honk.core.messages import (
    AssistantMessage,
    CommandOutput,
    Completion,
    Opaque,
    StopReason,
    Text,
    ToolCall,
    ToolResult,
    Usage,
)
from honk.core.order import Origin
from honk.core.pulls import PullRequestRecord
from honk.core.types import (
    Base,
    Change,
    Check,
    Comparison,
    FileChange,
    Finding,
    Finish,
    Outcome,
    PullRequest,
    RepoRef,
    Report,
    Request,
    VerifyCommand,
)

SHA = "a" * 40
HEAD = "b" * 40
COLOURED = (
    "\x1b[1m============ test session starts ============\x1b[0m\n"
    "collected 12 items\n\ntests/test_log.py \x1b[32m..........\x1b[0m\x1b[31mF\x1b[0m\x1b[32m.\x1b[0m\n\n"
    "\x1b[31m\x1b[1mFAILED\x1b[0m tests/test_log.py::\x1b[1mtest_rotate\x1b[0m"
    " - \x1b[33mAssertionError\x1b[0m: 3 != 4\n"
    "\x1b[38;5;208mwarning\x1b[0m \x1b[48;2;120;20;20mdeprecated\x1b[0m \x1b[7mreverse\x1b[0m\n[exit code 1]"
)
PATCH = """\
diff --git a/src/log.py b/src/log.py
index 1111111111111111111111111111111111111111..2222222222222222222222222222222222222222 100644
--- a/src/log.py
+++ b/src/log.py
@@ -10,7 +10,8 @@ def rotate(path):
 def rotate(path: Path, keep: int = 3) -> None:
     \"\"\"Keep the newest files.\"\"\"
-    names = os.listdir(path)
-    for name in names[keep:]:
+    names = sorted(os.listdir(path), reverse=True)
+    for name in names[keep:]:  # newest first
         os.remove(name)
+    log.debug("rotated %s", path)
 
 
diff --git a/README.md b/README.md
new file mode 100644
index 0000000000000000000000000000000000000000..3333333333333333333333333333333333333333
--- /dev/null
+++ b/README.md
@@ -0,0 +1,2 @@
+# Log
+Rotates files.
"""


EDIT = {
    "command": "str_replace",
    "path": "src/log.py",
    "old_str": "names = os.listdir(path)",
    "new_str": "names = sorted(os.listdir(path), reverse=True)\nx = 1",
}


def request(repo: RepoRef | None = None, **more: object) -> Request:
    given = {
        "text": "Rotate log files by name, newest first, and say so in the README",
        "repo": repo or RepoRef(forge="github", name="acme/log", url="https://github.com/acme/log"),
        "requester": "Ada Lovelace <ada@example.com>",
        "model": "anthropic:claude-sonnet-5-5",
        "judge": "anthropic:claude-sonnet-5-5",
        "origin": Origin(kind="slack", place="C024/171", url="https://acme.slack.com/archives/C024/p171"),
    }
    return Request.model_validate({**given, **more})


def base(asked: Request, **more: object) -> BaseResolved:
    given = {
        "base": Base(repo=asked.repo, branch="main", sha=SHA, default_branch="main"),
        "branch": "honk/rotate-logs-0a1b2c",
        "verify": (VerifyCommand(name="pytest", command="python -m pytest -q", source="detected"),),
        "notices": ("Three uncommitted files are not included.",),
    }
    return BaseResolved.model_validate({**given, **more})


def reply(text: str, *calls: tuple[str, str, object], thinking: str = "", cost: float = 0.02) -> ModelReplied:
    """A model's turn; each call is an id, a tool, and its arguments."""
    parts: list[Text | Opaque | ToolCall] = []
    if thinking:
        parts.append(Opaque(text=thinking, data="{}"))
    if text:
        parts.append(Text(text=text))
    parts += [ToolCall(id=i, name=name, arguments=json.dumps(arguments)) for i, name, arguments in calls]
    return ModelReplied(
        purpose="work",
        completion=Completion(
            message=AssistantMessage(provider="anthropic", parts=tuple(parts)),
            stop=StopReason.TOOL_USE if calls else StopReason.END,
            usage=Usage(input_tokens=900, output_tokens=120, cache_read_tokens=4000),
            model="claude-sonnet-5-5",
        ),
        cost_usd=cost,
        seconds=2.0,
    )


def returned(
    call: str, text: str, *, name: str = "bash", code: int | None = 0, error: bool = False
) -> ToolReturned:
    outputs = (CommandOutput(text=text, exit_code=code),) if name == "bash" else ()
    result = ToolResult(call_id=call, name=name, text=text, error=error, outputs=outputs)
    return ToolReturned(result=result, seconds=1.2)


def changed(
    path: str, status: str = "M", added: int = 3, removed: int = 2, mode: str = "100644"
) -> FileChange:
    old = None if status == "A" else SHA
    old_mode = None if status == "A" else "100644"
    values = {"path": path, "status": status, "added": added, "removed": removed}
    return FileChange.model_validate(
        {**values, "old_mode": old_mode, "new_mode": mode, "old_blob": old, "new_blob": HEAD}
    )


def frozen() -> ChangeFrozen:
    files = (changed("src/log.py"), changed("README.md", "A", 2, 0))
    return ChangeFrozen(change=Change(base=SHA, head=HEAD, files=files, patch=PATCH), artifact="sha256:0")


MENDED = Comparison(before="failed", mended=("tests/test_log.py::test_rotate",), blocks=False)


def report(*, passed: bool, summary: str = "12 passed in 0.31s") -> Report:
    check = Check(
        name="pytest",
        command="python -m pytest -q",
        exit_code=0 if passed else 1,
        seconds=3.2,
        summary=summary,
        compared=MENDED if passed else None,
    )
    return Report(checks=(check,))


def working(asked: Request) -> list[Event]:
    """Until the model waits for a tool's answer."""
    return [
        base(asked),
        SandboxStarted(image="sha256:i"),
        Instructed(origin="system", text="You change code.\nYou are careful."),
        Instructed(origin="task", text=asked.text),
        reply(
            "I look at how files are rotated first.",
            ("c1", "bash", {"command": "ls -la src && sed -n 1,40p src/log.py"}),
            thinking="The order of os.listdir is arbitrary.",
        ),
        returned("c1", "log.py\n\ndef rotate(path):\n    names = os.listdir(path)\n"),
        reply("", ("c2", "bash", {"command": "python -m pytest -q"})),
    ]


def published(
    asked: Request, number: int = 12, url: str = "https://github.com/acme/log/pull/12"
) -> list[Event]:
    """From that answer to the pull request."""
    finding = Finding(gate="tests", result="flag", path="tests/test_log.py", detail="A test was removed.")
    return [
        returned("c2", COLOURED, code=1),
        Checkpointed(artifact="sha256:0", commit=HEAD),
        RegistryAsked(requests=("GET pypi /simple/pytest/ 200",)),
        reply(
            "The order was not defined. I sort the names.",
            ("c3", "str_replace_based_edit_tool", EDIT),
        ),
        returned("c3", "The file was edited.", name="str_replace_based_edit_tool"),
        Instructed(origin="human", text="Please mention it in the README too."),
        reply("Done.", ("c4", "finish", {"title": "Rotate by name", "description": "Sorted."})),
        returned("c4", "finished", name="finish"),
        SessionEnded(finish=Finish(title="Rotate by name", description="Sorted.")),
        frozen(),
        Gated(commit=HEAD, findings=(finding,)),
        Verified(stage="final", commit=HEAD, image="sha256:i", report=report(passed=True)),
        Judged(commit=HEAD, verdict=Verdict(verdict="approve", reasons=("It does what was asked.",))),
        Pushed(branch="honk/rotate-logs-0a1b2c", sha=HEAD),
        Published(
            pull_request=PullRequest(number=number, url=url, draft=True, created=True),
            title="Rotate by name",
            body="## Why\n\nThe order was not defined.",
        ),
        RunEnded(outcome=Outcome.PUBLISHED, reason="The pull request is open.", seconds=83.0),
    ]


def long(asked: Request, events: int) -> list[Event]:
    """A run of that many events after the first."""
    found: list[Event] = [base(asked, limits=Limits(max_turns=2000)), SandboxStarted(image="sha256:i")]
    while len(found) < events:
        n = len(found)
        found += [
            reply(f"Step {n}.", (f"c{n}", "bash", {"command": f"make step-{n}"})),
            returned(f"c{n}", "\n".join(f"\x1b[32mok\x1b[0m line {i} of {n}" for i in range(120))),
        ]
    return found[:events]


ATTACKS: Sequence[str] = (
    "<script>window.pwned=1</script>",
    "<img src=x onerror='window.pwned=2'>",
    '"><svg onload=window.pwned=3>',
    "' onmouseover='window.pwned=4' autofocus onfocus='window.pwned=5",
    "[a](javascript:window.pwned=6) ![b](https://evil.example/x.png) <https://evil.example/y>",
    "javascript:window.pwned=7",
    "</pre></details></article></main><h1>gone</h1><style>body{display:none}</style>",
    "{{ 1234 * 4321 }}{% raw %}${1234*4321}<%= 1234*4321 %>",
    "\x1b]8;;javascript:window.pwned=8\x07click\x1b]8;;\x07 \x1b]0;title\x07\x1b[2J"
    "\x1b[31;1;38;5;999;48;2;1mred\x1b[0m\x9b31m",
    "\u202egnp.exe\u2066 \u200bhidden\u200f \U000e0041\U000e0042 \ufeff",
    "a\rb\x00c\x08d\u2028e\u2029f",
    "w" * 200_000,
    '<div hx-get="/logout" hx-trigger="load" sse-connect="/x" hx-on::load="window.pwned=9">hx</div>',
    "<meta http-equiv=refresh content='0;url=https://evil.example/'><base href='https://evil.example/'>",
    "&lt;script&gt;window.pwned=10&lt;/script&gt; &#x3c;b&#x3e;",
    "<iframe srcdoc='<script>parent.pwned=11</script>'></iframe><form action=https://evil.example><input>",
)
EVERYTHING = "\n".join(ATTACKS)
SHORTER = "\n".join(attack for attack in ATTACKS if len(attack) < 1000)
ONE_LINE = " ".join(attack for attack in ATTACKS if "\n" not in attack and len(attack) < 1000)


def pull_request(**more: object) -> PullRequestRecord:
    """One of the local forge."""
    values = {
        "repo": "/srv/log.git",
        "base": "main",
        "branch": "honk/hello",
        "head_sha": HEAD,
        "title": "Say hello",
        "body": "## Why\n\nIt **greets**.",
        "draft": True,
        "run_id": "0a1b2c3d4e",
    }
    return PullRequestRecord.model_validate({**values, **more})


def planned(asked: Request, plan: str) -> list[Event]:
    """From the base to a plan that waits."""
    return [
        base(asked),
        SandboxStarted(image="sha256:0"),
        reply("I looked around.", ("c1", "propose_plan", {"plan": plan})),
        returned("c1", "A person reads the plan.", name="propose_plan"),
        Planned(text=plan),
        RunEnded(outcome=Outcome.PLANNED, reason="The plan waits for a person's approval.", seconds=2.0),
    ]


def refused(asked: Request, path: str, gate: str = "protected-path") -> list[Event]:
    """From the base to the end of a run whose gates refused a change of ``path``."""
    finding = Finding(gate=gate, result="block", path=path, detail="It decides what CI runs.")
    return [
        base(asked),
        SandboxStarted(image="sha256:0"),
        Gated(commit=HEAD, findings=(finding,)),
        RunEnded(outcome=Outcome.REFUSED, reason=f"{path}: {finding.detail}", seconds=1.0),
    ]


def malicious(asked: Request) -> list[Event]:
    """Every text of a log is an attack."""
    line = ONE_LINE
    names = (line, EVERYTHING)
    compared = Comparison(before="failed", new_failures=names, mended=names, blocks=True, reason=EVERYTHING)
    nasty_check = Check(
        name=line, command=line, exit_code=1, seconds=1.0, summary=EVERYTHING, compared=compared
    )
    hunk = "".join(f"+{part}\n" for part in EVERYTHING.split("\n"))
    size = hunk.count("\n")
    patch = (
        f"diff --git a/x b/x\nindex {SHA}..{HEAD} 100644\n--- a/x\n+++ b/x\n"
        f"@@ -1,1 +1,{size} @@ {line.replace(chr(13), '')}\n-old\n{hunk}"
    )
    found = FollowedUp(
        pull_request=PullRequest(number=1, url="javascript:window.pwned=13", draft=True, created=False),
        title=line,
        original=SHORTER,
        description=SHORTER,
        branch=line,
        head=line,
        head_owner=line,
        trusted=line,
        merged=line,
        conflicts=(line,),
        remarks=(Remark(id=line, author=line, text=SHORTER, place=line, at=datetime.now(UTC)),),
        failures=(FailedCheck(name=line, url="javascript:window.pwned=14", log=SHORTER),),
    )
    moved = Base(repo=asked.repo, branch=line, sha=HEAD, default_branch=line)
    return [
        found,
        base(
            asked,
            branch=line,
            notices=(EVERYTHING,),
            verify=(VerifyCommand(name=line, command=line, source="config"),),
        ),
        SandboxStarted(image=line),
        Instructed(origin="system", text=EVERYTHING),
        Instructed(origin="task", text=EVERYTHING),
        reply(EVERYTHING, ("c1", line, {"command": EVERYTHING, line: line}), thinking=EVERYTHING),
        returned("c1", EVERYTHING, name=line, error=True),
        reply("", ("c2", "bash", {"command": EVERYTHING})),
        returned("c2", EVERYTHING, code=1),
        reply("", ("c3", "bash", [EVERYTHING])),
        Instructed(origin="human", text=EVERYTHING),
        RegistryAsked(requests=(line, EVERYTHING)),
        Compacted(start=1, end=2, text=EVERYTHING),
        PathsAllowed(globs=(line, EVERYTHING), by=line),
        Planned(text=EVERYTHING),
        PlanApproved(by=line),
        Moved(found=found, base=moved, checkpoint=Checkpointed(artifact="sha256:0", commit=HEAD)),
        SessionEnded(finish=Finish(reason=EVERYTHING, title=line, description=EVERYTHING)),
        ChangeFrozen(
            change=Change(
                base=SHA,
                head=HEAD,
                files=(changed(line, "M", size, 1, "100755"),),
                patch=patch,
            ),
            artifact="sha256:0",
        ),
        Gated(commit=HEAD, findings=(Finding(gate=line, result="block", path=line, detail=EVERYTHING),)),
        Verified(stage="base", commit=None, image=line, report=Report(checks=(nasty_check,))),
        Verified(stage="final", commit=HEAD, image=line, report=Report(checks=(nasty_check,))),
        Judged(
            commit=HEAD,
            verdict=Verdict(
                verdict="refuse",
                reasons=(EVERYTHING, line),
                out_of_scope=(Stray(path=line, hunk=line, why=EVERYTHING),),
                missing=(EVERYTHING,),
                flags=(Ruling(gate=line, path=line, detail=line, justified=False, why=EVERYTHING),),
            ),
        ),
        Overruled(commit=HEAD, by=line),
        Published(
            pull_request=PullRequest(number=1, url="javascript:window.pwned=12", draft=True, created=True),
            title=line,
            body=EVERYTHING,
        ),
        RunEnded(outcome=Outcome.VETOED, reason=EVERYTHING, seconds=1.0),
    ]
