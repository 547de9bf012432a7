"""The way to Kafka: brokers, settings, registry and policy are what the KafkaServiceBinding user-service says."""

from kafkade.service import Service

service = Service.from_binding()
