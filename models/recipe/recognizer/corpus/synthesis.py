"""Speak a plan into shards, several processes at once; shards that are there already are kept."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

from models.recipe.recognizer.corpus.shards import Item, has_shard, split, write_shard
from models.recipe.recognizer.corpus.workers import Report, run_jobs
from models.recipe.recognizer.voices.espeak import Espeak
from models.recipe.recognizer.voices.festival import Festival
from models.recipe.recognizer.voices.flite import Flite
from models.recipe.recognizer.voices.human_digits import HumanDigits
from models.recipe.recognizer.voices.non_speech import NonSpeech
from models.recipe.recognizer.voices.speech import Speaker, Speech, Utterance

SHARD_UTTERANCES = 100


def synthesise(plans: Mapping[str, Sequence[Utterance]], folder: Path, digits_dir: Path | None, report: Report) -> None:
    """Write the speech of each plan into its folder, 16-bit samples at 16 kHz, a shard for each 100 utterances."""
    cuts = [
        (number, plan[cut], folder / name, digits_dir)
        for name, plan in plans.items()
        for number, cut in split(len(plan), SHARD_UTTERANCES)
    ]
    missing = [job for job in cuts if not has_shard(job[2], job[0])]
    run_jobs(_write, missing, len(cuts) - len(missing), report)


def speak_all(utterances: Sequence[Utterance], digits_dir: Path | None = None) -> list[Speech]:
    """Speak utterances of any engine, each engine's in one go, and give them in order."""
    spoken: dict[int, Speech] = {}
    for engine in {utterance.engine for utterance in utterances}:
        places = [place for place, utterance in enumerate(utterances) if utterance.engine == engine]
        speeches = _speaker(engine, digits_dir).speak([utterances[place] for place in places])
        spoken.update(zip(places, speeches, strict=True))
    return [spoken[place] for place in range(len(utterances))]


def _write(job: tuple[int, Sequence[Utterance], Path, Path | None]) -> None:
    number, utterances, folder, digits_dir = job
    items = [
        Item(utterance.utterance_id, utterance.text, speech.pcm, speech.words)
        for utterance, speech in zip(utterances, speak_all(utterances, digits_dir), strict=True)
    ]
    write_shard(folder, number, items)


@cache
def _speaker(engine: str, digits_dir: Path | None) -> Speaker:
    makers: dict[str, Callable[[], Speaker]] = {
        "espeak": Espeak,
        "flite": Flite,
        "festival": Festival,
        "human": lambda: HumanDigits(digits_dir),
        "sound": NonSpeech,
    }
    return makers[engine]()
