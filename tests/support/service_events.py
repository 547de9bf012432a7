"""The events of the document: a tagged union, and what belongs to it."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field


class Event(BaseModel):
    """What all have in common."""

    id: str
    timestamp: datetime.datetime = Field(default_factory=lambda: datetime.datetime.now(datetime.UTC))
    version: int = 1


class UserCreated(Event):
    """A user is there."""

    type: Literal["UserCreated"] = "UserCreated"
    user_id: str
    email: str


class UserUpdated(Event):
    """A user has another address."""

    type: Literal["UserUpdated"] = "UserUpdated"
    user_id: str
    email: str


class UserDeleted(Event):
    """A user is gone."""

    type: Literal["UserDeleted"] = "UserDeleted"
    user_id: str


UserEvent = Annotated[UserCreated | UserUpdated | UserDeleted, Field(discriminator="type")]
