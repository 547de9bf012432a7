"""KafkaTopic: observe (batched facts), plan (pure), act (batched calls), status. ``reconcile`` strings them together."""
