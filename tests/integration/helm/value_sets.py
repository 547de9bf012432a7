"""Values as users write them, for the operator's part of the chart, each with what must come of it."""

from __future__ import annotations

from typing import Any

Values = dict[str, Any]

_DIGEST = "sha256:" + "ab" * 32
_SPREAD = {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"}
_PROMETHEUS = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}

OPERATOR: dict[str, Values] = {
    "defaults": {},
    "no operator": {"operator": {"enabled": False}},
    "definitions by others": {"crds": {"create": False}},
    "three replicas": {"operator": {"replicas": 3}},
    "scaled to nothing": {"operator": {"replicas": 0}},
    "two namespaces": {"operator": {"watch": {"namespaces": ["helm-values-shop", "helm-values-payments"]}}},
    "service bindings": {"operator": {"rbac": {"serviceBindings": ["helm-values-shop", "helm-values-payments"]}}},
    "a selector": {"operator": {"watch": {"selector": "team in (a, b),!legacy"}, "logLevel": "DEBUG"}},
    "a log for machines": {"operator": {"logFormat": "json"}},
    "an image by digest": {"operator": {"image": {"repository": "example.org/kafkade", "digest": _DIGEST}}},
    "an image by tag": {
        "operator": {"image": {"tag": "0.2.0-rc.1", "pullPolicy": "Always"}, "imagePullSecrets": [{"name": "pull"}]}
    },
    "another name": {"operator": {"fullnameOverride": "kafka-operator"}},
    "an account that is there": {
        "operator": {"serviceAccount": {"create": False, "name": "given"}, "rbac": {"create": False}}
    },
    "annotations and labels": {
        "operator": {
            "annotations": {"a.example/b": "true"},
            "podAnnotations": {"a.example/b": "1"},
            "podLabels": {"team": "platform", "number": "1"},
            "serviceAccount": {"annotations": {"a.example/role": "arn:x:y"}},
        }
    },
    "arguments and environment": {
        "operator": {
            "extraArgs": ["--log-level=WARNING"],
            "extraEnv": [
                {"name": "HTTPS_PROXY", "value": "http://proxy:3128"},
                {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
            ],
        }
    },
    "web pages": {
        "operator": {
            "ui": {"enabled": True, "tokenSecret": {"name": "pages", "key": "t"}, "hosts": ["kafkade.example.org"]},
            "networkPolicy": {"enabled": True, "uiFrom": [_PROMETHEUS]},
        }
    },
    "placed": {
        "operator": {
            "nodeSelector": {"kubernetes.io/os": "linux"},
            "tolerations": [{"key": "infra", "operator": "Exists", "effect": "NoSchedule"}],
            "affinity": {
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [{"matchExpressions": [{"key": "infra", "operator": "Exists"}]}]
                    }
                }
            },
            "priorityClassName": "helm-values",
            "topologySpreadConstraints": [
                _SPREAD,
                {**_SPREAD, "topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"a": "b"}}},
            ],
        }
    },
    "resources": {
        "operator": {
            "resources": {"requests": {"cpu": 1, "memory": "1Gi"}, "limits": {"cpu": "1500m", "memory": "1.5Gi"}},
            "terminationGracePeriodSeconds": 90,
        }
    },
    "no limits": {"operator": {"resources": {"limits": None}}},
    "other users and groups": {
        "operator": {"podSecurityContext": {"runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 1000}}
    },
    "other ports and probes": {
        "operator": {
            "probes": {"port": 8081, "liveness": {"failureThreshold": 10}, "startup": {"initialDelaySeconds": 5}},
            "metrics": {"port": 9191},
        }
    },
    "no metrics": {"operator": {"metrics": {"enabled": False}}},
    "a pod monitor": {
        "operator": {
            "metrics": {
                "podMonitor": {
                    "enabled": True,
                    "interval": "1m",
                    "scrapeTimeout": "20s",
                    "labels": {"release": "prometheus"},
                    "relabelings": [{"action": "labeldrop", "regex": "pod"}],
                    "metricRelabelings": [{"action": "drop", "sourceLabels": ["__name__"], "regex": "python_.*"}],
                }
            }
        }
    },
    "a service monitor": {"operator": {"metrics": {"serviceMonitor": {"enabled": True}}}},
    "alerts": {
        "operator": {
            "metrics": {
                "prometheusRule": {
                    "enabled": True,
                    "labels": {"release": "prometheus"},
                    "alertLabels": {"team": "platform"},
                    "runbookUrl": "https://runbooks.example/kafkade",
                    "alerts": {
                        "DeadLettersWait": {"threshold": 5000000, "for": "1h", "severity": "critical"},
                        "RedriveFails": {"threshold": 0.5},
                        "KafkadeRestarts": {"enabled": False},
                    },
                }
            }
        }
    },
    "dashboards": {"operator": {"metrics": {"dashboards": {"enabled": True, "annotations": {"folder": "Kafka"}}}}},
    "a network policy": {"operator": {"networkPolicy": {"enabled": True}}},
    "a closed network policy": {
        "operator": {
            "networkPolicy": {
                "enabled": True,
                "metricsFrom": [_PROMETHEUS],
                "egress": [
                    {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]},
                    {"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": 9092, "endPort": 9095}]},
                ],
            }
        }
    },
    "a disruption budget": {"operator": {"podDisruptionBudget": {"enabled": True}}},
    "another disruption budget": {
        "operator": {"podDisruptionBudget": {"enabled": True, "maxUnavailable": None, "minAvailable": "50%"}}
    },
    "no protection": {"operator": {"admission": {"deletionProtection": False}}},
    "part of another chart": {"global": {"region": "eu"}},
}

REFUSED: dict[str, tuple[Values, str, str]] = {
    "a section": ({"oprator": {}}, "", "additional properties 'oprator' not allowed"),
    "a key": ({"operator": {"replica": 2}}, "/operator", "additional properties 'replica' not allowed"),
    "a deep key": (
        {"operator": {"image": {"tga": "1"}}},
        "/operator/image",
        "additional properties 'tga' not allowed",
    ),
    "an alert": (
        {"operator": {"metrics": {"prometheusRule": {"alerts": {"DeadLetterWait": {"enabled": False}}}}}},
        "/operator/metrics/prometheusRule/alerts",
        "additional properties 'DeadLetterWait' not allowed",
    ),
    "a type": ({"operator": {"enabled": "yes"}}, "/operator/enabled", "got string, want boolean"),
    "a level": ({"operator": {"logLevel": "debug"}}, "/operator/logLevel", "value must be one of"),
    "a form of the log": ({"operator": {"logFormat": "logfmt"}}, "/operator/logFormat", "value must be one of"),
    "a port": ({"operator": {"metrics": {"port": 80}}}, "/operator/metrics/port", "minimum: got 80, want 1,024"),
    "a quantity": (
        {"operator": {"resources": {"limits": {"memory": "512MB"}}}},
        "/operator/resources/limits/memory",
        "does not match pattern",
    ),
    "a resource": (
        {"operator": {"resources": {"limits": {"mem": "1Gi"}}}},
        "/operator/resources/limits",
        "additional properties 'mem' not allowed",
    ),
    "a namespace": (
        {"operator": {"watch": {"namespaces": ["Shop"]}}},
        "/operator/watch/namespaces/0",
        "does not match pattern",
    ),
    "a long name": (
        {"operator": {"fullnameOverride": "k" * 64}},
        "/operator/fullnameOverride",
        "does not match pattern",
    ),
    "a digest": ({"operator": {"image": {"digest": "abc"}}}, "/operator/image/digest", "does not match pattern"),
    "a toleration": (
        {"operator": {"tolerations": [{"key": "a", "efect": "NoSchedule"}]}},
        "/operator/tolerations/0",
        "additional properties 'efect' not allowed",
    ),
    "a duration": (
        {"operator": {"metrics": {"podMonitor": {"interval": "30"}}}},
        "/operator/metrics/podMonitor/interval",
        "does not match pattern",
    ),
}
"""Values, the path that is named, and what is said of it."""

CONTRADICTIONS: dict[str, tuple[Values, str]] = {
    "pages without a token": ({"operator": {"ui": {"enabled": True}}}, "operator.ui.tokenSecret.name"),
    "a monitor without metrics": (
        {"operator": {"metrics": {"enabled": False, "podMonitor": {"enabled": True}}}},
        "operator.metrics.podMonitor.enabled needs operator.metrics.enabled",
    ),
    "two budgets": (
        {"operator": {"podDisruptionBudget": {"enabled": True, "minAvailable": 1}}},
        "takes minAvailable or maxUnavailable",
    ),
}
