"""Events as e-mail over SMTP (aiosmtplib): one each, or gathered in a digest; the text from a template."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Final

import aiosmtplib
import msgspec
from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from controltower.clock import instant_of
from controltower.settings import SettingsError
from controltower.sinks.config import MailSink
from controltower.sinks.delivery import Attempt, Delivery, Outcome
from controltower.sinks.guard import Forbidden, Guard

_TEMPLATES: Final = Path(__file__).with_name("templates")
#: More events make a mail that nobody reads; the rest goes into the next one.
_MOST_EVENTS: Final = 200


class MailSender:
    """Sends to one sink. Every recipient gets the same message; one attempt at a time."""

    parallel = 1

    def __init__(
        self,
        sink: MailSink,
        password: str | None,
        template: str,
        guard: Guard,
        now_ms: Callable[[], int],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._sink, self._password, self._guard, self._now_ms = sink, password, guard, now_ms
        self._tls = tls or ssl.create_default_context()
        self._template = SandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True).from_string(
            template
        )
        self.gather = sink.digest_s > 0
        self.most = _MOST_EVENTS if self.gather else 1

    async def send(self, deliveries: Sequence[Delivery]) -> list[Attempt]:
        """The same outcome for all; raises for a template that cannot be filled."""
        return [await self._send(self.message(deliveries))] * len(deliveries)

    async def close(self) -> None:
        """Nothing is kept open between two mails."""

    def message(self, deliveries: Sequence[Delivery]) -> EmailMessage:
        """Raises TemplateError. The id is a function of the events, so a repeated mail is known as one."""
        events: list[dict[str, Any]] = [msgspec.json.decode(delivery.body) for delivery in deliveries]
        subject, _, text = self._template.render(events=events).strip().partition("\n")
        names = "".join(sorted(delivery.event_id for delivery in deliveries))
        digest = hashlib.sha256(names.encode()).hexdigest()[:32]
        message = EmailMessage()
        message["From"], message["To"] = self._sink.sender, ", ".join(self._sink.recipients)
        message["Subject"] = " ".join(subject.split())[:200]
        message["Date"] = format_datetime(instant_of(self._now_ms()))
        message["Message-ID"] = f"<{digest}@controltower.invalid>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text.strip() + "\n")
        return message

    async def _send(self, message: EmailMessage) -> Attempt:
        try:
            async with asyncio.timeout(self._sink.timeout_s):
                await self._hand_over(message)
        except Forbidden:
            return Attempt(Outcome.FORBIDDEN_ADDRESS)
        except (TimeoutError, aiosmtplib.SMTPTimeoutError):
            return Attempt(Outcome.TIMEOUT)
        except aiosmtplib.SMTPRecipientsRefused:
            return Attempt(Outcome.REFUSED)
        except aiosmtplib.SMTPResponseException as answer:
            return Attempt(_outcome(answer.code))
        except (aiosmtplib.SMTPException, OSError):
            return Attempt(Outcome.UNREACHABLE)
        return Attempt(Outcome.DELIVERED)

    async def _hand_over(self, message: EmailMessage) -> None:
        client = aiosmtplib.SMTP(
            hostname=self._sink.host,
            sock=await self._guard.connect(self._sink.host, self._sink.port),
            use_tls=self._sink.tls == "tls",
            start_tls=self._sink.tls == "starttls",
            tls_context=self._tls,
            username=self._sink.username,
            password=self._password,
            timeout=self._sink.timeout_s,
        )
        async with client:
            await client.send_message(message)


def read_template(path: Path | None, *, digest: bool) -> str:
    """The template's text: the one named, else the shipped one. Raises SettingsError."""
    file = path or _TEMPLATES / ("digest.txt" if digest else "event.txt")
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"CONTROLTOWER_SINKS: the template {file} cannot be read") from None


def try_template(sender: MailSender, deliveries: Sequence[Delivery], name: str) -> None:
    """Fill it with examples, so that a fault in it is met before an event is. Raises SettingsError."""
    try:
        sender.message(deliveries)
    except TemplateError as wrong:
        line = getattr(wrong, "lineno", None)
        where = f" line {line}" if line else ""
        raise SettingsError(
            f"CONTROLTOWER_SINKS: the template of {name}{where}: {' '.join(str(wrong).split())}"
        ) from None


def _outcome(code: int) -> Outcome:
    """SMTP's 4yz is passing, 552 and 534 say that the mail is too large, other 5yz that it is not wanted."""
    if code in (552, 534):
        return Outcome.TOO_LARGE
    return Outcome.BUSY if 400 <= code < 500 else Outcome.REFUSED
