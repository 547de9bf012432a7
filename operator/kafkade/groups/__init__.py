"""Groups that consume topics: who is in them, how far they are, and how far behind."""
