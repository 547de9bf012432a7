"""What tests of commands against a real Kafka have in common."""

from __future__ import annotations

import re
from pathlib import Path

from typer.testing import Result

from kafkade.devstack.kafka import Kafka


def told(result: Result) -> list[str]:
    """The lines of stderr, without those on progress, which only a slow machine has."""
    return [x for x in result.stderr.splitlines() if not re.fullmatch(r"(topics: |records read: |looked at )\d.*", x)]


def secure(kafka: Kafka, folder: Path, user: tuple[str, str]) -> dict[str, str]:
    """The environment of a command that logs in over TLS, by a file that is written to ``folder``."""
    (folder / "ca.pem").write_text(kafka.ca_pem)
    module = "org.apache.kafka.common.security.scram.ScramLoginModule"
    file = folder / "client.properties"
    file.write_text(
        "security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\n"
        f'sasl.jaas.config={module} required username="{user[0]}" password="{user[1]}";\n'
        f"ssl.truststore.type=PEM\nssl.truststore.location={folder / 'ca.pem'}\n"
    )
    return {"KAFKADE_BOOTSTRAP_SERVERS": kafka.sasl_ssl_bootstrap, "KAFKADE_COMMAND_CONFIG": str(file)}
