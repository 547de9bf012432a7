"""Read-only web pages over Kafka clusters: made on the server, without JavaScript, and nothing is ever written."""
