"""Who an exception is: the same facts give the same id, in the stream and in a replay."""

from __future__ import annotations

from typing import Final
from uuid import UUID, uuid5

from controltower.route.timeline import from_ms
from schemas.vocabulary import ExceptionCode

#: Namespace of this product's ids (a random UUID, fixed for ever).
NAMESPACE: Final = UUID("6f0c1f7e-52c4-4d4e-9d3f-2f1f6b0f9a11")


def exception_id(tenant: str, code: ExceptionCode, subject: str, scope: str, generation_ms: int) -> str:
    """uuid5 of tenant, code, subject, scope and generation (detected_at of the opening)."""
    generation = from_ms(generation_ms).isoformat()
    return str(uuid5(NAMESPACE, "|".join((tenant, code.value, subject, scope, generation))))
