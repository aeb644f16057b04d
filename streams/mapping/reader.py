"""Reads the records of a source that has its own shape: decoded by the paths that are mapped, then made an event."""

import re
from collections.abc import Collection
from collections.abc import Set as AbstractSet
from typing import Any

import msgspec

from streams.dead_letters import Reason, Rejected, rejected
from streams.events import AnyEvent, Event
from streams.intake import SIZE_BYTES_MAX, Reader, general_fault
from streams.mapping.conversions import Given, Tables
from streams.mapping.document import Field, SourceSettings, as_field
from streams.mapping.paths import Unfit, decoder
from streams.mapping.values import kinds, paths, place, take
from streams.topics import DAY_MS, Topic

_FIELD = re.compile(r"`\$\.(\w+)")


class MappedReader(Reader):
    """Reads the records of one mapped source topic.

    Args:
        topic: a source topic; its `carries` is the type that comes out.
        settings: free of faults (`streams.mapping.faults`).
        tables: currencies and maps.
        currencies: the known ISO 4217 codes.
        future_max_ms: how far an event's time may be ahead of its record's timestamp.
    """

    def __init__(
        self,
        topic: Topic,
        settings: SourceSettings,
        tables: Tables,
        currencies: AbstractSet[str],
        future_max_ms: int = DAY_MS,
    ) -> None:
        super().__init__(topic, currencies, future_max_ms)
        fields = {name: as_field(one) for name, one in (settings.fields or {}).items()}
        kind = kinds(self._type)
        first = sorted(fields, key=lambda name: name != "currency")  # amounts ask for it
        self._takes = tuple((name, take(name, fields[name], kind[name], tables)) for name in first)
        self._needed = required(self._type)
        self.is_keyed = any(one.key for one in fields.values())
        self._places = {name: place(name, one) for name, one in fields.items()}
        self._record = decoder(every_path(fields.values()))

    def read(self, value: bytes | None, received_ms: int, key: bytes | None = None) -> AnyEvent | Rejected:
        """The event that a record is mapped to, or why there is none. Never raises, whatever the bytes."""
        if value is None or len(value) > SIZE_BYTES_MAX:
            return self._examine(value, None)
        try:
            record = self._record(value)
        except (ValueError, RecursionError) as error:
            return self._examine(value, error)
        try:
            event = self._made(Given(record, key, received_ms, {}))
        except Unfit as error:
            return general_fault(value) or rejected(error.reason, f"{error.message}.", value)
        except msgspec.ValidationError as error:
            return general_fault(value) or self._event_fault(value, str(error))
        return self._accepted(value, event, received_ms)

    def _made(self, given: Given) -> Any:
        made = given.made
        for name, taken in self._takes:
            found = taken(given)
            if found is not None:
                made[name] = found
            elif name in self._needed:
                raise Unfit("missing_field", f"Expected a value - at {self._places[name]}")
        return msgspec.convert(made, self._type)

    def _place(self, name: str) -> str:
        return self._places.get(name, f"`$.{name}`")

    def _event_fault(self, value: bytes, complaint: str) -> Rejected:
        """Why what was mapped isn't an event; msgspec names the event's field, and we the place it came from."""
        fault = super()._shape_fault(value, complaint)
        name = _FIELD.search(complaint)
        came_from = self._places.get(name[1], "") if name else ""
        if not came_from or came_from in fault.message:
            return fault
        return rejected(fault.reason, f"{fault.message.removesuffix('.')}, from {came_from}.", value)

    def _shape_fault(self, value: bytes, complaint: str) -> Rejected:
        """Why the record isn't one that the paths go through: they are the source's, not the event's."""
        reason: Reason = "number_out_of_range" if "out of range" in complaint else "wrong_type"
        return rejected(reason, f"{complaint.replace(' | null', '')}.", value)


def required(event: type[Event]) -> frozenset[str]:
    """The fields that an event can't be without."""
    return frozenset(one.name for one in msgspec.structs.fields(event) if one.required)


def every_path(fields: Collection[Field]) -> list[str]:
    """All paths of a source: of values, and of signs."""
    found = [path for one in fields for path in paths(one)]
    return [*found, *(one.sign.path for one in fields if one.sign is not None)]
