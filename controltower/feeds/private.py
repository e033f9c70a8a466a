"""What may name a person, taken out of a carrier's texts before they leave normalize.

Fields for names, phones and addresses are never mapped, so what is left is free text: the words of an event
and the name of a place. Out of these go e-mail addresses, numbers as long as a phone's, street addresses,
whoever something was signed by, left with or received by, and whatever stands in a field that the mapping
calls personal. Something may be taken out that names nobody; nothing is put in its place that could.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final

from controltower.feeds.paths import Chain, Paths, compile_paths

REDACTED: Final = "[...]"
#: A shorter value of a personal field would be found in ordinary words.
_SHORTEST_NAME = 3

_PATTERNS = (
    re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"),
    re.compile(
        r"(?<![\w-])(?!\d{4}-\d\d-\d\d|\d{1,2}[./]\d{1,2}[./]\d{2,4}\b)\+?\d[\d\s()./-]{6,}\d(?![\w-])"
    ),
    re.compile(
        r"\b\d{1,5}[a-z]?\s+(?:[\w'.-]+\s+){1,4}(?:street|st|avenue|ave|road|rd|lane|ln|drive|dr|boulevard|blvd"
        r"|court|ct|way|place|pl|square|sq|terrace|close|crescent)\b\.?",
        re.IGNORECASE,
    ),
    re.compile(r"\b[\w-]*(?:stra(?:ß|ss)e|str\.|weg|gasse|allee|platz)\s+\d{1,4}\s?[a-z]?\b", re.IGNORECASE),
    re.compile(r"\b(?:rue|via|calle|avenida|avenue|rua)\s+(?:[\w'.-]+\s+){1,4}\d{1,4}\b", re.IGNORECASE),
)
_BY_WHOM = re.compile(
    r"\b((?:signed(?:\s+for)?|received|accepted|collected|signature)\s*(?:by|:)|signatory:?|recipient:|name:"
    r"|contact:|left with|handed to|delivered to|attn\.?:?|c/o)\s*+:?+\s*+(?!(?:the|a|an|our|your|recipient"
    r"|receiver|consignee|customer|addressee|neighbou?r|agent|post|parcel|locker|reception|receptionist|front|mail"
    r"|safe|pick|access|household|in|at|destination|final|individual|carrier|local|courier|station|hub|depot"
    r"|facility|shop|store|airline|customs|warehouse|usps|ups|fedex|dhl|dpd|australia|canada|landmark)\b)"
    r"[^,;()\[\]]+",
    re.IGNORECASE,
)


@lru_cache(maxsize=4096)
def redact(text: str) -> str:
    """The text without what may be a person's address, number or name."""
    for pattern in _PATTERNS:
        text = pattern.sub(REDACTED, text)
    return _BY_WHOM.sub(rf"\1 {REDACTED}", text)


def compile_redaction(personal: Iterable[Paths]) -> Callable[[str, Chain], str]:
    """A function that also takes out what the event's personal fields say."""
    finders = [compile_paths(paths) for paths in personal]

    def redact_event(text: str, chain: Chain) -> str:
        for find in finders:
            value = find(chain)
            for name in value if type(value) is list else (value,):
                if type(name) is str and len(name) >= _SHORTEST_NAME:
                    text = re.sub(re.escape(name), REDACTED, text, flags=re.IGNORECASE)
        return redact(text)

    return redact_event if finders else lambda text, chain: redact(text)
