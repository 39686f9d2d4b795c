"""argostranslate's own `translate`, sentence by sentence, as its users call it.

    python benchmarks/peers/one_by_one.py PACKAGE_DIR < sentences

Prints JSON: seconds, and the translations. ARGOS_BEAM_SIZE sets the beam. argostranslate imports stanza (and so torch)
to cut texts into sentences. Here each text is one sentence, so an empty module stands in for it and the text is its
only sentence: what is left out would add to this peer's time.
"""

import json
import sys
import time
import types
from pathlib import Path

for name in ("stanza", "minisbd", "spacy"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["minisbd"].SBDetect = None  # type: ignore[attr-defined]
sys.modules["minisbd"].models = types.SimpleNamespace(cache_dir="")  # type: ignore[attr-defined]

from argostranslate import sbd  # noqa: E402
from argostranslate.package import Package  # noqa: E402
from argostranslate.translate import Language, PackageTranslation  # noqa: E402


class WholeText:
    """A text is a sentence."""

    def __init__(self, *_: object) -> None:
        """Take whatever a sentencizer is made of."""

    def split_sentences(self, text: str) -> list[str]:
        """Give the text."""
        return [text]


def main() -> None:
    """Measure and print."""
    sbd.StanzaSentencizer = WholeText
    translation = PackageTranslation(Language("en", "English"), Language("fa", "Persian"), Package(Path(sys.argv[1])))
    translation.sentencizer = WholeText()
    sentences = sys.stdin.read().splitlines()
    translation.translate(sentences[0])  # loads the model
    started = time.perf_counter()
    translated = [translation.translate(sentence) for sentence in sentences]
    print(json.dumps({"wall_s": time.perf_counter() - started, "translated": translated}))


if __name__ == "__main__":
    main()
