"""The voices, how much of the training each says, and which of them training never hears."""

import random
from dataclasses import dataclass

from models.recipe.recognizer.voices.festival import HTS_VOICE
from models.recipe.recognizer.voices.flite import SHIFTABLE, STRETCHABLE

ESPEAK_ACCENTS = "en-us en-us en-us en-us-nyc en en-gb-x-rp en-gb-scotland en-029 en-gb-x-gbclan en-gb-x-gbcwmd".split()
ESPEAK_VARIANTS = (
    "m1 m2 m3 m4 m5 m6 m7 m8 f1 f2 f3 f4 f5 Alex Andrea Andy Annie Diogo Gene Gene2 Henrique Hugo Jacky Lee Marco "
    "Mario Michael Mike Nguyen Storm adam anika announcer antonio aunty belinda benjamin boris caleb david ed edward "
    "edward2 grandma grandpa gustave iven iven2 iven3 iven4 kaukovalta klatt klatt2 klatt3 klatt4 klatt5 klatt6 linda "
    "marcelo max michel miguel norbert pablo paul pedro quincy rob robert sandro shelby steph steph2 steph3 travis "
    "victor zac"
).split()


@dataclass(frozen=True, slots=True)
class Voice:
    """An engine's voice, and its share of the training. An empty name: any of espeak-ng's accents and variants."""

    engine: str
    name: str
    share: float = 0.0


TRAINING_VOICES = (
    # built from recordings of people, so they say the most
    Voice("flite", "slt", 0.13),
    Voice("flite", "rms", 0.16),
    Voice("flite", "awb", 0.15),
    Voice("flite", "kal16", 0.06),
    Voice("festival", HTS_VOICE, 0.07),
    Voice("festival", "kal_diphone", 0.05),
    Voice("espeak", "", 0.38),
)
UNSEEN_VOICES = (
    Voice("festival", "ked_diphone"),
    Voice("espeak", "en-us+Alicia"),
    Voice("espeak", "en-us+john"),
    Voice("espeak", "en+Denis"),
)
"""A diphone voice of another man, and three variants of espeak-ng."""


def cast(chance: random.Random, voice: Voice) -> tuple[str, dict[str, float]]:
    """Choose a voice's name and its settings at random."""
    if voice.engine == "espeak":
        name = voice.name or f"{chance.choice(ESPEAK_ACCENTS)}+{chance.choice(ESPEAK_VARIANTS)}"
        return name, {"pace": float(chance.randint(125, 200)), "pitch": float(chance.randint(25, 75))}
    settings = {"stretch": round(chance.uniform(0.85, 1.25), 2)}
    if voice.engine == "festival":
        if voice.name != HTS_VOICE:
            settings["pitch"] = float(chance.randint(85, 140))
        return voice.name, settings
    if voice.name not in STRETCHABLE:
        settings = {}
    if voice.name in SHIFTABLE:
        settings["shift"] = round(chance.uniform(0.85, 1.2), 2)
    return voice.name, settings
