"""Partitions: one a recording, one a note; the key is its id. Keys are added before it is run for the first time."""

import dagster as dg

recordings = dg.DynamicPartitionsDefinition(name="recordings")
notes = dg.DynamicPartitionsDefinition(name="notes")
