"""What honk does about what people say and press in Slack."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from honk.core.desk import Desk
from honk.core.errors import HonkError, UserError
from honk.core.followup import FollowUp, Standing
from honk.core.operator import SlackSettings
from honk.core.order import Order, Origin
from honk.core.ports import EventStore
from honk.core.state import RunState, fold
from honk.core.types import Outcome, RepoRef
from honk.triggers.projects import Projects, permit
from honk.triggers.slack_api import Me, Member, Message, SlackApi
from honk.triggers.slack_blocks import Modal, modal, opening, question, resumable, said
from honk.triggers.slack_words import wanted

FORMER_LIMIT = 8_000
"""Characters of a former request that a follow-up quotes."""

VAIN = (Outcome.UNVERIFIED, Outcome.VETOED, Outcome.REFUSED, Outcome.EXHAUSTED, Outcome.STUCK)
"""Ends of a run after which what it was asked for is still wanted."""

Tell = Callable[[Message], None]
"""Answers the one who asked, and nobody else where Slack can."""


@dataclass(frozen=True)
class Asked:
    """Who asked, and where. ``key`` is the same for each delivery of the same thing; ``thread``
    is the ``ts`` of the thread's first message, None outside of one."""

    key: str
    user: str
    channel: str
    thread: str | None = None


@dataclass(frozen=True)
class Talk:
    """The conversation, on its ports. ``runs_of`` gives the runs of a place, newest first;
    ``rounds`` is how many follow-ups one head of a pull request may have without new words."""

    settings: SlackSettings
    api: SlackApi
    me: Callable[[], Me]
    desk: Desk
    events: EventStore
    runs_of: Callable[[str], list[str]]
    projects: Projects
    rounds: int

    def command(self, asked: Asked, text: str, trigger: str) -> None:
        """``/honk [--plan] [owner/name] change request``; a modal asks for what is left out."""
        member = self.member(asked)
        about = self._understood(asked, text)
        if about.complete:
            self._start(asked, member, about.repo, about.request, plan=about.plan)
        else:
            self.api.open(trigger, modal(about))

    def ask(self, asked: Asked, text: str, trigger: str) -> None:
        """The button under the question that a mention led to."""
        self.member(asked)
        self.api.open(trigger, modal(self._understood(asked, text)))

    def _understood(self, asked: Asked, text: str) -> Modal:
        """What ``text`` orders, as far as it is clear.

        In a channel with a default repository a first word that only looks like one ("and/or") may
        belong to the request: whoever asked is asked which it is, since a guess costs money.
        """
        want, default = wanted(text), self.settings.channels.get(asked.channel, "")
        about = Modal(asked.channel, asked.thread, want.repo or default, want.request, want.plan)
        if want.repo and want.request and default and not self.projects.known(want.repo):
            return replace(about, repo=default, request=want.whole, doubt=want.repo)
        return about

    def order(self, asked: Asked, repo: str, request: str, plan: bool) -> None:
        """The modal, filled in."""
        self._start(asked, self.member(asked), repo, request, plan=plan)

    def mention(self, asked: Asked, ts: str, text: str, tell: Tell) -> None:
        """Words to honk in a thread, or in the channel: message ``ts`` then begins the thread."""
        member = self.member(asked)
        found = self.runs_of(f"{asked.channel}/{asked.thread}") if asked.thread else []
        if found:
            return self._carry_on(asked, member, found, text, tell)
        about = self._understood(asked, text)
        if not about.complete:
            return tell(question(text))
        self._start(
            replace(asked, thread=asked.thread or ts), member, about.repo, about.request, plan=about.plan
        )

    def _start(
        self,
        asked: Asked,
        member: Member,
        repo: str,
        request: str,
        *,
        plan: bool = False,
        former: RunState | None = None,
        pull: Standing | None = None,
    ) -> None:
        """Start a run whose status stands in a new message, which begins a thread if there is none.

        Without ``plan`` the operator's settings decide whether it plans first. ``former`` is a run
        whose request it takes up again, ``pull`` the pull request that it continues.
        """
        permit(self.settings, self.projects, member.id, self.projects.find(repo))
        ts = self.api.post(asked.channel, opening(repo, request, pull), asked.thread)
        origin = Origin(
            kind="slack",
            place=f"{asked.channel}/{asked.thread or ts}",
            url=f"{self.me().url}archives/{asked.channel}/p{ts.replace('.', '')}",
            message=ts,
            by=asked.user,
        )
        order = Order(
            request=follow_up(former, request) if former else request,
            repo=repo,
            base=former.request.base if former and not pull else None,
            requester=self._requester(member),
            plan=plan or None,
            followup=FollowUp(number=pull.number, rounds=self.rounds) if pull else None,
            origin=origin,
        )
        try:
            self.desk.submit(order, key=("slack", asked.key))
        except HonkError as error:
            self.api.update(asked.channel, ts, said(f"Not started. {error}"))

    def cancel(self, asked: Asked, run_id: str) -> None:
        """The button. What follows is seen in the run's message."""
        member = self._about(asked, run_id)
        self.desk.cancel(run_id, f"Cancelled by {member.name} in Slack.")

    def resume(self, asked: Asked, run_id: str) -> None:
        self._about(asked, run_id)
        self.desk.resume(run_id)

    def approve(self, asked: Asked, value: str) -> None:
        """The button of a plan, whose value is the run's id and the turns that there were at that plan."""
        run_id, _, turns = value.partition(" ")
        member = self._about(asked, run_id)
        state = fold(self.events.read(run_id))
        if state.ended is not None and str(state.turns) != turns:
            raise UserError("This is not the plan any more.", "Look at the newest one, and approve that.")
        self.desk.approve(run_id, (), f"{member.name or member.id} in Slack")

    def member(self, asked: Asked) -> Member:
        """Who asks, if that person may. Raises UserError, SlackError."""
        given = self.settings
        if given.allow_channels and asked.channel not in given.allow_channels:
            raise UserError("honk takes no requests in this channel.", "Ask in one that its operator opened.")
        if given.allow_users and asked.user not in given.allow_users:
            raise UserError("You may not ask honk here.", "Its operator can add you to allow_users.")
        if given.mapped_only is True and asked.user not in given.users:
            raise UserError(
                "honk does not know your GitHub login.", "Its operator can add you to [slack.users]."
            )
        member = self.api.member(asked.user)
        if member.team not in (self.me().team, *given.allow_teams):
            raise UserError("You belong to another workspace.", "The operator can add it to allow_teams.")
        if member.deleted or ((member.bot or member.guest) and not self.listed(asked.user)):
            raise UserError("Guests and apps may not ask honk.", "Its operator can add one to allow_users.")
        return member

    def listed(self, user: str) -> bool:
        """Whether the operator names this person or program."""
        return user in self.settings.allow_users or user in self.settings.users

    def _requester(self, member: Member) -> str:
        """``Name <email>``: the address that GitHub knows for a mapped login, else Slack's."""
        name = " ".join(member.name.translate(str.maketrans("<>\n\r", "    ")).split()) or member.id
        login = self.settings.users.get(member.id)
        email = f"{login}@users.noreply.github.com" if login else member.email
        return f"{name} <{email}>" if email else name

    def _about(self, asked: Asked, run_id: str) -> Member:
        """Who pressed the button of a run in its own channel, if that person may. Raises UserError."""
        state = fold(self.events.read(run_id))
        member = self.member(asked)
        origin = state.request.origin if state.requested else Origin()
        if origin.kind != "slack" or origin.place.partition("/")[0] != asked.channel:
            raise UserError(f"Run {run_id} does not belong to this channel.", "Use the buttons of its own.")
        permit(self.settings, self.projects, member.id, state.request.repo)
        return member

    def _carry_on(self, asked: Asked, member: Member, runs: list[str], text: str, tell: Tell) -> None:
        """A mention in a thread of ``runs``, newest first: words for the one that works, its resumption,
        more work on the pull request that came of them, or a run that follows the last one."""
        if not text:
            raise UserError("There is nothing to say.", "Mention honk with what it should do.")
        run_id, state = runs[0], fold(self.events.read(runs[0]))
        permit(self.settings, self.projects, member.id, state.request.repo)
        if state.ended is None:
            self._pass_on(run_id, text, tell)
        elif resumable(state):
            self.desk.resume(run_id, text)
            tell(said("It goes on with your words."))
        elif (found := self._pull_request(runs, state)) is not None:
            self._continue(asked, member, state, *found, text, tell)
        elif state.ended.outcome is Outcome.EXHAUSTED:
            raise UserError(
                "The run reached a limit.", f"An operator raises it: `honk resume {run_id} --max-cost …`."
            )
        else:
            self._start(asked, member, state.request.repo.name, text, former=state)

    def _pass_on(self, run_id: str, text: str, tell: Tell) -> None:
        self.desk.say(run_id, text)
        tell(said("Passed on: the model hears it before its next turn."))

    def _pull_request(self, runs: list[str], newest: RunState) -> tuple[RepoRef, Standing] | None:
        """The open pull request that a thread's runs published, and its repository by its name of today."""
        states = (newest, *(fold(self.events.read(run_id)) for run_id in runs[1:]))
        for state in states:
            if state.published is not None and state.base is not None:
                repo = state.base.base.repo
                pull = self.projects.standing(repo, state.published.pull_request.number)
                return (repo, pull) if pull.state == "open" else None
        return None

    def _continue(
        self,
        asked: Asked,
        member: Member,
        last: RunState,
        repo: RepoRef,
        pull: Standing,
        text: str,
        tell: Tell,
    ) -> None:
        """More work on a pull request: by the run that follows it up, whoever asked for that, or by a
        new one, which takes up again what ``last`` was asked for if that came to nothing."""
        working = self.projects.working(repo, pull.number)
        if working is not None:
            return self._pass_on(working, text, tell)
        vain = last.ended is not None and last.ended.outcome in VAIN
        self._start(asked, member, repo.name, text, former=last if vain else None, pull=pull)


def follow_up(former: RunState, words: str) -> str:
    """The request of a run that follows ``former`` because a person said ``words``."""
    ended = former.ended
    opened = f" Its pull request: {former.published.pull_request.url}" if former.published else ""
    return (
        f"{former.request.text[:FORMER_LIMIT]}\n\n"
        f"An earlier run worked on this and ended as {ended.outcome if ended else 'unfinished'}.{opened}\n\n"
        f"Now this is asked for:\n\n{words}"
    )
