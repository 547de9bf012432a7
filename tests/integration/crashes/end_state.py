"""All that one namespace's resources came to in Kubernetes, Kafka and the registry, as values that are equal if that is."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any

from confluent_kafka import Consumer, ConsumerGroupState, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ConfigSource, ResourceType

from integration.crashes.scenarios import setting_of
from integration.crashes.world import COMMON, Object, World
from kafkade.api import GROUP, VERSION
from kafkade.api.kinds import KINDS
from kafkade.clients.kafka_access import any_acl
from support import snapshot
from support.transactions import all_ended

PLACE = re.compile(r"c\d{4}x")
"""Names of the namespaces; topics, subjects and groups begin with one, or have it behind a first word."""

State = dict[str, Any]

_TIMES = ("replaced", "started", "finished", "oldest", "lastTransitionTime", "growthPerMinute", "depth")
"""Of a moment: the depth too, which a policy counts at each resync, before or after a redrive as it happens."""
_OF_ALL = ("topics", "partitions", "controller", "underReplicatedPartitions")
"""In the status of a KafkaCluster: of all topics of the brokers, those of others too."""


def of_everything(world: World, before: Mapping[str, str]) -> dict[str, State]:
    """By namespace. ``before``: the ids that topics had."""
    found: dict[str, State] = defaultdict(dict)
    ids = _kafka(world, found, before)
    _registry(world, found)
    _brokers(world, found)
    _access(world, found)
    _kubernetes(world, found, ids)
    return {place: json.loads(json.dumps(state).replace(place, "PLACE")) for place, state in found.items()}


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """What is not the same, a line each."""
    before, after = _flat(one), _flat(other)
    return [
        f"{path}: {before.get(path, 'absent')} -> {after.get(path, 'absent')}"
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    ]


def topic_ids(world: World) -> dict[str, str]:
    """By name."""
    return {
        name.removeprefix("topic "): found["id"]
        for name, found in snapshot.of_kafka(world.view).items()
        if name.startswith("topic ")
    }


def listed(world: World) -> list[Object]:
    """All resources of kafkade."""
    found = []
    with world.api(COMMON) as api:
        for kind in KINDS.values():
            path = f"/apis/{GROUP}/{VERSION}/{kind.plural}"
            answer = api.patient("GET", path)
            assert answer.status == 200, answer
            found += [{**item, "kind": kind.kind} for item in answer.body["items"]]
    return found


def _kafka(world: World, found: dict[str, State], before: Mapping[str, str]) -> dict[str, str]:
    ids = {}
    records = _records(world)
    for name, one in snapshot.of_kafka(world.view).items():
        topic = name.removeprefix("topic ")
        if name.startswith("topic ") and (place := PLACE.search(topic)):
            ids[topic] = one["id"]
            shown = {
                "id": "kept" if before.get(topic) == one["id"] else "another" if topic in before else "new",
                "factors": [len(replicas) for replicas in one["replicas"]],
                "config": one["config"],
                "records": records.get(topic, []),
            }
            found[place[0]][f"topic {topic}"] = shown
    return ids


def _records(world: World) -> dict[str, list[str]]:
    """Values of all records that are committed, sorted."""
    settings = {
        "bootstrap.servers": world.kafka.bootstrap,
        "group.id": "reader-of-the-test",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
        "log_level": 0,
    }
    with closing(Consumer(settings)) as consumer:
        topics = {n: t for n, t in consumer.list_topics(timeout=20).topics.items() if PLACE.search(n)}
        places = [TopicPartition(name, number, 0) for name, topic in topics.items() for number in topic.partitions]
        all_ended(world.kafka.bootstrap, places)  # what is committed can be read once its partition has the marker too
        consumer.assign(places)
        found, open_ = defaultdict(list), len(places)
        while open_:
            for message in consumer.consume(5000, 2.0):
                if message.error() is None:
                    found[message.topic()].append(f"{message.key()!r} {message.value()!r}")
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    open_ -= 1
    return {topic: sorted(values) for topic, values in found.items()}


def _registry(world: World, found: dict[str, State]) -> None:
    for name, one in snapshot.of_registry(world.registry.url).items():
        if place := PLACE.search(name):
            versions = [
                {k: v for k, v in version.items() if k not in ("id", "guid")} for version in one["versions"] if version
            ]
            found[place[0]][name] = {**one, "versions": versions}


def _brokers(world: World, found: dict[str, State]) -> None:
    """Settings of all brokers and of share groups, and groups that keep a redrive's progress."""
    for key, value in world.default_settings().items():
        if (place := PLACE.search(key)) and key == setting_of(place[0]) and value is not None:
            found[place[0]]["setting of all brokers"] = value
    for place in found:
        group = ConfigResource(ResourceType.GROUP, f"{place}.workers")
        made = world.view.admin.describe_configs([group])[group].result(20)
        own = {k: e.value for k, e in made.items() if e.source == ConfigSource.GROUP_CONFIG.value}
        if own:
            found[place]["share group"] = own


def _access(world: World, found: dict[str, State]) -> None:
    """Users of services and what they may do."""
    for name, user in world.view.admin.describe_user_scram_credentials().result(20).items():
        if place := PLACE.match(name):
            found[place[0]][f"user {name}"] = sorted(i.mechanism.name for i in user.scram_credential_infos)
    for acl in world.view.admin.describe_acls(any_acl()).result(20):
        if place := PLACE.search(acl.principal):
            kind = f"{acl.restype.name} {acl.resource_pattern_type.name} {acl.name}"
            found[place[0]][f"acl {acl.principal} {acl.operation.name} {kind}"] = acl.permission_type.name


def _bound(world: World, secret: Object) -> State:
    """What is in a binding's Secret, and whether it lets its user in."""
    data = {key: b64decode(value).decode() for key, value in secret["data"].items()}
    if "password" not in data:
        return {"data": data, "works": "without a login"}
    settings = {
        "bootstrap.servers": world.kafka.sasl_plaintext_bootstrap,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": data["username"],
        "sasl.password": data["password"],
        "log_level": 0,
    }
    try:
        works = bool(AdminClient(settings).list_topics(timeout=10).brokers)
    except KafkaException as error:
        works = error.args[0].name()
    private = {data["password"], data["credentials-id"]}
    shown = {key: value for key, value in data.items() if not any(each in value for each in private)}
    return {"data": shown, "keys": sorted(data), "works": works}


def _kubernetes(world: World, found: dict[str, State], ids: Mapping[str, str]) -> None:
    listed_groups = world.view.admin.list_consumer_groups(states={ConsumerGroupState.EMPTY}).result(20).valid
    groups = {group.group_id for group in listed_groups}
    with world.api(COMMON) as api:
        maps = api.call("GET", "/api/v1/configmaps").body["items"]
        secrets = api.call("GET", "/api/v1/secrets").body["items"]
    resources = listed(world)
    names = {item["metadata"]["uid"]: item["metadata"]["name"] for item in resources}
    logins = {}
    for item in secrets:
        meta = item["metadata"]
        owners = [names[owner["uid"]] for owner in meta.get("ownerReferences", ()) if owner["uid"] in names]
        if PLACE.fullmatch(meta["namespace"]) and owners:
            logins[meta["namespace"]] = b64decode(item["data"].get("credentials-id", "")).decode().partition(".")[0]
            found[meta["namespace"]][f"Secret {meta['name']}"] = {"owners": owners, **_bound(world, item)}
    for item in [*resources, *({**item, "kind": "ConfigMap"} for item in maps)]:
        meta = item["metadata"]
        if not PLACE.fullmatch(meta["namespace"]) or meta["name"] == "kube-root-ca.crt":
            continue
        shown = {
            "spec": item.get("spec"),
            "data": item.get("data"),
            "labels": meta.get("labels"),
            "finalizers": meta.get("finalizers"),
            "in deletion": "deletionTimestamp" in meta,
            "owners": [names.get(o["uid"], "nobody") for o in meta.get("ownerReferences", [])],
            "status": _status(item, ids),
        }
        if item["kind"] == "KafkaServiceBinding" and "credentials" in shown["status"]:
            known = shown["status"]["credentials"]
            known["id"] = "of the Secret" if known.get("id") == logins.get(meta["namespace"]) else "another"
        if item["kind"] == "KafkaDLQRedrive":
            shown["group"] = any(meta["uid"] in group for group in groups)
        found[meta["namespace"]][f"{item['kind']} {meta['name']}"] = shown


def _status(item: Object, ids: Mapping[str, str]) -> Any:
    """Without times, and with ids as what they are of."""
    status = json.loads(json.dumps(item.get("status") or {}))
    if "observedGeneration" in status:
        status["observedGeneration"] = status["observedGeneration"] == item["metadata"]["generation"]
    if "topicId" in status:
        real = ids.get(status["topicName"], "").replace("+", "-").replace("/", "_")
        status["topicId"] = "of the topic" if status["topicId"].rstrip("=") == real.rstrip("=") else "of none"
    status.pop("topicIds", None)
    for found in status.get("drift") or ():
        if found["field"] == "topicId":
            found["expected"] = "the former one"
    if item["kind"] == "KafkaSchema":
        status = {k: v for k, v in status.items() if k not in ("id", "schemaHash")}
    if item["kind"] == "KafkaCluster":
        status = {k: v for k, v in status.items() if k not in _OF_ALL}
        for condition in status.get("conditions", []):
            condition["message"] = re.sub(r"\d+ (\w+?)s?\b", r"N \1s", condition["message"])
    for condition in status.get("conditions", []):
        condition["message"] = re.sub(r"\bid \d+", "id N", condition["message"])
        condition["observedGeneration"] = condition.get("observedGeneration") == item["metadata"]["generation"]
    return _without_times(status)


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_times(v) for k, v in value.items() if k not in _TIMES}
    if isinstance(value, list):
        return [_without_times(v) for v in value]
    return value


def _flat(value: Any, path: str = "") -> dict[str, str]:
    pairs: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, Mapping) else ()
    if not isinstance(value, Mapping) or not value:
        return {path: json.dumps(value, sort_keys=True)}
    return {k: v for key, part in pairs for k, v in _flat(part, f"{path}/{key}" if path else str(key)).items()}
