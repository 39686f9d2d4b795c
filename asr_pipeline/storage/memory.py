"""Sentences that were translated before, in SQL: a repeat costs one look-up."""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from asr_pipeline.ports import EngineVersion
from asr_pipeline.storage.database import reading, writing
from asr_pipeline.storage.standing import in_chunks, insert_into
from asr_pipeline.storage.tables import translation_memory


class SqlTranslationMemory:
    """`ports.TranslationMemory` over an engine whose tables are up to date. May be shared by threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def recall(self, sentences: Sequence[str], source: str, target: str, version: EngineVersion) -> dict[str, str]:
        """Give what is known of these sentences."""
        sentence_of = {memory_key(one, source, target, version): one for one in sentences}
        table = translation_memory.c
        query = sa.select(table.key_sha256, table.translation)
        known: dict[str, str] = {}
        with reading(self._engine) as connection:
            for keys in in_chunks(list(sentence_of)):
                for key, translation in connection.execute(query.where(table.key_sha256.in_(keys))):
                    known[sentence_of[key]] = translation
        return known

    def remember(self, pairs: Mapping[str, str], source: str, target: str, version: EngineVersion) -> None:
        """Keep translations. What is there already stays: two runs may have translated the same sentence."""
        if not pairs:
            return
        now = dt.datetime.now(dt.UTC)
        rows = [
            {
                "key_sha256": memory_key(sentence, source, target, version),
                "source_language": source,
                "target_language": target,
                "engine": version.engine,
                "model": version.model,
                "model_version": version.version,
                "sentence": sentence,
                "translation": translation,
                "remembered_at": now,
            }
            for sentence, translation in pairs.items()
        ]
        rows.sort(key=lambda row: str(row["key_sha256"]))  # one order for all: two writers can't wait for each other
        with writing(self._engine) as connection:
            connection.execute(insert_into(connection, translation_memory).on_conflict_do_nothing(), rows)


def memory_key(sentence: str, source: str, target: str, version: EngineVersion) -> str:
    """Give the SHA-256 of all that a translation depends on. JSON keeps the parts apart."""
    parts = [sentence, source, target, version.engine, version.model, version.version]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
