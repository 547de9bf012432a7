"""From what a Kafka and a registry have to the resources that declare it: read it, and say it in specs."""
