"""Festival, run once for a batch of utterances; it prints where each word starts and ends.

Debian: festival, festvox-kallpc16k, festvox-kdlpc16k, festvox-us-slt-hts. Permissive licences of the BSD kind.
"""

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import soundfile

from models.recipe.recognizer.voices.speech import Speech, SpeechError, Utterance, join_tokens, to_pcm

HTS_VOICE = "cmu_us_slt_arctic_hts"
BATCH_TIMEOUT_S = 600
_TOKEN_FIELDS = 4  # number of the utterance, name, start, end


class Festival:
    """Voices: kal_diphone, ked_diphone, cmu_us_slt_arctic_hts."""

    def speak(self, utterances: Sequence[Utterance]) -> Iterator[Speech]:
        """Say each utterance. Settings: stretch (factor of duration), pitch (mean in Hz; diphone voices)."""
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "batch.scm"
            script.write_text("".join(_scheme(folder, n, u) for n, u in enumerate(utterances)), encoding="utf-8")
            done = subprocess.run(
                ["festival", "-b", str(script)], check=False, capture_output=True, text=True, timeout=BATCH_TIMEOUT_S
            )
            tokens = _tokens(done.stdout)
            for number, utterance in enumerate(utterances):
                path = Path(folder) / f"{number}.wav"
                words = join_tokens(utterance.text, tokens.get(number, []))
                if not path.exists() or len(words) != len(utterance.text.split()):
                    raise SpeechError(utterance, f"{len(words)} words; {done.stderr.strip()[-300:]}")
                samples, rate_hz = soundfile.read(path, dtype="float64")
                yield Speech(to_pcm(samples, rate_hz), words)


def _scheme(folder: str, number: int, utterance: Utterance) -> str:
    """Write the commands for one utterance. Its text has letters and apostrophes alone, so it needs no quoting."""
    if not all(sign.isalpha() or sign in " '" for sign in utterance.text):
        raise SpeechError(utterance, "signs that are no letters")
    stretch, pitch = utterance.settings.get("stretch", 1.0), utterance.settings.get("pitch")
    knobs = f"(Parameter.set 'Duration_Stretch {stretch:.3f})\n"
    if utterance.voice == HTS_VOICE:
        knobs = f'(set! hts_engine_params (cons \'("-r" {1 / stretch:.3f}) hts_engine_params))\n'
    elif pitch is not None:
        knobs += (
            f"(set! int_lr_params '((target_f0_mean {pitch:.0f}) (target_f0_std 14)"
            " (model_f0_mean 170) (model_f0_std 34)))\n"
        )
    return (
        f"(voice_{utterance.voice})\n{knobs}"
        f'(set! u (utt.synth (Utterance Text "{utterance.text}")))\n'
        "(mapcar (lambda (w) (format t "
        f'"word {number} %s %f %f\\n" (item.name w) (item.feat w "word_start") (item.feat w "word_end")))'
        " (utt.relation.items u 'Word))\n"
        f'(utt.save.wave u "{folder}/{number}.wav" \'riff)\n'
    )


def _tokens(printed: str) -> dict[int, list[tuple[str, float, float]]]:
    tokens: dict[int, list[tuple[str, float, float]]] = {}
    for line in printed.splitlines():
        mark, *rest = line.split() or [""]
        if mark == "word" and len(rest) == _TOKEN_FIELDS:
            tokens.setdefault(int(rest[0]), []).append((rest[1], float(rest[2]), float(rest[3])))
    return tokens
