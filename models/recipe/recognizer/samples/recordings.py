"""How each sample is recorded: channels, rate, noise, format."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recording:
    """`channels`: voices in the order of their channels, or none for one channel that all share."""

    name: str
    said_of: str
    rate_hz: int = 16_000
    channels: tuple[str, ...] = ()
    noise_db: float | None = None
    bit_rate: int | None = None


RECORDINGS = (
    Recording("call.flac", "a call, one person a channel", channels=("en-us+john", "en-us+Alicia")),
    Recording("voicemail.flac", "a telephone's 8 kHz", rate_hz=8_000),
    Recording("memo.mp3", "MP3", bit_rate=48_000),
    Recording("reminder.m4a", "AAC in MP4", bit_rate=48_000),
    Recording("street.flac", "pink noise 15 dB below the voice", noise_db=15.0),
    Recording("diary.ogg", "two minutes, Opus in Ogg", bit_rate=32_000),
)
