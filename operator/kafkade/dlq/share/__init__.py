"""Share groups of a policy (KIP-1191): brokers write their dead letters, kafkade keeps the groups' settings and topics."""
