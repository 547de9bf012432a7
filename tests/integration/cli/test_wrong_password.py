"""A wrong password, for the commands that work on for a while: said once, clearly, and shown nowhere."""

from __future__ import annotations

import re
import sys
import urllib.error
import urllib.request
from pathlib import Path

import yaml
from typer.testing import CliRunner

from kafkade.cli.main import app
from kafkade.devstack.kafka import Kafka
from kafkade.devstack.kafka_config import USER
from kafkade.devstack.process import Process
from support.cli import secure
from support.kubernetes import manifest

PASSWORD = "not-the-password"


def test_apply_does_nothing(kafka: Kafka, tmp_path: Path) -> None:
    file = tmp_path / "orders.yaml"
    spec = {"clusterRef": {"name": "main"}, "partitions": 1, "replicationFactor": 1}
    file.write_text(yaml.safe_dump(manifest("KafkaTopic", "orders", spec)))
    words = ["apply", "-f", str(file), "--state", str(tmp_path / "state"), "--yes"]
    environment = secure(kafka, tmp_path, (USER[0], PASSWORD))
    done = CliRunner().invoke(app, words, env={"NO_COLOR": "1", **environment})
    assert done.exit_code == 1
    assert "AuthenticationFailed" in done.stdout
    assert f"refused the login of User:{USER[0]}" in done.stdout
    assert "hint: SASL settings" in done.stdout
    assert "nothing was done" in done.stderr
    assert PASSWORD not in done.output


def test_pages_say_so(kafka: Kafka, tmp_path: Path) -> None:
    log = tmp_path / "ui.log"
    process = Process(
        "kafkade ui",
        [sys.executable, "-m", "kafkade.cli.main", "ui", "--port", "0", "--no-token"],
        log,
        environment=secure(kafka, tmp_path, (USER[0], PASSWORD)),
    )
    process.start()
    try:
        address = re.compile(r"^http://\S+/$", re.MULTILINE)
        process.wait_until(lambda: address.search(log.read_text()) is not None, 60)
        url = address.findall(log.read_text())[0]
        try:
            with urllib.request.urlopen(url, timeout=30) as response:
                status, page = response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            status, page = error.code, error.read().decode()
    finally:
        process.stop()
    assert status >= 500
    assert "The cluster refuses the credentials" in page
    assert f"User:{USER[0]}" in page
    assert PASSWORD not in page + log.read_text()
