"""What the requester's words permit without being asked again."""

from __future__ import annotations

import re

_REMOVAL = re.compile(
    r"\b(?:remov|delet|drop|retir|get(?:ting)? rid|rip out|no longer|any ?more|unused|take\s+(?:\w+\s+)?out)",
    re.I,
)
_NAME = re.compile(r"\w{4,}")  # a word of a request that may be one of the code's names
_PLAIN = re.compile(
    r"from|with|that|this|tests?|when|where|code|functions?|methods?|class(?:es)?|files?|return|import|export"
    r"|remov\w*|delet\w*|drop\w*|longer|anywhere|more|anymore|unused|take|nobody",
    re.I,
)


def to_remove(request: str) -> frozenset[str]:
    """The words of a request to remove something that may name what is to go; none if it asks for
    something else."""
    if not _REMOVAL.search(request):
        return frozenset()
    return frozenset(word for word in _NAME.findall(request) if not _PLAIN.fullmatch(word))
