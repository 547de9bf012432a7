"""Typer commands with Rich output. stdout is data, stderr is for people; errors end with a ``hint:``. No decisions in here."""
