"""Put dead letters back, each exactly once for readers of committed records."""
