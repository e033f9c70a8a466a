"""A real Kafka with its authorizer on: SASL_SSL with SCRAM, and TLS with client certificates.

The plain listener is the administrator's: who comes through it is a super user. Certificates are made by
openssl for this run.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from agents.access import Right
from controltower.embedded.ports import find_free_ports
from tests.kafka import KafkaUnavailable, LocalKafka, kafka_jars

_PROPERTIES = """
listeners=PLAINTEXT://127.0.0.1:{plain},CONTROLLER://127.0.0.1:{controller},SASL_SSL://127.0.0.1:{sasl},SSL://127.0.0.1:{tls}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain},SASL_SSL://127.0.0.1:{sasl},SSL://127.0.0.1:{tls}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=\\
org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={folder}/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
listener.name.ssl.ssl.client.auth=required
ssl.principal.mapping.rules=RULE:^CN=([^,]+).*$/$1/
"""


class SecureKafka(LocalKafka):
    """`brokers` is the administrator's plain listener; `sasl_brokers` and `tls_brokers` are for the rest."""

    def __init__(self, jars: Path, directory: Path) -> None:
        self.folder = directory
        self._sasl_port = find_free_ports(2)
        self._tls_port = self._sasl_port + 1
        self.sasl_brokers = f"127.0.0.1:{self._sasl_port}"
        self.tls_brokers = f"127.0.0.1:{self._tls_port}"
        super().__init__(jars, directory)

    def _configure(self) -> None:
        make_authority(self.folder)
        make_certificate(self.folder, "broker")
        super()._configure()
        properties = self.folder / "server.properties"
        kept = [line for line in properties.read_text().splitlines() if "listeners=" not in line]
        ours = _PROPERTIES.format(
            plain=self._port,
            controller=self._controller_port,
            sasl=self._sasl_port,
            tls=self._tls_port,
            folder=self.folder,
        )
        properties.write_text("\n".join(kept) + ours)

    def add_user(self, name: str, password: str) -> None:
        """A SCRAM user."""
        change = UserScramCredentialUpsertion(
            name, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), password.encode()
        )
        admin = AdminClient({"bootstrap.servers": self.brokers})
        admin.alter_user_scram_credentials([change])[name].result()

    def grant(self, user: str, rights: Iterable[Right]) -> None:
        """Exactly these rights."""
        admin = AdminClient({"bootstrap.servers": self.brokers})
        for future in admin.create_acls([acl for r in rights for acl in _bindings(user, r)]).values():
            future.result()


def _bindings(user: str, right: Right) -> Iterator[AclBinding]:
    kinds = {
        "Topic": ResourceType.TOPIC,
        "Group": ResourceType.GROUP,
        "TransactionalId": ResourceType.TRANSACTIONAL_ID,
    }
    operations = {
        "Read": AclOperation.READ,
        "Write": AclOperation.WRITE,
        "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS,
    }
    pattern = ResourcePatternType.PREFIXED if right.prefixed else ResourcePatternType.LITERAL
    for operation in right.operations:
        yield AclBinding(
            kinds[right.resource],
            right.name,
            pattern,
            f"User:{user}",
            "*",
            operations[operation],
            AclPermissionType.ALLOW,
        )


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def make_authority(folder: Path) -> None:
    """ca.pem and ca.key."""
    _openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", f"{folder}/ca.key")
    subject = ["-subj", "/CN=authority of a test", "-days", "2"]
    _openssl("req", "-x509", "-new", "-key", f"{folder}/ca.key", *subject, "-out", f"{folder}/ca.pem")


def make_certificate(folder: Path, name: str) -> None:
    """<name>.key, <name>.crt for this machine, and <name>.pem with both, as Kafka wants them."""
    base = f"{folder}/{name}"
    _openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", f"{base}.key")
    _openssl("req", "-new", "-key", f"{base}.key", "-subj", f"/CN={name}", "-out", f"{base}.csr")
    (folder / f"{name}.ext").write_text("subjectAltName=IP:127.0.0.1\n")
    authority = ["-CA", f"{folder}/ca.pem", "-CAkey", f"{folder}/ca.key", "-CAcreateserial", "-days", "2"]
    _openssl(
        "x509", "-req", "-in", f"{base}.csr", *authority, "-extfile", f"{base}.ext", "-out", f"{base}.crt"
    )
    Path(f"{base}.pem").write_text(Path(f"{base}.key").read_text() + Path(f"{base}.crt").read_text())


@contextmanager
def secure_kafka() -> Iterator[SecureKafka]:
    """A node of our own; raises KafkaUnavailable without Java, Maven or openssl."""
    if shutil.which("openssl") is None:
        raise KafkaUnavailable("a secured Kafka needs openssl for its certificates")
    jars = kafka_jars()
    with tempfile.TemporaryDirectory(prefix="controltower-kafka-") as directory:
        node = SecureKafka(jars, Path(directory))
        try:
            node.start()
            yield node
        finally:
            node.stop()
