"""Partitions: one a recording, its key the recording's id. Keys are added when a recording is registered."""

import dagster as dg

recordings = dg.DynamicPartitionsDefinition(name="recordings")
