"""Who is told of what, from a YAML file. Secrets stand in files or variables of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from controltower.marked_yaml import read_marked
from controltower.settings import SettingsError
from schemas.vocabulary import ActionName, ActionState, ExceptionCode, Transition

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Host = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.:-]{0,251}[a-z0-9])?$")]
Wait = Annotated[float, Field(gt=0, le=86_400)]
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
#: The schedule that the Standard Webhooks specification recommends; the last wait repeats.
_RETRY_S: Final = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
_DAY_S: Final = 86_400


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ExceptionChoice(_Part):
    """Which exceptions; an empty list lets all pass."""

    codes: tuple[ExceptionCode, ...] = ()
    severities: tuple[Literal[1, 2, 3, 4], ...] = ()
    transitions: tuple[Transition, ...] = ()
    carriers: tuple[str, ...] = ()


class ActionChoice(_Part):
    """Which recovery actions; an empty list lets all pass."""

    actions: tuple[ActionName, ...] = ()
    states: tuple[ActionState, ...] = ()


class Sink(_Part):
    """What both kinds have. `since` of a sink is when it was first seen: what happened before is not told."""

    exceptions: ExceptionChoice | None = None
    actions: ActionChoice | None = None
    tenants: tuple[str, ...] = ()
    timeout_s: float = Field(default=10.0, gt=0, le=60, description="for one attempt, all of it")
    retry_s: tuple[Wait, ...] = Field(default=_RETRY_S, min_length=1, max_length=20)
    give_up_after_s: float = Field(default=3 * _DAY_S, gt=0, le=14 * _DAY_S)
    largest_queue: int = Field(default=20_000, ge=1, le=1_000_000, description="per partition")

    @model_validator(mode="after")
    def _wants_something(self) -> Sink:
        if self.exceptions is None and self.actions is None:
            raise ValueError("says neither `exceptions:` nor `actions:`; `exceptions: {}` means all")
        return self


class WebhookSink(Sink):
    """`secret_files` or `secret_variables`: one secret each, a second one is for the time of a rotation."""

    url: str = Field(pattern=r"^https?://[^\s@#]+$", max_length=2000)
    secret_files: tuple[Path, ...] = Field(default=(), max_length=2)
    secret_variables: tuple[str, ...] = Field(default=(), max_length=2)
    parallel: int = Field(default=4, ge=1, le=32, description="requests at a time")

    @property
    def host(self) -> str:
        return (urlsplit(self.url).hostname or "").lower()

    @model_validator(mode="after")
    def _is_signed(self) -> WebhookSink:
        if not self.secret_files and not self.secret_variables:
            raise ValueError("names no secret: `secret_files: [FILE]` or `secret_variables: [NAME]`")
        if self.url.startswith("http:") and self.host not in _LOOPBACK:
            raise ValueError("is not https")
        return self


class MailSink(Sink):
    """digest_s 0: a mail per event; else what came within so many seconds is one mail."""

    host: Host
    port: int = Field(default=587, ge=1, le=65_535)
    tls: Literal["starttls", "tls", "none"] = "starttls"
    own_network: bool = Field(default=False, description="the mail server may have a private address")
    username: str | None = None
    password_file: Path | None = None
    password_variable: str | None = None
    sender: str = Field(pattern=r"^[^\s@<>]+@[^\s@<>]+$")
    recipients: tuple[Annotated[str, StringConstraints(pattern=r"^[^\s@<>]+@[^\s@<>]+$")], ...] = Field(
        min_length=1, max_length=50
    )
    digest_s: float = Field(default=0.0, ge=0, le=_DAY_S)
    template: Path | None = Field(default=None, description="Jinja; the first line is the subject")

    @model_validator(mode="after")
    def _signs_in_safely(self) -> MailSink:
        if self.tls == "none" and self.host not in _LOOPBACK:
            raise ValueError("`tls: none` sends everything in clear")
        if (self.username is None) is not (self.password_file is None and self.password_variable is None):
            raise ValueError("`username` goes with `password_file` or `password_variable`")
        return self


class SinksFile(_Part):
    """The whole file. `allowed_hosts`: nothing else is ever connected to, whatever a sink says."""

    allowed_hosts: tuple[Host, ...] = ()
    allow_loopback: bool = Field(default=False, description="for trying out on one machine")
    webhooks: dict[Name, WebhookSink] = Field(default={}, max_length=20)
    mails: dict[Name, MailSink] = Field(default={}, max_length=20)

    @model_validator(mode="after")
    def _fits_together(self) -> SinksFile:
        both = sorted(set(self.webhooks) & set(self.mails))
        if both:
            raise ValueError(f"{both[0]} is the name of a webhook and of a mail")
        for name, sink in self.sinks.items():
            assert isinstance(sink, WebhookSink | MailSink)
            if sink.host in _LOOPBACK:
                if not self.allow_loopback:
                    raise ValueError(f"{name}: {sink.host} needs `allow_loopback: true`")
            elif sink.host not in self.allowed_hosts:
                raise ValueError(f"{name}: {sink.host} is not among `allowed_hosts`")
        return self

    @property
    def sinks(self) -> dict[str, Sink]:
        return {**self.webhooks, **self.mails}


def read_sinks_file(path: Path) -> SinksFile:
    """Raises SettingsError, one line with file, line and field."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as wrong:
        raise SettingsError(f"CONTROLTOWER_SINKS: {path} cannot be read: {type(wrong).__name__}") from None
    return read_marked(text, str(path), SinksFile, SettingsError)
