"""What every part of the stack is: something that is started, and stopped at the end of a with block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Part(ABC):
    """Started on entering a with block and stopped on leaving it, also by an error or Ctrl-C."""

    @abstractmethod
    def start(self) -> None:
        """Start and wait until it can be used."""

    @abstractmethod
    def stop(self) -> None:
        """End it and remove its data; without effect where it does not run."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
