import xml.etree.ElementTree as ET
from html import unescape
from pathlib import Path

import pysubs2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_pipeline.domain.bidi import LRI, PDI, RLI, clean
from asr_pipeline.domain.cue import Cue, CueText
from asr_pipeline.domain.subtitle import SubtitleFormat
from asr_pipeline.engines.subtitle_files import WORD_JOINER, SubtitleFileWriter, render
from asr_pipeline.storage.atomic import write_text

TT = "{http://www.w3.org/ns/ttml}"
TTS = "{http://www.w3.org/ns/ttml#styling}"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
ENGLISH = CueText("en", ("Where is my", "umbrella?"))
PERSIAN = CueText("fa", ("چتر من", "کجاست؟"))
CUES = [
    Cue(0.5, 2.0, (ENGLISH, PERSIAN)),
    Cue(3661.001, 3663.25, (CueText("en", ("Here.",)), CueText("fa", ("اینجا.",)))),
]
FORMATS = list(SubtitleFormat)


def read(text: str, file_format: SubtitleFormat) -> list[tuple[int, int, str]]:
    """Read a file as another program does: times in milliseconds, and lines without isolates and joiners."""
    events = pysubs2.SSAFile.from_string(text, format_=file_format.value, keep_html_tags=file_format == "srt")
    marks = {ord(mark): None for mark in (RLI, LRI, PDI, WORD_JOINER)}
    unescaped = unescape if file_format is SubtitleFormat.VTT else str
    return [(e.start, e.end, unescaped(e.text.replace(r"\N", "\n")).translate(marks)) for e in events]


@pytest.mark.parametrize("file_format", FORMATS)
def test_another_reader_finds_the_same_times_and_lines(file_format: SubtitleFormat) -> None:
    assert read(render(CUES, file_format, ("en", "fa")), file_format) == [
        (500, 2000, "\n".join((*ENGLISH.lines, *PERSIAN.lines))),
        (3661001, 3663250, "Here.\n\u0627\u06cc\u0646\u062c\u0627."),
    ]


def test_srt_is_as_players_expect() -> None:
    assert render(CUES[:1], SubtitleFormat.SRT, ("en", "fa")) == (
        f"1\n00:00:00,500 --> 00:00:02,000\nWhere is my\numbrella?\n{RLI}چتر من{PDI}\n{RLI}کجاست؟{PDI}\n\n"
    )


def test_vtt_names_the_language_of_each_text_of_two() -> None:
    assert render(CUES[:1], SubtitleFormat.VTT, ("en", "fa")) == (
        "WEBVTT\n\n1\n00:00:00.500 --> 00:00:02.000\n<lang en>Where is my\numbrella?</lang>\n"
        f"<lang fa>{RLI}چتر من{PDI}\n{RLI}کجاست؟{PDI}</lang>\n\n"
    )


def test_ttml_of_one_language_has_language_and_direction_on_paragraphs() -> None:
    root = ET.fromstring(render([Cue(0, 1, (PERSIAN,))], SubtitleFormat.TTML, ("fa",)))  # noqa: S314 - our own text
    paragraph = root.find(f"{TT}body/{TT}div/{TT}p")
    assert paragraph is not None
    assert (root.tag, root.get(XML_LANG)) == (f"{TT}tt", "fa")
    assert paragraph.attrib == {
        "begin": "00:00:00.000",
        "end": "00:00:01.000",
        XML_LANG: "fa",
        f"{TTS}direction": "rtl",
        f"{TTS}unicodeBidi": "embed",
    }
    assert paragraph.text == f"{RLI}چتر من{PDI}"
    assert [(child.tag, child.tail) for child in paragraph] == [(f"{TT}br", f"{RLI}کجاست؟{PDI}")]


def test_ttml_of_two_languages_has_them_on_spans() -> None:
    root = ET.fromstring(render(CUES, SubtitleFormat.TTML, ("en", "fa")))  # noqa: S314 - our own text
    spans = root.findall(f".//{TT}p[1]/{TT}span")
    assert root.get(XML_LANG) == "mul"
    assert [(span.get(XML_LANG), span.get(f"{TTS}direction")) for span in spans] == [("en", None), ("fa", "rtl")]
    region = root.find(f".//{TT}region")
    body = root.find(f"{TT}body")
    assert region is not None
    assert body is not None
    assert body.get("region") == region.get("{http://www.w3.org/XML/1998/namespace}id")


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize(
    "line",
    [
        "1 < 2 & 3 > 2",
        "a --> b",
        "{\\an8}up",
        r"C:\new\home",
        "<i>so</i> &amp; on",
    ],
)
def test_text_that_means_something_to_the_format_is_shown_as_it_is(line: str, file_format: SubtitleFormat) -> None:
    cues = [Cue(1, 2, (CueText("en", (line,)),)), Cue(3, 4, (CueText("en", ("Next.",)),))]
    text = render(cues, file_format, ("en",))
    assert text.count("-->") == (0 if file_format is SubtitleFormat.TTML else 2)
    if file_format is SubtitleFormat.SRT and line.startswith("<i>"):
        assert line in text  # SRT has no escape for it, and pysubs2 would read italics
    else:
        assert read(text, file_format) == [(1000, 2000, line), (3000, 4000, "Next.")]


@pytest.mark.parametrize("file_format", FORMATS)
def test_no_cues_make_a_valid_file(file_format: SubtitleFormat) -> None:
    text = render([], file_format, ("fa",))
    assert read(text, file_format) == []
    if file_format is SubtitleFormat.VTT:
        assert text.startswith("WEBVTT\n")
    if file_format is SubtitleFormat.TTML:
        assert ET.fromstring(text.encode()).get(XML_LANG) == "fa"  # noqa: S314 - our own text


@given(st.text(max_size=20).map(clean).filter(bool))
def test_ttml_is_well_formed_whatever_the_text(line: str) -> None:
    text = render([Cue(0, 1, (CueText("en", (line,)),))], SubtitleFormat.TTML, ("en",))
    paragraph = ET.fromstring(text.encode()).find(f".//{TT}p")  # noqa: S314 - our own text
    assert paragraph is not None
    assert paragraph.text == line


@pytest.mark.parametrize("file_format", FORMATS)
def test_file_is_utf8_and_leaves_nothing_beside_it(tmp_path: Path, file_format: SubtitleFormat) -> None:
    path = tmp_path / "new folder" / f"talk.fa.{file_format}"
    SubtitleFileWriter(write_text).write(path, CUES, file_format=file_format, languages=("en", "fa"))
    assert path.read_text("utf-8") == render(CUES, file_format, ("en", "fa"))
    assert list(path.parent.iterdir()) == [path]
