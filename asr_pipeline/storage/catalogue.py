"""The official models: where each is published, how large it is, and how its bytes are known to be the right ones."""

from dataclasses import dataclass
from enum import StrEnum

from asr_pipeline.domain.errors import SetupError


class ModelKind(StrEnum):
    """What a model does."""

    VOSK = "vosk"  # recognises speech
    ARGOS = "argos"  # translates


@dataclass(frozen=True, slots=True)
class OfficialModel:
    """A published model; `name` is also its folder's name once it is installed.

    `about_bytes` is its size as its publisher rounds it. `size_bytes` and `sha256` are None where none is known: the
    hash of the first download is recorded then, and later ones are held to it.
    """

    name: str
    kind: ModelKind
    url: str
    about_bytes: int
    summary: str
    size_bytes: int | None = None
    sha256: str | None = None

    @property
    def filename(self) -> str:
        """The archive's name: the last part of its address, and what a mirror calls it."""
        return self.url.rpartition("/")[2]


# Addresses, sizes and error rates: the publishers' own lists (alphacephei.com/vosk/models, argos-net.com).
# Checksums: none is published. The one of small-en-us-0.15 stands in ten public files that agree, the one of lgraph in
# one. In order of accuracy, the best first: of several that were pulled, the first is used.
CATALOGUE = (
    OfficialModel(
        name="vosk-model-en-us-0.42-gigaspeech",
        kind=ModelKind.VOSK,
        url="https://alphacephei.com/vosk/models/vosk-model-en-us-0.42-gigaspeech.zip",
        about_bytes=2_300_000_000,
        summary="English; most accurate, mainly for podcasts; needs a server's memory (WER 5.64 / 6.24 %)",
    ),
    OfficialModel(
        name="vosk-model-en-us-0.22",
        kind=ModelKind.VOSK,
        url="https://alphacephei.com/vosk/models/vosk-model-en-us-0.22.zip",
        about_bytes=1_800_000_000,
        summary="English; accurate; needs a server's memory (WER 5.69 / 6.05 %)",
    ),
    OfficialModel(
        name="vosk-model-en-us-0.22-lgraph",
        kind=ModelKind.VOSK,
        url="https://alphacephei.com/vosk/models/vosk-model-en-us-0.22-lgraph.zip",
        about_bytes=128_000_000,
        summary="English; middle-sized (WER 7.82 / 8.20 %)",
        sha256="d9838b4aaa82a75c4a17f5aca300eaca129aaab2a7cbf951bafbb500eb9c4334",
    ),
    OfficialModel(
        name="vosk-model-small-en-us-0.15",
        kind=ModelKind.VOSK,
        url="https://alphacephei.com/vosk/models/vosk-model-small-en-us-0.15.zip",
        about_bytes=41_205_931,
        summary="English; small and fast (WER 9.85 / 10.38 %)",
        size_bytes=41_205_931,
        sha256="30f26242c4eb449f948e42cb302dd7a686cb29a3423a8367f99ff41780942498",
    ),
    OfficialModel(
        name="translate-en_fa-1_5",
        kind=ModelKind.ARGOS,
        url="https://argos-net.com/v1/translate-en_fa-1_5.argosmodel",
        about_bytes=119_000_000,
        summary="English to Persian",
    ),
)
DEFAULT_NAMES = ("vosk-model-small-en-us-0.15", "translate-en_fa-1_5")


def official(name: str) -> OfficialModel:
    """Give a model of the catalogue. Raises SetupError where there is none of that name."""
    for model in CATALOGUE:
        if model.name == name:
            return model
    raise SetupError(
        name,
        expected="the name of an official model",
        found="none of that name",
        remedy=f"Choose among {', '.join(model.name for model in CATALOGUE)}; `asr-pipeline models list` tells more.",
    )
