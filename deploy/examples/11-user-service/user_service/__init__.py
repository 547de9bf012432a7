"""A service that does all that docs/guides/from-kotlin.md has, by nothing but the Secret of its KafkaServiceBinding."""
