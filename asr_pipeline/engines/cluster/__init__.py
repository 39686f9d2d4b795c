"""Dask: the only importer of `distributed`. Calls go to workers in other processes, here or on other machines.

What a call does is not known here (`wiring.cluster` says it): these modules bring calls to workers and results back.
"""

import dask

# Dask's lines go where this program's go, instead of to handlers of its own: this must be said before it is loaded.
dask.config.update_defaults({"distributed": {"logging": {"version": 1, "disable_existing_loggers": False}}})
