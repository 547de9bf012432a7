"""KafkaSchema: parse, check compatibility, observe a subject, plan (pure), act, report.

The registry stays the judge of last resort; what is checked here explains, and refuses before anything is written.
"""
