"""The gate ``secret``: credentials in added lines, in new bytes, in names and in words.

Known values (those that honk itself holds) are searched everywhere and in the encodings in
which a hijacked model would try to carry them out. Unknown ones are recognised by their
issuer's format only: detect-secrets' entropy, keyword, IP address, Artifactory and IBM rules
are left out, since on ordinary diffs they mostly find hashes, test passwords and version
numbers. Formats that ordinary text also has are flagged, not blocked.

detect-secrets' plugin objects are used directly: its scanner keeps process-wide settings and
verifies by asking the issuer over the network. Importing it takes about 0.2 s, so that is
put off to the first scan.
"""

from __future__ import annotations

import base64
import importlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal
from urllib.parse import quote

from honk.core.types import Finding
from honk.gates.content import Content

Result = Literal["block", "flag"]

_BLOCKING = (
    ("aws", "AWSKeyDetector", "AWS key"),
    ("azure_storage_key", "AzureStorageKeyDetector", "Azure storage key"),
    ("github_token", "GitHubTokenDetector", "GitHub token"),
    ("gitlab_token", "GitLabTokenDetector", "GitLab token"),
    ("mailchimp", "MailchimpDetector", "Mailchimp key"),
    ("npm", "NpmDetector", "npm token"),
    ("openai", "OpenAIDetector", "OpenAI key"),
    ("pypi_token", "PypiTokenDetector", "package index token"),
    ("sendgrid", "SendGridDetector", "SendGrid key"),
    ("slack", "SlackDetector", "Slack token or webhook"),
    ("square_oauth", "SquareOAuthDetector", "Square secret"),
    ("stripe", "StripeDetector", "Stripe live key"),
    ("twilio", "TwilioKeyDetector", "Twilio key"),
)
_FLAGGING = (
    ("discord", "DiscordBotTokenDetector", "Discord token"),
    ("telegram_token", "TelegramBotTokenDetector", "Telegram token"),
)
# Formats that detect-secrets 1.5 does not know.
_PATTERNS = (
    ("GitHub token", r"\bgithub_pat_[A-Za-z0-9_]{40,255}"),
    ("Anthropic key", r"\bsk-ant-[a-z]{3,8}\d\d-[A-Za-z0-9_-]{20,}"),
    ("OpenAI key", r"\bsk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,}"),
    ("Google API key", r"\bAIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"),
    ("Slack app token", r"\bxapp-\d-[A-Z0-9]+-\d+-[a-f0-9]{32,}"),
    ("npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    ("Hugging Face token", r"\bhf_[A-Za-z]{34}\b"),
)
# The header alone is ordinary code; a key has its body right behind it, perhaps in one string.
_KEY_HEADER = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,10} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_KEY_FIELD = re.compile(r"^\s*[A-Z][A-Za-z-]{1,20}: .*\n", re.M)
_KEY_BODY = re.compile(r"(?:\s|\\[nr]|[\"'+,])*[A-Za-z0-9+/]{40}")
_KEY_REACH = 800  # characters after the header
_URL_PASSWORD = re.compile(r"://[^\s/{}:@'\"<>]{1,64}:([^\s/{}@'\"<>$*%]{8,128})@([A-Za-z0-9.-]{1,80})")
_LOCAL = ("localhost", "127.0.0.1", "host", "db", "postgres", "redis", "mysql", "rabbitmq")
_COMMON = re.compile(r"passw|secret|changeme|postgres|rabbitmq", re.I)
_PLACEHOLDER = re.compile(r"example|x{6}|placeholder|your[-_]", re.I)
_WINDOW, _OVERLAP = 4_000, 400  # characters: bounds what a pattern costs on a line without end
_SHORTEST = 6  # a shorter known value would be found in innocent text
_SHOWN = 5


@dataclass(frozen=True)
class Rule:
    """``values`` gives each place in a text that looks like this kind of credential."""

    name: str
    result: Result
    values: Callable[[str], Iterator[str]]


@cache
def _rules() -> tuple[Rule, ...]:
    rules = [Rule(name, "block", _plugin(module, plugin)) for module, plugin, name in _BLOCKING]
    rules += [Rule(name, "block", _whole(re.compile(pattern))) for name, pattern in _PATTERNS]
    rules += [Rule(name, "flag", _plugin(module, plugin)) for module, plugin, name in _FLAGGING]
    return (*rules, Rule("JSON web token", "flag", _web_tokens), Rule("address", "flag", _url_passwords))


def _plugin(module: str, name: str) -> Callable[[str], Iterator[str]]:
    plugin = getattr(importlib.import_module(f"detect_secrets.plugins.{module}"), name)
    return _whole(*plugin.denylist)


def _whole(*patterns: re.Pattern[str]) -> Callable[[str], Iterator[str]]:
    def values(text: str) -> Iterator[str]:
        return (match[0] for pattern in patterns for match in pattern.finditer(text))

    return values


def _web_tokens(text: str) -> Iterator[str]:
    """detect-secrets knows which of the many strings that look like one decode as one."""
    if "eyJ" not in text:
        return iter(())
    plugin = importlib.import_module("detect_secrets.plugins.jwt").JwtTokenDetector()
    return iter(plugin.analyze_string(text))


def _url_passwords(text: str) -> Iterator[str]:
    for match in _URL_PASSWORD.finditer(text):
        password, host = match[1], match[2].lower()
        if host not in _LOCAL and "example" not in host and not _COMMON.search(password):
            yield password


def secrets(content: Content, known: Sequence[str]) -> Iterator[Finding]:
    """Credentials that a change brings into one path."""
    path = content.file.path
    shown = mask(path, known)
    if content.new is not None:
        for value in known:
            if _holds(content.new, value) and not (content.old is not None and _holds(content.old, value)):
                yield _finding("block", shown, "it holds a secret value that honk knows")
    if content.file.status == "A":
        yield from _scan_name(path, shown, known)
    yield from _scan(content.added, shown)


def _scan_name(path: str, shown: str, known: Sequence[str]) -> Iterator[Finding]:
    if any(_holds(path.encode("utf-8", "surrogateescape"), value) for value in known):
        yield _finding("block", shown, "its name holds a secret value that honk knows")
    for rule, value in _matches(path):
        yield _finding(rule.result, path.replace(value, _masked(value)), f"its name holds: {rule.name}")


def scan_secrets(text: str, known: Sequence[str]) -> Iterator[Finding]:
    """For words that are no file: a title or a description."""
    if any(_holds(text.encode("utf-8", "surrogatepass"), value) for value in known):
        yield _finding("block", "", "the text holds a secret value that honk knows")
    yield from _scan(tuple(enumerate(text.split("\n"), 1)), "")


def _scan(lines: Sequence[tuple[int, str]], path: str) -> Iterator[Finding]:
    found: dict[tuple[Result, str, str], int] = {}
    for number, line in lines:
        for rule, value in _matches(line):
            found.setdefault((rule.result, rule.name, value), number)
    for result in ("block", "flag"):
        for (how, name, value), number in [item for item in found.items() if item[0][0] == result][:_SHOWN]:
            yield _finding(how, path, f"line {number}: {name} {_masked(value)}")
    text = "\n".join(line for _, line in lines)
    for header in _KEY_HEADER.finditer(text):
        if _KEY_BODY.match(_KEY_FIELD.sub("", text[header.end() : header.end() + _KEY_REACH])):
            number = lines[text.count("\n", 0, header.start())][0]
            yield _finding("block", path, f"line {number}: private key")
            return


def _matches(line: str) -> Iterator[tuple[Rule, str]]:
    for start in range(0, max(len(line), 1), _WINDOW - _OVERLAP):
        piece = line[start : start + _WINDOW]
        if len(piece) < 16:
            continue
        for rule in _rules():
            for value in rule.values(piece):
                yield _softened(rule, value), value


def _softened(rule: Rule, value: str) -> Rule:
    """Documentation's own examples are worth a look, not a refusal."""
    return Rule(rule.name, "flag", rule.values) if _PLACEHOLDER.search(value) else rule


def _holds(data: bytes, value: str) -> bool:
    return len(value) >= _SHORTEST and any(form in data for form in _forms(value))


def _forms(value: str) -> tuple[bytes, ...]:
    """The value as it is, and in URL, hexadecimal, UTF-16 and base64 encoding at any offset."""
    raw = value.encode()
    forms = {raw, raw[::-1], quote(value, safe="").encode(), raw.hex().encode(), raw.hex().upper().encode()}
    forms.add(value.encode("utf-16-le"))
    for offset in range(3) if len(raw) >= 12 else ():
        # Characters that depend on the neighbours are cut off at both ends.
        encoded = base64.b64encode(b"\0" * offset + raw)[(0, 2, 3)[offset] : -4]
        forms |= {encoded, encoded.translate(bytes.maketrans(b"+/", b"-_"))}
    return tuple(forms)


def mask(text: str, known: Iterable[str]) -> str:
    """``text`` without the known values."""
    for value in known:
        if len(value) >= _SHORTEST:
            text = text.replace(value, "***")
    return text


def _masked(value: str) -> str:
    return f"{value[:4]}***"


def _finding(result: Result, path: str, detail: str) -> Finding:
    return Finding(gate="secret", result=result, path=path, detail=detail)
