"""Subtitle files: SRT and WebVTT through pysubs2, TTML through xml.etree.

pysubs2 neither escapes text for WebVTT nor gives TTML a language and a direction (docs/subtitles.md).
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

from pysubs2 import SSAEvent, SSAFile

from asr_pipeline.domain.bidi import is_right_to_left, isolate
from asr_pipeline.domain.cue import Cue, CueText
from asr_pipeline.domain.subtitle import SubtitleFormat

WORD_JOINER = "\u2060"  # has no width, and keeps two characters apart that mean something to a parser together
_SUBSTATION_ESCAPE = re.compile(r"\\(?=[nNh])")  # pysubs2 takes these for line breaks and spaces
_TT = "http://www.w3.org/ns/ttml"
_TTS = "http://www.w3.org/ns/ttml#styling"
_XML = "http://www.w3.org/XML/1998/namespace"
SEVERAL_LANGUAGES = "mul"  # ISO 639-2
WriteText = Callable[[Path, str], None]


class SubtitleFileWriter:
    """Writes cues as SRT, WebVTT and TTML.

    `write_text` writes a text file, whole or not at all.
    """

    def __init__(self, write_text: WriteText) -> None:
        self._write_text = write_text

    def write(
        self, destination: Path, cues: Sequence[Cue], *, file_format: SubtitleFormat, languages: Sequence[str]
    ) -> None:
        """Write a file; `languages` are those of its cues. Raises what `write_text` raises."""
        self._write_text(destination, render(cues, file_format, languages))


def render(cues: Sequence[Cue], file_format: SubtitleFormat, languages: Sequence[str]) -> str:
    """Give the content of a subtitle file."""
    match file_format:
        case SubtitleFormat.SRT:
            return _through_pysubs2(cues, "srt", lambda text: "\n".join(map(_srt_line, _isolated(text))))
        case SubtitleFormat.VTT:
            tagged = len(languages) > 1
            return _through_pysubs2(cues, "vtt", lambda text: _vtt_text(text, tagged=tagged))
        case SubtitleFormat.TTML:
            return _ttml(cues, languages)


def _isolated(text: CueText) -> list[str]:
    return [isolate(line, text.language) for line in text.lines]


def _srt_line(line: str) -> str:
    """SRT has no escapes: keep apart what would be read as a time line."""
    return line.replace("-->", f"--{WORD_JOINER}>")


def _vtt_text(text: CueText, *, tagged: bool) -> str:
    lines = "\n".join(escape(line, quote=False) for line in _isolated(text))
    return f"<lang {text.language}>{lines}</lang>" if tagged else lines


def _through_pysubs2(cues: Sequence[Cue], name: str, shown: Callable[[CueText], str]) -> str:
    file = SSAFile()
    for cue in cues:
        text = "\n".join(map(shown, cue.texts))
        file.append(
            SSAEvent(
                start=_milliseconds(cue.start_s),
                end=_milliseconds(cue.end_s),
                text=_SUBSTATION_ESCAPE.sub(lambda _: f"\\{WORD_JOINER}", text),
            )
        )
    return file.to_string(name, keep_ssa_tags=True)


def _ttml(cues: Sequence[Cue], languages: Sequence[str]) -> str:
    """Give a TTML1 document: a region at the bottom, a paragraph a cue, language and direction on every text."""
    ET.register_namespace("", _TT)
    ET.register_namespace("tts", _TTS)
    root = ET.Element(_tt("tt"), {f"{{{_XML}}}lang": languages[0] if len(languages) == 1 else SEVERAL_LANGUAGES})
    head = ET.SubElement(root, _tt("head"))
    layout = ET.SubElement(head, _tt("layout"))
    ET.SubElement(
        layout,
        _tt("region"),
        {
            f"{{{_XML}}}id": "bottom",
            _tts("origin"): "10% 70%",
            _tts("extent"): "80% 25%",
            _tts("displayAlign"): "after",
            _tts("textAlign"): "center",
        },
    )
    body = ET.SubElement(root, _tt("body"), {"region": "bottom"})
    division = ET.SubElement(body, _tt("div"))
    ET.indent(root)
    division.text = "\n"
    for cue in cues:
        _add_paragraph(division, cue)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _add_paragraph(division: ET.Element, cue: Cue) -> None:
    paragraph = ET.SubElement(division, _tt("p"), {"begin": _clock(cue.start_s), "end": _clock(cue.end_s)})
    paragraph.tail = "\n"
    if len(cue.texts) == 1:
        paragraph.attrib |= _language_attributes(cue.texts[0])
        _add_lines(paragraph, cue.texts[0])
        return
    for number, text in enumerate(cue.texts):
        if number:
            ET.SubElement(paragraph, _tt("br"))
        _add_lines(ET.SubElement(paragraph, _tt("span"), _language_attributes(text)), text)


def _add_lines(parent: ET.Element, text: CueText) -> None:
    first, *others = _isolated(text)
    parent.text = first
    for line in others:
        ET.SubElement(parent, _tt("br")).tail = line


def _language_attributes(text: CueText) -> dict[str, str]:
    """Language and direction. `embed` is the word of TTML1 for a run with a direction of its own."""
    attributes = {f"{{{_XML}}}lang": text.language}
    if is_right_to_left(text.language):
        attributes |= {_tts("direction"): "rtl", _tts("unicodeBidi"): "embed"}
    return attributes


def _milliseconds(time_s: float) -> int:
    return round(time_s * 1000)


def _clock(time_s: float) -> str:
    seconds, milliseconds = divmod(_milliseconds(time_s), 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{milliseconds:03d}"


def _tt(name: str) -> str:
    return f"{{{_TT}}}{name}"


def _tts(name: str) -> str:
    return f"{{{_TTS}}}{name}"
