"""What to do about a cluster's brokerConfig. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping

from kafkade.api.errors import InvalidConfig, KafkadeError, StaticBrokerConfig
from kafkade.api.plan import DriftFound, Plan, Step
from kafkade.api.values import same_value
from kafkade.clients.model import ConfigEntry
from kafkade.clusters.observe import BrokerSettings
from kafkade.clusters.steps import SetBrokerConfig, UnsetBrokerConfig

NOT_SET = "not set"
_UNORDERED = frozenset({"log.cleanup.policy"})
PER_LISTENER = "listener.name."
"""Settings of one listener (KIP-226) are legal although no broker lists those that are not set."""


def plan(
    declared: Mapping[str, str],
    ours: Mapping[str, str],
    settings: BrokerSettings | KafkadeError | None,
    *,
    settled: bool,
) -> Plan:
    """Steps that bring the cluster-wide dynamic broker settings to ``declared``.

    ``ours``: what kafkade had set before (status.brokerConfig); a key is taken away only when it is in there.
    ``settled``: this spec was carried out before, so that a difference now is drift.
    """
    if settings is None:
        return Plan()
    if isinstance(settings, KafkadeError):
        return Plan(error=settings)
    error = _refusal(declared, settings.known)
    if error is not None:
        return Plan(error=error)
    steps: list[Step] = []
    drift: list[DriftFound] = []
    for key, new in sorted(declared.items()):
        entry = settings.defaults.get(key)
        old = None if entry is None else entry.value
        if old is None or not is_same(key, old, new):
            steps.append(SetBrokerConfig(key, old, new))
            if settled:
                drift.append(DriftFound(f"brokerConfig[{key}]", new, NOT_SET if old is None else old))
    for key in sorted(set(ours) - set(declared)):
        entry = settings.defaults.get(key)
        if entry is not None and entry.value is not None:
            steps.append(UnsetBrokerConfig(key, entry.value))
    return Plan(tuple(steps), drift=tuple(drift))


def is_same(key: str, one: str, other: str) -> bool:
    """Whether two values of a broker setting mean the same."""
    return same_value(one, other, unordered=key in _UNORDERED)


def _refusal(declared: Mapping[str, str], known: Mapping[str, ConfigEntry]) -> KafkadeError | None:
    unknown = [key for key in sorted(declared) if key not in known and not key.startswith(PER_LISTENER)]
    if unknown:
        return InvalidConfig("; ".join(_unknown(key, known) for key in unknown))
    # brokers call each setting of a listener read-only once it is set, since their list of dynamic ones has bare names
    own = [key for key in sorted(declared) if key in known and not key.startswith(PER_LISTENER)]
    static = [key for key in own if known[key].read_only]
    if static:
        return StaticBrokerConfig(
            f"brokerConfig: {', '.join(static)} cannot be changed while brokers run; take it out of spec.brokerConfig,"
            " set it in each broker's server.properties and restart them"
        )
    secret = [key for key in sorted(declared) if key in known and known[key].sensitive]
    if secret:
        return InvalidConfig(
            f"brokerConfig: {', '.join(secret)} holds a secret, which brokers never show and a resource must not carry;"
            " set it on the brokers themselves"
        )
    return None


def _unknown(key: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(key, sorted(known), n=1, cutoff=0.6)
    hint = f"did you mean {near[0]}?" if near else "see Kafka's broker settings for the names"
    return f"brokerConfig {key}: the brokers know no such setting; {hint}"
