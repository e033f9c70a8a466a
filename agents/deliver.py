"""deliver: exceptions and actions to webhooks and mail, for those who read no Kafka."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

from controltower.settings import Settings, SettingsError
from controltower.sinks.config import MailSink, SinksFile, WebhookSink, read_sinks_file
from controltower.sinks.courier import Courier, Sender
from controltower.sinks.examples import example_deliveries
from controltower.sinks.fold import DeliverFold
from controltower.sinks.guard import Guard
from controltower.sinks.mail import MailSender, read_template, try_template
from controltower.sinks.secrets import read_secrets
from controltower.sinks.webhook import WebhookSender
from controltower.streaming.stage import StageSpec
from schemas.topics import DELIVERY_REQUESTS, DISPATCH, EXCEPTIONS, changelog_of

NAME = "deliver"
#: 24 bytes of base64, the least that the standard names.
_LEAST_HMAC = 32


def build(settings: Settings, now_ms: Callable[[], int]) -> StageSpec:
    """Raises SettingsError for a file, a secret or a template that is wrong. Nothing is connected yet."""
    if settings.sinks is None:
        raise SettingsError("CONTROLTOWER_SINKS: is not set, so nobody is to be told (docs/sinks.md)")
    file = read_sinks_file(settings.sinks)
    random = Random()
    courier = Courier(make_senders(file, settings.sinks.parent, now_ms), now_ms, random)

    def make_fold(partition: int, partitions: int) -> DeliverFold:
        return DeliverFold(partition, file.sinks, courier.outbox(partition), now_ms, random)

    inputs = (EXCEPTIONS, DISPATCH, DELIVERY_REQUESTS)
    return StageSpec(NAME, inputs, changelog_of(NAME), make_fold)


def make_senders(file: SinksFile, folder: Path, now_ms: Callable[[], int]) -> Mapping[str, Sender]:
    """Files that the sinks name are relative to `folder`. Raises SettingsError."""
    senders: dict[str, Sender] = {}
    for name, webhook in file.webhooks.items():
        secrets = read_secrets(webhook.secret_files, webhook.secret_variables, folder, _LEAST_HMAC)
        senders[name] = WebhookSender(webhook, secrets, _guard(file, webhook), now_ms)
    for name, mail in file.mails.items():
        senders[name] = _mail_sender(file, name, mail, folder, now_ms)
    return senders


def _mail_sender(
    file: SinksFile, name: str, mail: MailSink, folder: Path, now_ms: Callable[[], int]
) -> MailSender:
    files = (mail.password_file,) if mail.password_file else ()
    variables = (mail.password_variable,) if mail.password_variable else ()
    password = next(iter(read_secrets(files, variables, folder, 1)), None)
    path = None if mail.template is None else folder / mail.template
    template = read_template(path, digest=mail.digest_s > 0)
    sender = MailSender(mail, password, template, _guard(file, mail), now_ms)
    for delivery in example_deliveries(name):
        try_template(sender, [delivery], name)
    return sender


def _guard(file: SinksFile, sink: WebhookSink | MailSink) -> Guard:
    """Each sink may reach its own host and no other."""
    own_network = (sink.host,) if isinstance(sink, MailSink) and sink.own_network else ()
    return Guard((sink.host,), allow_loopback=file.allow_loopback, own_network=own_network)
