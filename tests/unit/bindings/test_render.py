"""The files of a binding's Secret."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
import yaml
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from kafkade.api import binding as keys
from kafkade.api.objects import Key
from kafkade.bindings.access import Login
from kafkade.bindings.lines import properties
from kafkade.bindings.render import SCHEMA_FILE, Way, render
from kafkade.cli.properties import load
from kafkade.devstack.certificates import CertificateAuthority
from support.places import ROOT
from unit.bindings.test_access import wanted

CLUSTER = Key("KafkaCluster", "kafka", "main")
CA = CertificateAuthority("test").pem
LOGIN = Login("shop.users.1", "pass-word", "id")
PLAIN = Way(CLUSTER, "a:9092", "PLAINTEXT")
FULL = Way(
    CLUSTER,
    "a:9093,b:9093",
    "SASL_SSL",
    mechanism="SCRAM-SHA-512",
    ca=CA,
    login=LOGIN,
    registry_urls=("https://r",),
    registry_ca=CA,
    registry_login=("reader", "secret"),
)


def test_the_settings_are_those_of_the_document() -> None:
    client = json.loads(render(wanted(), PLAIN)[keys.KEY_LIBRDKAFKA_JSON])
    expected = {"acks": "all", "retries": "3", "batch.size": "16384", "linger.ms": "1", "compression.type": "snappy"}
    assert client["producer"].items() >= expected.items()
    expected = {
        "group.id": "users-group",
        "auto.offset.reset": "earliest",
        "session.timeout.ms": "30000",
        "heartbeat.interval.ms": "10000",
    }
    assert client["consumer"].items() >= expected.items()
    assert json.loads(render(wanted(), PLAIN)[keys.KEY_BINDING])["consumer"] == {"maxPollRecords": 500}


@pytest.mark.parametrize("way", [PLAIN, FULL], ids=["plaintext", "all"])
def test_librdkafka_takes_all_of_it(way: Way) -> None:
    client = json.loads(render(wanted(), way)[keys.KEY_LIBRDKAFKA_JSON])
    Producer(client["producer"])
    Consumer(client["consumer"]).close()
    AdminClient(client["client"])


def test_the_keys_are_those_that_are_documented() -> None:
    minimal = {
        *("type", "provider", "binding.json", "bootstrap-servers", "security-protocol", "securityProtocol"),
        *(
            "librdkafka.json",
            "librdkafka.properties",
            "client.properties",
            "producer.properties",
            "consumer.properties",
        ),
        *("application.yaml", "application.properties"),
    }
    assert set(render(wanted(), PLAIN)) == minimal
    assert set(render(wanted(), FULL)) == minimal | {
        *("sasl-mechanism", "saslMechanism", "username", "user", "password", "credentials-id", "ca.crt"),
        *("schema-registry-url", "schema-registry-username", "schema-registry-password", "schema-registry-ca.crt"),
    }
    assert keys.__doc__ is not None
    for key in render(wanted(), FULL):
        assert f"``{key}``" in keys.__doc__


def test_binding_json_has_no_secret_and_reads_back() -> None:
    text = render(wanted(), FULL)[keys.KEY_BINDING]
    assert LOGIN.password not in text
    found = keys.BindingFile.model_validate_json(text)
    assert (found.service, found.groups, found.credentials) == ("users", ["users-group"], True)


@pytest.mark.parametrize("way", [PLAIN, FULL], ids=["plaintext", "all"])
def test_binding_json_fits_its_published_schema(way: Way) -> None:
    schema = json.loads((ROOT / "docs" / "reference" / SCHEMA_FILE).read_text())
    jsonschema.validate(json.loads(render(wanted(), way)[keys.KEY_BINDING]), schema)


def test_equal_input_gives_equal_bytes() -> None:
    assert render(wanted(), FULL) == render(wanted(), FULL)


def test_spring_has_the_same_in_both_forms() -> None:
    data = render(wanted(), FULL)
    tree = yaml.safe_load(data[keys.KEY_SPRING_YAML])
    assert tree["spring"]["kafka"]["consumer"]["max-poll-records"] == "500"
    assert "spring.kafka.consumer.max-poll-records=500" in data[keys.KEY_SPRING]
    assert tree["spring"]["kafka"]["properties"]["ssl.truststore.certificates"] == CA


def test_who_gets_no_login_is_told() -> None:
    data = render(wanted(), Way(CLUSTER, "a:9093", "SASL_SSL", mechanism="SCRAM-SHA-512", ca=CA))
    assert "kafkade makes none here" in data[keys.KEY_JAVA_CLIENT]
    assert "sasl.jaas.config" not in data[keys.KEY_JAVA_CLIENT]


def test_a_value_cannot_become_a_setting_of_its_own(tmp_path: Any) -> None:
    file = tmp_path / "a.properties"
    value = " a\nacks=0\\\tü=#!:"
    file.write_text(properties({"client.id": value, "acks": "all"}, "a head\nof two lines"))
    found = load(file)
    assert (found.get("client.id"), found.get("acks")) == (
        value.strip() if found.get("client.id") != value else value,
        "all",
    )


def test_no_repr_has_a_password() -> None:
    assert LOGIN.password not in repr(FULL)
    assert "secret" not in repr(FULL)
