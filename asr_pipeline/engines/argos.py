"""Argos Translate's packages, and OPUS-MT models beside them, run by CTranslate2.

argostranslate itself is not used: it brings torch, and it joins all sentences' tokens before decoding, which loses
which sentence became which (docs/adr/0003-no-torch.md).
"""

import ctypes
import hashlib
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from asr_pipeline.domain.errors import EngineFailed, ModelMissing
from asr_pipeline.domain.glossary import Glossary
from asr_pipeline.domain.transcript import without_gaps
from asr_pipeline.engines.argos_package import TranslationPackage, open_package
from asr_pipeline.engines.long_sentences import MAX_OUTPUT_TOKENS, divide
from asr_pipeline.engines.opus import is_opus
from asr_pipeline.engines.terms import SPACE, Decoded, Replacement, replacements
from asr_pipeline.engines.witness import ModelWitness
from asr_pipeline.ports import EngineVersion

PIVOT_LANGUAGE = "en"  # Argos publishes nearly all its packages from or into English
DEFAULT_BATCH_TOKENS = 2048
LENGTH_PENALTY = 0.2  # as in argostranslate/translate.py; it acts on beams wider than 1 only

_lock = threading.Lock()
_models: dict[tuple[int, Path, int], Any] = {}


@dataclass(frozen=True, slots=True)
class ArgosTranslator:
    """Implements `ports.Translator`. `packages` are folders of unpacked Argos packages, preferred ones first.

    `threads` is how many batches CTranslate2 works on at a time, each on one core. `beam_size` 1 is greedy search.
    """

    packages: tuple[Path, ...]
    beam_size: int = 1
    batch_tokens: int = DEFAULT_BATCH_TOKENS
    threads: int = 1

    def version(self, source: str, target: str) -> EngineVersion:
        """Name CTranslate2's version, the packages on the way, and what makes their results: content and beam."""
        route = self._route(source, target)
        return EngineVersion(
            engine=f"{' + '.join(_kinds(route))} (ctranslate2 {installed_version('ctranslate2')})",
            model=" + ".join(package.package_path.name for package in route),
            version=" + ".join(
                f"{package.package_version} {_fingerprint(package.package_path)} beam {self.beam_size}"
                for package in route
            ),
        )

    def pairs(self) -> frozenset[tuple[str, str]]:
        """Give the pairs of languages that packages lead between, also over other languages."""
        direct = {(package.from_code, package.to_code) for package in map(_open, self.packages)}
        found = direct
        while True:
            further = found | {(source, target) for source, via in found for on, target in direct if via == on}
            further = {(source, target) for source, target in further if source != target}
            if further == found:
                return frozenset(found)
            found = further

    def preload(self, source: str, target: str) -> None:
        """Load the models of a pair of languages now. Raises ModelMissing where one can't be loaded."""
        for package in self._route(source, target):
            _load(package.package_path, self.threads)

    def translate(
        self, sentences: Sequence[str], *, source: str, target: str, glossary: Glossary | None = None
    ) -> list[str]:
        """Translate many sentences at once: one result to each, in their order; equal ones are translated once.

        Terms of `glossary` are put where it is clear which words stand for them, and only by a package that leads
        straight from `source` to `target`: through another language it can't be told.
        """
        results = {sentence: without_gaps(sentence) for sentence in sentences}
        route = self._route(source, target)
        for package in route:
            distinct = list(dict.fromkeys(text for text in results.values() if text))
            terms = glossary if len(route) == 1 else None
            translated = dict(zip(distinct, self._apply(package, distinct, terms), strict=True))
            results = {sentence: translated.get(text, "") for sentence, text in results.items()}
        return [results[sentence] for sentence in sentences]

    def _apply(self, package: TranslationPackage, texts: Sequence[str], glossary: Glossary | None) -> list[str]:
        """Translate texts with one package: divided where too long, all parts decoded together, joined again."""
        parts_of = [list(divide(package.tokenizer, text)) for text in texts]
        tokens = [part for parts in parts_of for part in parts]
        with _told(package, len(texts)):
            translated = iter(self._decode(package, tokens, glossary))
        return [" ".join(filter(None, (next(translated) for _ in own_parts))) for own_parts in parts_of]

    def _decode(self, package: TranslationPackage, tokens: list[list[str]], glossary: Glossary | None) -> list[str]:
        """Translate token by token; with a glossary, its terms are put in."""
        model = _load(package.package_path, self.threads)
        prefix = [[package.target_prefix]] * len(tokens) if package.target_prefix else None
        decoded = model.translate_batch(
            tokens,
            target_prefix=prefix,
            replace_unknowns=True,
            max_batch_size=self.batch_tokens,
            batch_type="tokens",
            beam_size=self.beam_size,
            length_penalty=LENGTH_PENALTY,
            max_input_length=0,
            max_decoding_length=MAX_OUTPUT_TOKENS,
        )
        plain = [_text(package, one.hypotheses[0]) for one in decoded]
        if glossary is None:
            return plain
        given = [
            Decoded(source, one.hypotheses[0], text) for source, one, text in zip(tokens, decoded, plain, strict=True)
        ]
        return [
            _text_with(package, one.target, found) if found else one.text
            for one, found in zip(
                given, replacements(given, glossary, ModelWitness(model, self.batch_tokens)), strict=True
            )
        ]

    def _route(self, source: str, target: str) -> tuple[TranslationPackage, ...]:
        """Give the packages that lead from one language to the other: as few as can be, English before others."""
        packages = [_open(path) for path in self.packages]
        by_pair: dict[str, dict[str, TranslationPackage]] = {}
        for package in packages:
            by_pair.setdefault(package.from_code, {}).setdefault(package.to_code, package)
        routes: deque[tuple[TranslationPackage, ...]] = deque(((),))
        seen = {source}
        while routes:
            route = routes.popleft()
            onward = by_pair.get(route[-1].to_code if route else source, {})
            for code in sorted(onward, key=lambda code: code != PIVOT_LANGUAGE):
                if code == target:
                    return (*route, onward[code])
                if code not in seen:
                    seen.add(code)
                    routes.append((*route, onward[code]))
        raise ModelMissing(
            f"translation from {source} to {target}",
            expected=f"an Argos package {source}_{target}, or several that lead there",
            found=_names(packages),
            remedy="Run `asr-pipeline models pull`, or name packages in ASR_PIPELINE_ARGOS_PACKAGES.",
        )


def _kinds(route: Iterable[TranslationPackage]) -> Iterable[str]:
    return dict.fromkeys("opus-mt" if is_opus(package.package_path) else "argos" for package in route)


def _names(packages: Iterable[TranslationPackage]) -> str:
    return ", ".join(f"{package.from_code}_{package.to_code}" for package in packages) or "no package"


def _text(package: TranslationPackage, tokens: Sequence[str]) -> str:
    """Make text of tokens as argostranslate/translate.py does."""
    text = package.tokenizer.decode(tokens)
    return text.strip().removeprefix(package.target_prefix).strip()


def _text_with(package: TranslationPackage, tokens: Sequence[str], found: Sequence[Replacement]) -> str:
    """Make text of tokens, with other words in some places; a mark after these stays joined to them."""
    text, end = "", 0
    for one in found:
        text = f"{_joined(package, text, tokens[end : one.start])} {one.text}"
        end = one.end
    return _joined(package, text, tokens[end:]).strip()


def _joined(package: TranslationPackage, text: str, tokens: Sequence[str]) -> str:
    more = _text(package, tokens)
    return f"{text} {more}" if more and tokens[0].startswith(SPACE) else f"{text}{more}"


@contextmanager
def _told(package: TranslationPackage, sentences: int) -> Iterator[None]:
    """Turn CTranslate2's errors into ours."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        raise EngineFailed(
            f"translation with {package.package_path.name}",
            expected=f"CTranslate2 to translate {sentences} sentences",
            found=str(error),
            remedy="Try again; with less memory, lower ASR_PIPELINE_TRANSLATION_BATCH_TOKENS.",
        ) from error


@lru_cache(maxsize=64)
def _open(path: Path) -> TranslationPackage:
    """Read a package's metadata, and load its tokenizer."""
    try:
        package = open_package(path)
        package.tokenizer.encode("")  # loads it
    except (OSError, ValueError, RuntimeError) as error:
        raise _unusable(path, str(error)) from error
    return package


def _load(path: Path, threads: int) -> Any:  # noqa: ANN401
    """Give the loaded model, loading it at most once a process, whichever thread comes first.

    A model that was loaded before a fork has no threads in the child: it is left alone there, and another is loaded.
    """
    with _lock:
        key = (os.getpid(), path, threads)
        if key not in _models:
            _models[key] = _open_model(path / "model", threads)
        return _models[key]


def _open_model(folder: Path, threads: int) -> Any:  # noqa: ANN401
    import ctranslate2  # noqa: PLC0415 - 0.4 s; only those who translate pay for it

    try:
        return ctranslate2.Translator(
            str(folder), device="cpu", compute_type="auto", inter_threads=threads, intra_threads=1
        )
    except (RuntimeError, ValueError) as error:
        raise _unusable(folder.parent, str(error)) from error


def _after_fork() -> None:
    """Make a forked child safe: a thread of the parent may hold the lock, and the parent's models can't be freed.

    Freeing one would wait for its threads, which exist in the parent alone: the child would hang when it exits.
    """
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()
    for model in _models.values():
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(model))


os.register_at_fork(after_in_child=_after_fork)


def _unusable(path: Path, found: str) -> ModelMissing:
    return ModelMissing(
        str(path),
        expected="an Argos package (metadata.json, model/, sentencepiece.model)",
        found=found,
        remedy="Fetch it anew with `asr-pipeline models pull`, or name another in ASR_PIPELINE_ARGOS_PACKAGES.",
    )


@lru_cache(maxsize=64)
def _fingerprint(path: Path) -> str:
    """First 10 hex digits of a SHA-256 over what decides the results: model, vocabulary, tokenizer, metadata."""
    digest = hashlib.sha256()
    files = [*path.glob("*.model"), *path.glob("*.spm"), path / "metadata.json", *(path / "model").rglob("*")]
    for file in sorted(file for file in files if file.is_file()):
        digest.update(f"{file.relative_to(path)}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()[:10]
