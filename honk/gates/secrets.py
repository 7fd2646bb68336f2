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
from honk.gates.content import TOO_LONG, Content

Result = Literal["block", "flag"]

_BLOCKING = (
    ("aws", "AWSKeyDetector", "AWS key"),
    ("azure_storage_key", "AzureStorageKeyDetector", "Azure storage key"),
    ("github_token", "GitHubTokenDetector", "GitHub token"),
    ("gitlab_token", "GitLabTokenDetector", "GitLab token"),
    ("mailchimp", "MailchimpDetector", "Mailchimp key"),
    ("openai", "OpenAIDetector", "OpenAI key"),
    ("pypi_token", "PypiTokenDetector", "package index token"),
    ("sendgrid", "SendGridDetector", "SendGrid key"),
    ("slack", "SlackDetector", "Slack token or webhook"),
    ("square_oauth", "SquareOAuthDetector", "Square secret"),
    ("stripe", "StripeDetector", "Stripe live key"),
    ("twilio", "TwilioKeyDetector", "Twilio key"),
)
_PLAIN = ("AWS key", "Twilio key")  # formats without a telling prefix
_FLAGGING = (
    ("discord", "DiscordBotTokenDetector", "Discord token"),
    ("telegram_token", "TelegramBotTokenDetector", "Telegram token"),
)
# Formats that detect-secrets 1.5 does not know, or not in linear time (npm). They start with
# their fixed part, which the regular expression engine then finds fast. Lengths and alphabets are
# those of the issuers, as the rules of gitleaks (config/gitleaks.toml) list them.
_PATTERNS = (
    ("GitHub token", r"github_pat_[A-Za-z0-9_]{40,255}"),
    ("Anthropic key", r"sk-ant-[a-z]{3,8}\d\d-[A-Za-z0-9_-]{20,}"),
    ("OpenAI key", r"sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,}"),
    ("Google API key", r"AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"),
    ("Slack app token", r"xapp-\d-[A-Z0-9]+-\d+-[a-f0-9]{32,}"),
    ("npm token", r"npm_[A-Za-z0-9]{36}(?![A-Za-z0-9_])"),
    ("npm token", r":_authToken=\s*[\"']?[A-Fa-f0-9]{8}-[A-Fa-f0-9-]{27}"),
    # The scanner wants quotes around it; files of variables have none.
    ("AWS key", r"(?i:aws_secret_access_key)\s*[:=]\s*[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])"),
    ("age key", r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}"),
    ("Databricks token", r"dapi[a-f0-9]{32}(?![A-Za-z0-9])"),
    ("DigitalOcean token", r"do[opr]_v1_[a-f0-9]{64}"),
    ("Docker Hub token", r"dckr_[po]at_[A-Za-z0-9_-]{27,}"),
    ("Doppler token", r"dp\.pt\.[A-Za-z0-9]{43}"),
    ("Grafana token", r"glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}"),
    ("HashiCorp token", r"hv[sb]\.[A-Za-z0-9_-]{90,}"),
    ("HashiCorp token", r"\.atlasv1\.[A-Za-z0-9_=-]{60,70}"),
    ("Hugging Face token", r"(?:hf_|api_org_)[A-Za-z]{34}(?![A-Za-z0-9])"),
    ("Linear key", r"lin_api_[A-Za-z0-9]{40}"),
    ("New Relic key", r"NRAK-[A-Z0-9]{27}"),
    # What stands behind "-----BEGIN", in base64: how Kubernetes and CI keep it.
    (
        "private key",
        r"LS0tLS1CRUdJTi(?:BQUklWQVRFIEtFWS|BSU0EgUFJJVkFURSBLRVk|BFQyBQUklWQVRFIEtFWS|BPUEVOU1NI)",
    ),
    ("PlanetScale token", r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9=._-]{32,64}"),
    ("Postman key", r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
    ("Pulumi token", r"pul-[a-f0-9]{40}(?![A-Za-z0-9])"),
    ("RubyGems key", r"rubygems_[a-f0-9]{48}"),
    ("Sentry token", r"sntryu_[a-f0-9]{64}"),
    ("Shopify token", r"shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}"),
)
# The header alone is ordinary code; a key has its body right behind it, perhaps in one string.
_KEY_HEADER = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,10} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_KEY_FIELD = re.compile(r"^[ \t]*[A-Z][A-Za-z-]{1,20}: .*\n", re.M)
_KEY_BODY = re.compile(r"(?:\s|\\[nr]|[\"'+,])*[A-Za-z0-9+/]{40}")
_KEY_REACH = 800  # characters after the header
_URL_PASSWORD = re.compile(r"://[^\s/{}:@'\"<>]{1,64}:([^\s/{}@'\"<>$*%]{8,128})@([A-Za-z0-9.-]{1,80})")
_LOCAL = ("localhost", "127.0.0.1", "host", "db", "postgres", "redis", "mysql", "rabbitmq")
_COMMON = re.compile(r"passw|secret|changeme|postgres|rabbitmq", re.I)
_PLACEHOLDER = re.compile(r"example|x{6}|placeholder|your[-_]", re.I)
_ENCODED = re.compile(r"[A-Za-z0-9+/]")
_WINDOW, _OVERLAP = 4_000, 400  # characters: bounds what a pattern costs on a line without end
_SHORTEST = 6  # a shorter known value would be found in innocent text
_SHOWN = 5


@dataclass(frozen=True)
class Rule:
    """One kind of credential. ``accept`` looks again at what a pattern found."""

    name: str
    result: Result
    patterns: tuple[re.Pattern[str], ...]
    accept: Callable[[re.Match[str]], bool] = bool


@cache
def _rules() -> tuple[Rule, ...]:
    rules = [
        Rule(name, "block", _plugin(module, plugin), _stands_alone) for module, plugin, name in _BLOCKING
    ]
    rules += [Rule(name, "block", (re.compile(pattern),)) for name, pattern in _PATTERNS]
    rules += [Rule(name, "flag", _plugin(module, plugin)) for module, plugin, name in _FLAGGING]
    web_token = importlib.import_module("detect_secrets.plugins.jwt").JwtTokenDetector
    rules.append(
        Rule("JSON web token", "flag", (*web_token.denylist,), lambda m: web_token.is_formally_valid(m[0]))
    )
    return (*rules, Rule("password in an address", "flag", (_URL_PASSWORD,), _is_real_password))


def _plugin(module: str, name: str) -> tuple[re.Pattern[str], ...]:
    plugin = getattr(importlib.import_module(f"detect_secrets.plugins.{module}"), name)
    return (*plugin.denylist,)


def _stands_alone(match: re.Match[str]) -> bool:
    """Not in the middle of encoded bytes, where every format turns up some day."""
    text, start, end = match.string, match.start(), match.end()
    return not (_ENCODED.match(text[start - 1 : start]) and _ENCODED.match(text[end : end + 1]))


def _is_real_password(match: re.Match[str]) -> bool:
    password, host = match[1], match[2].lower()
    return host not in _LOCAL and "example" not in host and not _COMMON.search(password)


def secrets(content: Content, known: Sequence[str]) -> Iterator[Finding]:
    """Credentials that a change brings into one path."""
    path = content.file.path
    shown = mask(path, known)
    if content.new is not None:
        for value in known:
            if _holds(content.new, value) and not (content.old is not None and _holds(content.old, value)):
                yield _finding("block", shown, "it holds a secret value that honk knows")
    if content.too_long:
        yield _finding("block", shown, TOO_LONG)
    if content.file.status == "A":
        yield from _scan_name(path, shown, known)
    yield from _scan(content.added, shown)


def _scan_name(path: str, shown: str, known: Sequence[str]) -> Iterator[Finding]:
    if any(_holds(path.encode("utf-8", "surrogateescape"), value) for value in known):
        yield _finding("block", shown, "its name holds a secret value that honk knows")
    for result, name, value, _ in _matches(path):
        yield _finding(result, path.replace(value, _masked(value)), f"its name holds: {name}")


def scan_secrets(text: str, known: Sequence[str]) -> Iterator[Finding]:
    """For words that are no file: a title or a description."""
    if any(_holds(text.encode("utf-8", "surrogatepass"), value) for value in known):
        yield _finding("block", "", "the text holds a secret value that honk knows")
    yield from _scan(tuple(enumerate(text.split("\n"), 1)), "")


def _scan(lines: Sequence[tuple[int, str]], path: str) -> Iterator[Finding]:
    text, numbers = _joined(lines)
    found: dict[tuple[Result, str, str], int] = {}
    for result, name, value, at in _matches(text):
        found.setdefault((result, name, value), numbers[text.count("\n", 0, at)])
    for wanted in ("block", "flag"):
        shown = [item for item in found.items() if item[0][0] == wanted][:_SHOWN]
        for (result, name, value), number in shown:
            yield _finding(result, path, f"line {number}: {name} {_masked(value)}")
    for header in _KEY_HEADER.finditer(text):
        if _KEY_BODY.match(_KEY_FIELD.sub("", text[header.end() : header.end() + _KEY_REACH])):
            number = numbers[text.count("\n", 0, header.start())]
            yield _finding("block", path, f"line {number}: private key")
            return


def _joined(lines: Sequence[tuple[int, str]]) -> tuple[str, list[int]]:
    """One text of all lines, long ones in overlapping pieces, and the number of each line of it."""
    pieces, numbers = [], []
    for number, line in lines:
        for start in range(0, max(len(line) - _OVERLAP, 1), _WINDOW - _OVERLAP):
            pieces.append(line[start : start + _WINDOW])
            numbers.append(number)
    return "\n".join(pieces), numbers


def _matches(text: str) -> Iterator[tuple[Result, str, str, int]]:
    """Result, name and value of everything in ``text`` that looks like a credential, and its place.

    Documentation's own examples are worth a look, not a refusal.
    """
    for rule in _rules():
        for match in (m for pattern in rule.patterns for m in pattern.finditer(text) if rule.accept(m)):
            result = "flag" if _PLACEHOLDER.search(match[0]) else rule.result
            yield result, rule.name, match[0], match.start()


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
