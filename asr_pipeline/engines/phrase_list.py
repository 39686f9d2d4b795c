"""A list of phrases that recognition is restricted to: read, and held against what the model can do."""

from functools import lru_cache
from pathlib import Path

from asr_pipeline.domain.errors import SettingInvalid, SetupError

MAX_FILE_BYTES = 256 * 2**10
MAX_PHRASES = 2_000  # libvosk builds the grammar anew for every segment: 7 ms at this many
MAX_PHRASE_CHARS = 200
NAMED_WORDS = 20
UNKNOWN_WORD = "[unk]"  # what libvosk calls speech that is in no phrase
GRAPH_FILES = ("graph/Gr.fst", "graph/HCLr.fst")  # a model with these builds its graph while it runs


def read_phrases(path: Path, model_dir: Path) -> tuple[str, ...]:
    """Read phrases, one a line, in lower case as models spell them; empty lines and repeats are left out.

    Raises SettingInvalid where the file is unusable or a word is not in the model's vocabulary: libvosk would drop the
    word and listen for the rest. Raises SetupError where the model has a fixed graph, on which phrases have no effect.
    """
    phrases = _phrases(path)
    lacking = [name for name in GRAPH_FILES if not (model_dir / name).is_file()]
    if lacking:
        raise SetupError(
            str(model_dir),
            expected=f"a Vosk model that takes phrases at run time, with {' and '.join(GRAPH_FILES)}",
            found=f"none of the name {lacking[0]}",
            remedy="Set ASR_PIPELINE_VOSK_MODEL to one that does (vosk-model-small-en-us-0.15, "
            "vosk-model-en-us-0.22-lgraph, the starter), or unset ASR_PIPELINE_RECOGNIZER_PHRASES.",
        )
    unknown = sorted({word for phrase in phrases for word in phrase.split()} - _vocabulary(model_dir))
    if unknown:
        more = f" and {len(unknown) - NAMED_WORDS:,} more" if len(unknown) > NAMED_WORDS else ""
        raise _invalid(
            path,
            f"words that {model_dir.name} knows",
            f"{', '.join(map(repr, unknown[:NAMED_WORDS]))}{more}",
            f"Spell them as {model_dir.name}/graph/words.txt does, in several words if need be, or leave them out.",
        )
    return phrases


def _phrases(path: Path) -> tuple[str, ...]:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        text = content.decode("utf-8-sig") if len(content) <= MAX_FILE_BYTES else ""
    except (OSError, UnicodeDecodeError) as error:
        raise _invalid(path, "a readable text file in UTF-8", str(error)) from error
    if len(content) > MAX_FILE_BYTES:
        raise _invalid(path, f"at most {MAX_FILE_BYTES:,} bytes", "more")
    lines = (" ".join(line.lower().split()) for line in text.splitlines())
    phrases = tuple(dict.fromkeys(line for line in lines if line))
    if not 0 < len(phrases) <= MAX_PHRASES:
        raise _invalid(path, f"1 to {MAX_PHRASES:,} phrases, one a line", f"{len(phrases):,}")
    if longest := [phrase for phrase in phrases if len(phrase) > MAX_PHRASE_CHARS]:
        raise _invalid(path, f"phrases of at most {MAX_PHRASE_CHARS} characters", f"{longest[0][:40]!r}…")
    return phrases


@lru_cache(maxsize=4)
def _vocabulary(model_dir: Path) -> frozenset[str]:
    """Read the words that a model knows: the first column of words.txt, without marks such as <eps> and #0."""
    path = model_dir / "graph" / "words.txt"
    try:
        with path.open(encoding="utf-8") as file:
            words = (line.split(maxsplit=1)[0] for line in file if line.strip())
            return frozenset(word for word in words if not word.startswith(("<", "#", "[")))
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(
            str(path),
            expected="the model's list of words",
            found=str(error),
            remedy="Fetch the model anew with `asr-pipeline models pull`.",
        ) from error


def _invalid(path: Path, expected: str, found: str, remedy: str = "") -> SettingInvalid:
    return SettingInvalid(
        f"ASR_PIPELINE_RECOGNIZER_PHRASES ({path})",
        expected=expected,
        found=found,
        remedy=remedy or "Mend the file, or unset the setting.",
    )
