"""Dagster's storage as the settings have it: in SQLite beside its `dagster.yaml`, or in the program's PostgreSQL.

`dagster.yaml` names `InstanceStorage`, so that each of Dagster's own processes finds it by the environment.
"""

from collections.abc import Mapping
from typing import Any

from dagster import StringSource
from dagster._config.config_schema import UserConfigSchema
from dagster._core.storage.base_storage import DagsterStorage
from dagster._serdes import ConfigurableClass, ConfigurableClassData

from asr_pipeline.settings import load_settings


class InstanceStorage(DagsterStorage[Any], ConfigurableClass):
    """What `storage: custom:` in `dagster.yaml` names. It has no instances: it gives one of the two storages."""

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """Take the folder of the SQLite files."""
        return {"base_dir": StringSource}

    @classmethod
    def from_config_value(  # type: ignore[override]  # it gives another class
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> DagsterStorage[Any]:
        """Give the storage. Raises SettingInvalid, StoreUnavailable."""
        return open_storage(config_value["base_dir"], inst_data)


def open_storage(base_dir: str, inst_data: ConfigurableClassData | None = None) -> DagsterStorage[Any]:
    """Open the storage that the settings name; `base_dir` is the folder of the SQLite files."""
    settings = load_settings()
    if settings.uses_postgresql:
        from asr_pipeline.defs.postgres_storage import PostgresStorage  # noqa: PLC0415 - its drivers, if needed

        return PostgresStorage(
            settings.sqlalchemy_url,
            pool_size=settings.database_pool_size,
            statement_timeout_s=settings.database_statement_timeout_s,
            inst_data=inst_data,
        )
    from asr_pipeline.defs.embedded_storage import EmbeddedStorage  # noqa: PLC0415 - which names this module

    return EmbeddedStorage(base_dir, inst_data)
