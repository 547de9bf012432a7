"""What is in the topics. 04-schemas.yaml is made of these classes."""

from datetime import UTC, datetime
from typing import Annotated, ClassVar, Literal, Self
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from user_service import topics


class Record(BaseModel):
    """In JSON as Kotlin has it: userId."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, frozen=True)


class Event(Record):
    """What all events have."""

    topic: ClassVar[str]

    id: str
    timestamp: AwareDatetime
    version: int = 1
    user_id: str

    @classmethod
    def new(cls, **fields: object) -> Self:
        """One that happens now."""
        return cls.model_validate({"id": str(uuid4()), "timestamp": datetime.now(UTC), **fields})


class UserCreated(Event):
    topic = topics.USER_EVENTS

    type: Literal["UserCreated"] = "UserCreated"
    email: str


class UserUpdated(Event):
    topic = topics.USER_EVENTS

    type: Literal["UserUpdated"] = "UserUpdated"
    email: str


class UserDeleted(Event):
    topic = topics.USER_EVENTS

    type: Literal["UserDeleted"] = "UserDeleted"


class OrderPlaced(Event):
    topic = topics.ORDER_EVENTS

    type: Literal["OrderPlaced"] = "OrderPlaced"
    order_id: str
    cents: int


class PriorityEvent(Event):
    topic = topics.HIGH_PRIORITY_EVENTS

    email: str
    subject: str


UserEvent = Annotated[UserCreated | UserUpdated | UserDeleted, Field(discriminator="type")]
ActivityEvent = Annotated[UserCreated | UserUpdated | UserDeleted | OrderPlaced, Field(discriminator="type")]


class MetricEvent(Record):
    timestamp: AwareDatetime
    value: float
    metadata: dict[str, str] = {}


class ProcessedMetric(Record):
    timestamp: AwareDatetime
    value: float
    metadata: dict[str, str]


class Period(Record):
    model_config = ConfigDict(from_attributes=True)

    start: AwareDatetime
    end: AwareDatetime


class UserActivity(Record):
    user_id: str
    events: tuple[ActivityEvent, ...]
    period: Period
