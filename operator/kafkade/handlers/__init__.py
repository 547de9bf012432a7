"""Kopf: watch events of kafkade's kinds become snapshots and keys for the engine; startup, login, probes. No decisions, no Kafka."""
