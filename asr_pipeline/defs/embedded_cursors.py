"""Numbers of events that Dagster has noted elsewhere, where events are numbered anew."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from dagster._core.definitions.run_status_sensor_definition import RunStatusSensorCursor
from dagster._core.scheduler.instigation import InstigatorState
from dagster._serdes import deserialize_value, serialize_value

Row = dict[str, Any]
Numbers = Mapping[int, int]


def with_new_numbers(table_name: str, row: Row, numbers: Numbers) -> Row:
    """Give a row of one of Dagster's tables, as it was but for numbers of events. `numbers`: new ones by old ones."""
    change = _CHANGES.get(table_name)
    return row if change is None else row | change(row, numbers)


def _of_tag(row: Row, numbers: Numbers) -> Row:
    return {"event_id": numbers.get(row["event_id"])}


def _of_check(row: Row, numbers: Numbers) -> Row:
    names = ("evaluation_event_storage_id", "materialization_event_storage_id")
    return {name: numbers.get(row[name]) for name in names}


def _of_asset(row: Row, numbers: Numbers) -> Row:
    """Change the last materialization's; the catalogue's cached status, which has many, is made anew."""
    last = json.loads(row["last_materialization"] or "null")
    if last and "storage_id" in last:
        last["storage_id"] = numbers.get(last["storage_id"], last["storage_id"])
    return {"last_materialization": json.dumps(last) if last else None, "cached_status_data": None}


def _of_sensor(column: str) -> "Change":
    """Let a sensor of runs' states go on after the event that it saw last."""

    def change(row: Row, numbers: Numbers) -> Row:
        state = deserialize_value(row[column], InstigatorState)
        data: Any = state.instigator_data
        cursor = getattr(data, "cursor", None)
        if not cursor or not RunStatusSensorCursor.is_valid(cursor):
            return {}
        seen = RunStatusSensorCursor.from_json(cursor)
        number = max((new for old, new in numbers.items() if old <= seen.record_id), default=0)
        moved = data._replace(cursor=seen._replace(record_id=number).to_json())
        return {column: serialize_value(state.with_data(moved))}

    return change


Change = Callable[[Row, Numbers], Row]
_CHANGES: dict[str, Change] = {
    "asset_event_tags": _of_tag,
    "asset_check_executions": _of_check,
    "asset_keys": _of_asset,
    "instigators": _of_sensor("instigator_body"),
    "jobs": _of_sensor("job_body"),
}
