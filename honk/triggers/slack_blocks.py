"""What a run looks like in Slack: Block Kit, from the folded log.

Words of people and models are always ``plain_text``, in which Slack reads no markup; honk's own
words are mrkdwn without automatic links. The value of a button on a run is the run's id, and of
the one for a plan also the turns that there were when it was proposed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    CheckboxesElement,
    ContextBlock,
    InputBlock,
    InteractiveElement,
    MarkdownTextObject,
    Option,
    PlainTextInputElement,
    PlainTextObject,
    SectionBlock,
)
from slack_sdk.models.views import View

from honk.core.followup import Standing
from honk.core.messages import AssistantMessage
from honk.core.state import RunState
from honk.core.types import Outcome
from honk.triggers.slack_api import Message
from honk.triggers.slack_words import escaped, fits

CANCEL, RESUME, OPEN, ASK = "honk_cancel", "honk_resume", "honk_open", "honk_ask"  # action ids
APPROVE = "honk_approve"
MODAL = "honk_order"
REPOSITORY, REQUEST, PLAN = "repository", "request", "plan"  # blocks of the modal, with one element each

VALUE_LIMIT = 2000  # characters of a button's value
INPUT_LIMIT = 3000  # characters of a plain_text_input, and of a view's private_metadata
_TITLES = {
    Outcome.PUBLISHED: "Pull request ready",
    Outcome.VERIFIED: "Verified, not published",
    Outcome.NO_CHANGE: "Nothing to change",
    Outcome.SKIPPED: "Skipped",
    Outcome.PLANNED: "The plan waits for approval",
    Outcome.UNVERIFIED: "The change did not pass its checks",
    Outcome.VETOED: "The judge refused the change",
    Outcome.REFUSED: "The change may not be published",
    Outcome.EXHAUSTED: "A limit was reached",
    Outcome.STUCK: "Stuck",
    Outcome.FAILED: "Failed",
    Outcome.CANCELLED: "Cancelled",
}
_AGAIN = "Mention honk in this thread with what to do differently: it starts again with the former request."
_RETRY = "Retry goes on where it stopped; mention honk in this thread to go on with more words."
_LIMIT = "The work so far is kept. An operator goes on with higher limits: honk resume {run_id} --max-cost …"
_NEXT = {
    Outcome.PUBLISHED: "Review it. Mention honk in this thread to ask for a follow-up.",
    Outcome.PLANNED: "Approve it above. Mention honk in this thread with what to change in it.",
    Outcome.FAILED: _RETRY,
    Outcome.CANCELLED: _RETRY,
    Outcome.EXHAUSTED: _LIMIT,
    Outcome.REFUSED: f"An operator permits it: honk approve {{run_id}}. {_AGAIN}",
    Outcome.VETOED: f"An operator overrules the judge: honk approve {{run_id}}. {_AGAIN}",
}


@dataclass(frozen=True)
class Modal:
    """What a modal is about: where it was asked for, and what is known of the order. ``doubt`` is a word
    that may be meant as the repository, or as a part of the request."""

    channel: str
    thread: str | None = None
    repo: str = ""
    request: str = ""
    plan: bool = False
    doubt: str = ""

    @property
    def complete(self) -> bool:
        """Whether nobody needs to be asked."""
        return bool(self.repo and self.request and not self.doubt)


def own(text: str) -> SectionBlock:
    """honk's own words; what is quoted in them must be escaped already."""
    return SectionBlock(text=MarkdownTextObject(text=text, verbatim=True))


def quoted(text: str, limit: int = 3000) -> SectionBlock:
    """Words of somebody else."""
    return SectionBlock(text=PlainTextObject(text=escaped(text, limit) or "…", emoji=False))


def _aside(text: str) -> ContextBlock:
    return ContextBlock(elements=[PlainTextObject(text=escaped(text, 300) or "…", emoji=False)])


def said(text: str) -> Message:
    """A plain remark, which may quote anything."""
    return Message(text=escaped(text, 300) or "…", blocks=(quoted(text),))


def opening(repo: str, request: str, pull: Standing | None = None) -> Message:
    """The message of a run before there is one; ``pull``: the pull request that it continues."""
    text = f"*Taking it up* in {f'pull request #{pull.number} of ' if pull else ''}{_code(repo)}"
    return Message(text=f"honk takes up a change in {_code(repo)}", blocks=(own(text), quoted(request, 600)))


def question(request: str) -> Message:
    """Asks for what a mention left out; only a button can open a modal then."""
    text = "Which repository, and what should change?"
    kept = _first(request, VALUE_LIMIT)
    if kept != request:
        text += f" The button brings along the first {VALUE_LIMIT:,} characters of what you wrote, no more."
        text += " Mention honk with owner/name and a space before the words, and all of them count."
    button = ButtonElement(text="Fill in", action_id=ASK, value=kept or None)
    return Message(text=text, blocks=(own(text), ActionsBlock(elements=[button])))


def status(run_id: str, state: RunState, *, live: bool, url: str | None) -> Message:
    """How a run stands; ``live``: somebody works on it now, ``url``: its page."""
    ended = state.ended
    title = _TITLES[ended.outcome] if ended else phase(state, live)
    repo = _code(state.request.repo.name)
    figures = f"turn {state.turns} of {state.limits.max_turns}, ${state.cost_usd:.2f}"
    blocks: list[Block] = [
        own(f"*{title}* in {repo} · {figures}{' · replayed session' if _replayed(state) else ''}"),
        quoted(state.request.text, 600),
    ]
    if ended is not None:
        blocks += _pull_request(state) or _plan(run_id, state, url) or [quoted(ended.reason, 1500)]
        blocks.append(_aside(_next(run_id, ended.outcome)))
    elif last := _last_words(state):
        blocks.append(_aside(last))
    if buttons := _buttons(run_id, state, url):
        blocks.append(ActionsBlock(elements=buttons))
    return Message(text=f"{title}: {repo}", blocks=tuple(blocks))


def outcome(run_id: str, state: RunState) -> Message:
    """The reply that tells who asked how the run ended."""
    assert state.ended is not None
    who = f"<@{state.request.origin.by}> " if re.fullmatch("[UW][A-Z0-9]+", state.request.origin.by) else ""
    title = _TITLES[state.ended.outcome]
    blocks: list[Block] = [own(f"{who}*{title}* in {_code(state.request.repo.name)}")]
    if state.ended.outcome is Outcome.PUBLISHED:
        blocks += _pull_request(state)
        finish = state.session.finish if state.session else None
        if finish and finish.description:
            blocks.append(quoted(finish.description))
        blocks.append(_aside(_evidence(state)))
    else:
        blocks.append(quoted(state.ended.reason))
    blocks.append(_aside(_next(run_id, state.ended.outcome)))
    return Message(text=f"{who}{title}: {_code(state.request.repo.name)}", blocks=tuple(blocks))


def modal(about: Modal) -> View:
    """Asks for what a command left out."""

    def field(name: str, label: str, value: str, hint: str, *, lines: bool) -> InputBlock:
        kept = _first(value, INPUT_LIMIT)
        if kept != value:
            hint = f"Cut: a form holds {INPUT_LIMIT:,} characters. /honk owner/name and the words takes more."
        element = PlainTextInputElement(
            action_id=name, initial_value=kept or None, multiline=lines, max_length=INPUT_LIMIT
        )
        return InputBlock(block_id=name, label=label, hint=hint, element=element)

    where = "owner/name"
    if about.doubt:
        where += f". If {about.doubt} is meant, write it here, and take it out of the request."
    first = Option(value=PLAN, label="Propose a plan first, and wait for its approval")
    box = CheckboxesElement(action_id=PLAN, options=[first], initial_options=[first] if about.plan else None)
    return View(
        type="modal",
        callback_id=MODAL,
        title="Ask honk",
        submit="Start",
        close="Cancel",
        private_metadata=json.dumps({"channel": about.channel, "thread": about.thread}),
        blocks=[
            field(REPOSITORY, "Repository", about.repo, where, lines=False),
            field(REQUEST, "Change request", about.request, "The end state; when not to act.", lines=True),
            InputBlock(block_id=PLAN, label="Plan", element=box, optional=True),
        ],
    )


def phase(state: RunState, live: bool) -> str:
    """What happens now, in a word or two."""
    if not live:
        return "Waiting for a worker"
    if state.base is None:
        return "Preparing"
    if state.pushed or state.judged:
        return "Publishing"
    if state.verified:
        return "Judging"
    if state.gated:
        return "Verifying"
    if state.frozen:
        return "Checking the diff"
    if state.session:
        return "Handing over"
    return "Working" if state.image else "Starting the sandbox"


def resumable(state: RunState) -> bool:
    """Whether going on with the same limits, and with more words, can lead further."""
    again = (Outcome.FAILED, Outcome.CANCELLED, Outcome.PLANNED)
    return state.ended is not None and state.ended.outcome in again


def _buttons(run_id: str, state: RunState, url: str | None) -> list[InteractiveElement]:
    found: list[InteractiveElement] = []
    waits = state.ended is not None and state.ended.outcome is Outcome.PLANNED
    if waits:
        value = f"{run_id} {state.turns}"  # which plan it is: words may have it amended
        found.append(ButtonElement(text="Approve plan", action_id=APPROVE, value=value, style="primary"))
    if state.ended is None or waits:
        found.append(ButtonElement(text="Cancel", action_id=CANCEL, value=run_id, style="danger"))
    elif resumable(state):
        found.append(ButtonElement(text="Retry", action_id=RESUME, value=run_id))
    if url:
        found.append(ButtonElement(text="Open run", action_id=OPEN, url=url))
    return found


def _plan(run_id: str, state: RunState, url: str | None) -> list[Block]:
    if state.plan is None or state.ended is None or state.ended.outcome is not Outcome.PLANNED:
        return []
    if fits(state.plan.text):
        return [quoted(state.plan.text)]
    where = "on the run's page" if url else f"with honk show {run_id}"
    return [quoted(state.plan.text), own(f"*The plan is longer than Slack shows: read all of it {where}.*")]


def _pull_request(state: RunState) -> list[Block]:
    if state.published is None or state.ended is None or state.ended.outcome is not Outcome.PUBLISHED:
        return []
    found = state.published.pull_request
    draft = " (draft)" if found.draft else ""
    if re.fullmatch(r"https?://[^\s<>|]+", found.url):
        where = own(f"<{escaped(found.url)}|Pull request #{found.number}>{draft}")
    else:  # of the local forge
        where = own(f"Pull request #{found.number}{draft}: {_code(found.url)}")
    return [where, quoted(state.published.title, 300)]


def _evidence(state: RunState) -> str:
    checks = state.verified.report.checks if state.verified else ()
    words = [f"{c.name} {'passed' if c.passed else 'failed'}" for c in checks] or ["nothing verifies here"]
    if state.judged:
        said = {
            "approve": "the judge approves",
            "refuse": "the judge refuses",
            "none": "the judge gave no verdict",
        }
        words.append(said[state.judged.verdict.verdict])
    files = state.frozen.change.files if state.frozen else ()
    added, removed = sum(f.added or 0 for f in files), sum(f.removed or 0 for f in files)
    change = f"{len(files)} file{'s'[: len(files) != 1]}, +{added} -{removed}"
    return f"{', '.join(words)}; {change}; {state.turns} turns, ${state.cost_usd:.2f}"


def _last_words(state: RunState) -> str:
    spoken = (m.text for m in reversed(state.messages) if isinstance(m, AssistantMessage) and m.text.strip())
    return " ".join(next(spoken, "").split())


def _next(run_id: str, ended: Outcome) -> str:
    return _NEXT.get(ended, _AGAIN).replace("{run_id}", run_id)


def _replayed(state: RunState) -> bool:
    return state.requested is not None and state.requested.replayed


def _first(text: str, limit: int) -> str:
    """As much of the beginning as ``limit`` UTF-16 units hold: Slack may count those, or characters."""
    return text.encode("utf-16-le", "surrogatepass")[: 2 * limit].decode("utf-16-le", "ignore")


def _code(text: str) -> str:
    return f"`{escaped(text.replace('`', ''), 300) or '?'}`"
