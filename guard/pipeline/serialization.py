"""How the workflow engine writes its tables: JSON, never pickle."""

from __future__ import annotations

import json
from typing import Any

from dbos import Serializer


class JsonSerializer(Serializer):
    """Plain JSON for arguments and results; of an exception, its type alone.

    The engine's default is pickle, which runs code on reading and stores whatever an exception quotes.
    """

    def serialize(self, data: Any) -> str:
        """Text of a JSON value, of workflow inputs, or of an exception."""
        if isinstance(data, BaseException):
            return json.dumps({"exception": type(data).__name__})
        return json.dumps(data, separators=(",", ":"))

    def deserialize(self, serialized_data: str) -> Any:
        """The inverse; inputs get their tuple back, an exception comes back as a RuntimeError."""
        value = json.loads(serialized_data)
        if isinstance(value, dict) and value.keys() == {"args", "kwargs"}:
            return {"args": tuple(value["args"]), "kwargs": value["kwargs"]}
        if isinstance(value, dict) and value.keys() == {"exception"}:
            return RuntimeError(value["exception"])
        return value

    def name(self) -> str:
        """Name in the engine's tables."""
        return "guard_json"
