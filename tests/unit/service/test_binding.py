"""Bindings as files: kafkade's own, and those of other provisioners."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kafkade.api.binding import LibrdkafkaFile
from kafkade.bindings.render import Way, render
from kafkade.service import BindingError
from kafkade.service.binding import CONSUMER, PRODUCER, find, load
from unit.bindings.test_access import wanted
from unit.bindings.test_render import FULL, PLAIN


def binding(root: Path, name: str = "kafka", **files: str) -> Path:
    folder = root / name
    folder.mkdir()
    for key, value in {"type": "kafka", "bootstrap-servers": "a:9092,b:9092", **files}.items():
        (folder / key.replace("__", ".").replace("_", "-")).write_text(value)
    return folder


def test_single_values_are_enough(tmp_path: Path) -> None:
    found = load(binding(tmp_path, "shop"))
    assert found.client == {"bootstrap.servers": "a:9092,b:9092", "security.protocol": "PLAINTEXT"}
    assert found.producer == {**found.client, **PRODUCER}
    assert found.consumer == {**found.client, **CONSUMER, "group.id": "shop-group"}
    assert (found.service, found.group, found.max_poll_records) == ("shop", "shop-group", 500)
    assert (found.registry, found.policy) == (None, None)
    assert PRODUCER == {
        "acks": "all",
        "retries": "3",
        "batch.size": "16384",
        "linger.ms": "1",
        "compression.type": "snappy",
    }


def test_credentials_are_used_and_never_shown(tmp_path: Path) -> None:
    found = load(
        binding(
            tmp_path,
            security_protocol="SASL_SSL",
            sasl_mechanism="SCRAM-SHA-512",
            username="alice",
            password="s3cret",
            ca__crt="PEM",
            schema_registry_url="https://r",
            schema_registry_username="u",
            schema_registry_password="s3cret",
        )
    )
    assert found.client["sasl.password"] == "s3cret"
    assert found.client["ssl.ca.pem"] == "PEM"
    assert found.registry == {
        "url": "https://r",
        "basic.auth.user.info": "u:s3cret",
        "cache.capacity": 100,
        "timeout": 10.0,
    }
    assert "s3cret" not in repr(found)


def test_kafkades_own_files_win(tmp_path: Path) -> None:
    settings = {
        "client": {"bootstrap.servers": "c:1"},
        "producer": {"bootstrap.servers": "c:1", "acks": "all"},
        "consumer": {"bootstrap.servers": "c:1", "group.id": "other"},
        "registry": {"url": "http://r", "cache.capacity": "7", "timeout": "3"},
    }
    about = {
        "service": "user-service",
        "groups": ["user-service-group"],
        "transactions": {"idPrefix": "user-service."},
        "consumer": {"maxPollRecords": 9},
    }
    folder = binding(
        tmp_path, librdkafka__json=json.dumps(settings), binding__json=json.dumps(about), policy__json="{}"
    )
    found = load(folder)
    assert (found.client, found.producer, found.consumer) == (
        settings["client"],
        settings["producer"],
        settings["consumer"],
    )
    assert (found.service, found.group, found.transaction_prefix) == (
        "user-service",
        "user-service-group",
        "user-service.",
    )
    assert (found.max_poll_records, found.policy) == (9, folder / "policy.json")
    assert found.registry == {"url": "http://r", "cache.capacity": 7, "timeout": 3.0}


@pytest.mark.parametrize("way", [PLAIN, FULL], ids=["plaintext", "all"])
def test_what_the_operator_renders_is_read(tmp_path: Path, way: Way) -> None:
    bound = wanted()
    for key, text in render(bound, way).items():
        (tmp_path / key).write_text(text)
    found = load(tmp_path)
    files = LibrdkafkaFile.model_validate_json((tmp_path / "librdkafka.json").read_text())
    assert (found.client, found.producer, found.consumer) == (files.client, files.producer, files.consumer)
    assert PRODUCER.items() <= found.producer.items()
    assert CONSUMER.items() <= found.consumer.items()
    assert (found.service, found.group, found.max_poll_records) == (bound.service, bound.groups[0], 500)
    assert found.security.bootstrap == way.bootstrap
    assert found.security.protocol == way.protocol
    if way is FULL:
        assert found.registry is not None
        assert found.registry["basic.auth.user.info"] == "reader:secret"
        assert "BEGIN CERTIFICATE" in found.registry["ssl.ca.pem"]
    if bound.transactional_id_prefix is not None:
        assert found.transaction_prefix == bound.transactional_id_prefix


def test_the_only_one_of_type_kafka_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SERVICE_BINDING_ROOT", raising=False)
    with pytest.raises(BindingError, match="SERVICE_BINDING_ROOT is not set"):
        find()
    with pytest.raises(BindingError, match="no binding of type kafka"):
        find(root=tmp_path)
    binding(tmp_path, "database", type="postgresql")
    folder = binding(tmp_path)
    monkeypatch.setenv("SERVICE_BINDING_ROOT", str(tmp_path))
    assert find() == folder
    binding(tmp_path, "more")
    with pytest.raises(BindingError, match=r"several.*kafka, more"):
        find()
    assert find("kafka") == folder
    with pytest.raises(BindingError, match=r"no binding other.*database \(postgresql\)"):
        find("other")


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    with pytest.raises(BindingError, match="bootstrap-servers is missing or empty"):
        load(binding(tmp_path, "a", bootstrap_servers=""))
    with pytest.raises(BindingError, match="security-protocol must be"):
        load(binding(tmp_path, "b", security_protocol="TLS"))
    with pytest.raises(BindingError, match="username or password is missing"):
        load(binding(tmp_path, "c", security_protocol="SASL_SSL"))
    with pytest.raises(BindingError, match=r"librdkafka\.json cannot be read as JSON"):
        load(binding(tmp_path, "d", librdkafka__json="{"))
