"""The translator: packages and routes with a stand-in, and the real engine with the starter package."""

import json
import os
import pickle
import random
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr_pipeline.domain.errors import EngineFailed, ModelMissing
from asr_pipeline.domain.transcript import as_sentence
from asr_pipeline.engines import argos
from asr_pipeline.engines.argos import ArgosTranslator
from asr_pipeline.engines.long_sentences import MAX_INPUT_TOKENS, divide
from asr_pipeline_tests.engines.argos_itself import argostranslate

SENTENCES = [
    "The camera in the garden is broken.",
    "Please drive to the train station on sunday evening.",
    "Mina likes to speak turkish on weekends.",
    "Has she done the shopping yet?",
    "Daniel called you on tuesday afternoon.",
    "Our teacher has a fever.",
    "The exam is on march twenty fifth.",
    "Would you like to watch a video on february seventeenth?",
    "Could you please find the umbrella?",
    "There are seventy nine books in the kitchen.",
    "My friends want to go to the library next tuesday.",
    "I saw her mother on the bus on monday night.",
]
PERSIAN = re.compile(r"[\u0600-\u06ff]")


class WordTokenizer:
    """Words are tokens; joined text is given back."""

    def encode(self, text: str) -> list[str]:
        return text.split()

    def decode(self, tokens: list[str]) -> str:
        return " ".join(tokens)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> list[list[list[str]]]:
    """Give packages named by their pair, and a model that puts the folder's name before every word; calls are kept."""
    calls: list[list[list[str]]] = []

    def open_package(path: Path) -> Any:  # noqa: ANN401
        source, target = path.name.split("_")
        return SimpleNamespace(
            package_path=path,
            package_version="1.0",
            from_code=source,
            to_code=target,
            target_prefix=">>pt<<" if target == "pt" else "",
            tokenizer=WordTokenizer(),
        )

    class Model:
        def __init__(self, name: str) -> None:
            self.name = name

        def translate_batch(
            self, tokens: list[list[str]], *, target_prefix: list[list[str]] | None, **_: object
        ) -> list[Any]:
            calls.append(tokens)
            first = target_prefix or [[] for _ in tokens]
            return [
                SimpleNamespace(hypotheses=[[*prefix, *(f"{self.name}:{word}" for word in words)]])
                for prefix, words in zip(first, tokens, strict=True)
            ]

    monkeypatch.setattr(argos, "_open", open_package)
    monkeypatch.setattr(argos, "_load", lambda path, _threads: Model(path.name))
    monkeypatch.setattr(argos, "_fingerprint", lambda path: f"hash-of-{path.name}")
    return calls


def stand_in_translator(*pairs: str) -> ArgosTranslator:
    return ArgosTranslator(tuple(Path(pair) for pair in pairs))


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize(
    ("pairs", "source", "target", "route"),
    [
        (["en_fa"], "en", "fa", "en_fa"),
        (["de_en", "en_fa"], "de", "fa", "de_en + en_fa"),
        (["de_en", "en_fa", "de_fa"], "de", "fa", "de_fa"),
        (["de_fr", "fr_fa", "de_en", "en_fa"], "de", "fa", "de_en + en_fa"),
        (["en_fr", "fr_en", "fr_fa"], "en", "fa", "en_fr + fr_fa"),
    ],
)
def test_the_shortest_way_is_taken_and_english_preferred(
    pairs: list[str], source: str, target: str, route: str
) -> None:
    translator = stand_in_translator(*pairs)

    assert translator.version(source, target).model == route
    [result] = translator.translate(["x"], source=source, target=target)
    assert result == ":".join([*reversed(route.split(" + ")), "x"])


@pytest.mark.usefixtures("stand_in")
def test_the_pairs_are_those_that_there_is_a_way_for() -> None:
    assert stand_in_translator().pairs() == frozenset()
    assert stand_in_translator("en_fa").pairs() == {("en", "fa")}
    found = stand_in_translator("de_en", "en_fa", "fa_en").pairs()
    assert found == {("de", "en"), ("de", "fa"), ("en", "fa"), ("fa", "en")}


@pytest.mark.usefixtures("stand_in")
def test_the_first_of_two_packages_for_a_pair_is_used() -> None:
    first, second = Path("a/en_fa"), Path("b/en_fa")

    route = ArgosTranslator((first, second))._route("en", "fa")

    assert [package.package_path for package in route] == [first]


@pytest.mark.usefixtures("stand_in")
def test_a_pair_without_a_way_names_what_there_is_and_the_command() -> None:
    with pytest.raises(ModelMissing, match=r"en to fa.*en_de, en_fr.*models pull"):
        stand_in_translator("en_de", "en_fr").translate(["x"], source="en", target="fa")
    with pytest.raises(ModelMissing, match="no package"):
        stand_in_translator().version("en", "fa")


def test_empty_sentences_stay_empty_and_equal_ones_are_translated_once(stand_in: list[list[list[str]]]) -> None:
    results = stand_in_translator("en_fa").translate(["", "a", " \n", "b", "a", " a "], source="en", target="fa")

    assert results == ["", "en_fa:a", "", "en_fa:b", "en_fa:a", "en_fa:a"]
    assert stand_in == [[["a"], ["b"]]]


@pytest.mark.usefixtures("stand_in")
def test_a_target_prefix_is_given_to_the_model_and_taken_off_the_result() -> None:
    assert stand_in_translator("en_pt").translate(["a"], source="en", target="pt") == ["en_pt:a"]


@settings(max_examples=40, deadline=None)
@given(words=st.lists(st.sampled_from(["a", "b.", "c,", "d"]), min_size=1, max_size=5 * MAX_INPUT_TOKENS))
def test_long_sentences_are_divided_without_losing_or_moving_a_word(words: list[str]) -> None:
    parts = list(divide(WordTokenizer(), " ".join(words)))

    assert [word for part in parts for word in part] == words
    assert all(len(part) <= MAX_INPUT_TOKENS for part in parts)


def test_long_sentences_are_divided_where_a_clause_ends() -> None:
    clauses = " ".join(["w"] * 90 + ["end,"] + ["w"] * 109)
    sentences = " ".join(["w"] * 30 + ["end."] + ["w"] * 50 + ["end?"] + ["w"] * 120)

    assert [len(part) for part in divide(WordTokenizer(), clauses)] == [91, 109]
    assert [len(part) for part in divide(WordTokenizer(), sentences)] == [31, 51, 120]


def test_a_word_longer_than_the_limit_is_divided_between_characters() -> None:
    class CharacterTokenizer(WordTokenizer):
        def encode(self, text: str) -> list[str]:
            return list(text)

    text = "x" * (3 * MAX_INPUT_TOKENS)

    assert "".join("".join(part) for part in divide(CharacterTokenizer(), text)) == text


def test_a_failing_engine_is_told_apart_from_a_missing_model(
    stand_in: list[list[list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def translate_batch(self, *_: object, **__: object) -> list[Any]:
            raise RuntimeError("out of memory")

    monkeypatch.setattr(argos, "_load", lambda *_: Broken())

    with pytest.raises(EngineFailed, match="out of memory"):
        stand_in_translator("en_fa").translate(["a"], source="en", target="fa")
    assert stand_in == []


# The real engine


@pytest.fixture(scope="module")
def package(starter_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack the starter package."""
    folder = tmp_path_factory.mktemp("argos")
    with zipfile.ZipFile(starter_models / "translate-en_fa-starter.argosmodel") as archive:
        archive.extractall(folder)
    return folder / "translate-en_fa-starter"


@pytest.fixture(scope="module")
def english(samples: Path) -> list[str]:
    """Give sentences of the sample recordings, and some more."""
    rows = (samples / "samples.tsv").read_text().splitlines()
    return [as_sentence(row.split("\t")[3]) for row in rows if row.startswith("phrases-")] + SENTENCES


@pytest.fixture
def copy(package: Path, tmp_path: Path) -> Path:
    """Give a copy of the package, to be spoilt."""
    return shutil.copytree(package, tmp_path / package.name)


@pytest.mark.engine
def test_one_persian_sentence_to_each(package: Path) -> None:
    results = ArgosTranslator((package,)).translate(SENTENCES, source="en", target="fa")

    assert len(results) == len(SENTENCES)
    for result in results:
        letters = [letter for letter in result if letter.isalpha()]
        assert sum(bool(PERSIAN.match(letter)) for letter in letters) > 0.9 * len(letters)
    assert results[5] == "معلممان تب دارد."


@pytest.mark.engine
@pytest.mark.parametrize("beam_size", [1, 4])
def test_a_batch_gives_what_each_sentence_gives_alone(package: Path, english: list[str], beam_size: int) -> None:
    translator = ArgosTranslator((package,), beam_size=beam_size, threads=2)

    alone = [translator.translate([sentence], source="en", target="fa")[0] for sentence in english]

    assert translator.translate(english, source="en", target="fa") == alone
    small_batches = ArgosTranslator((package,), beam_size=beam_size, batch_tokens=64)
    assert small_batches.translate(english, source="en", target="fa") == alone


@pytest.mark.engine
def test_results_follow_their_sentences_in_any_order(package: Path, english: list[str]) -> None:
    translator = ArgosTranslator((package,), batch_tokens=128, threads=2)
    known = dict(zip(english, translator.translate(english, source="en", target="fa"), strict=True))
    chance = random.Random(5)  # noqa: S311 - a test, repeatable

    for _ in range(10):
        drawn = chance.choices([*english, ""], k=40)
        assert translator.translate(drawn, source="en", target="fa") == [known.get(text, "") for text in drawn]


@pytest.mark.engine
def test_the_result_is_what_argos_own_steps_give(package: Path, english: list[str]) -> None:
    """Argos' `apply_packaged_translation`, one sentence at a time, with its own arguments."""
    import ctranslate2  # noqa: PLC0415

    own = argostranslate("package").Package(package)
    model = ctranslate2.Translator(str(package / "model"), compute_type="auto", intra_threads=1)
    expected = []
    for sentence in english:
        [result] = model.translate_batch(
            [own.tokenizer.encode(sentence)],
            replace_unknowns=True,
            max_batch_size=32,
            batch_type="tokens",
            beam_size=4,
            num_hypotheses=1,
            length_penalty=0.2,
        )
        expected.append(own.tokenizer.decode(result.hypotheses[0]).removeprefix(" "))

    assert ArgosTranslator((package,), beam_size=4).translate(english, source="en", target="fa") == expected


@pytest.mark.engine
def test_nothing_of_a_very_long_sentence_is_cut_off(package: Path) -> None:
    translator = ArgosTranslator((package,))
    sentence = " ".join(SENTENCES * 20)  # about 2,300 tokens, past CTranslate2's own limit of 1,024

    each = translator.translate(SENTENCES, source="en", target="fa")

    assert translator.translate([sentence], source="en", target="fa") == [" ".join(each * 20)]


@pytest.mark.engine
def test_threads_that_come_at_once_load_one_model(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []

    def counting(load: Callable[[Path, int], Any]) -> Callable[[Path, int], Any]:
        def open_model(folder: Path, threads: int) -> Any:  # noqa: ANN401
            loaded.append(folder)
            return load(folder, threads)

        return open_model

    monkeypatch.setattr(argos, "_models", {})
    monkeypatch.setattr(argos, "_open_model", counting(argos._open_model))
    translator = ArgosTranslator((package,))
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: translator.translate(SENTENCES[:2], source="en", target="fa"), range(8)))

    assert len(loaded) == 1
    assert all(result == results[0] for result in results)


@pytest.mark.engine
def test_a_translator_crosses_process_boundaries_without_its_model(package: Path) -> None:
    translator = ArgosTranslator((package,))
    translator.translate(SENTENCES[:1], source="en", target="fa")

    assert len(pickle.dumps(translator)) < 1000
    assert pickle.loads(pickle.dumps(translator)) == translator  # noqa: S301 - our own bytes


@pytest.mark.engine
def test_a_version_changes_with_the_model_and_with_the_beam(package: Path, copy: Path) -> None:
    version = ArgosTranslator((package,)).version("en", "fa")

    assert version.engine.startswith("argos (ctranslate2 4")
    assert version.model == "translate-en_fa-starter"
    assert re.fullmatch(r"2\.0 [0-9a-f]{10} beam 1", version.version)
    assert ArgosTranslator((copy,)).version("en", "fa") == version
    assert ArgosTranslator((package,), beam_size=2).version("en", "fa") != version
    argos._fingerprint.cache_clear()
    model = copy / "model" / "model.bin"
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    assert ArgosTranslator((copy,)).version("en", "fa") != version


@pytest.mark.engine
@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda path: (path / "metadata.json").unlink(), "metadata.json"),
        (lambda path: (path / "metadata.json").write_text("{"), "Expecting"),
        (lambda path: (path / "metadata.json").write_text(json.dumps({"from_code": "en"})), "to_code"),
        (lambda path: (path / "sentencepiece.model").unlink(), "tokenizer"),
        (lambda path: (path / "sentencepiece.model").write_bytes(b"x"), "sentencepiece"),
        (lambda path: shutil.rmtree(path / "model"), "model"),
        (lambda path: (path / "model" / "model.bin").write_bytes(b"x" * 64), "model"),
        (shutil.rmtree, "metadata.json"),
    ],
)
def test_a_damaged_package_is_named_with_the_command(copy: Path, spoil: Callable[[Path], object], told: str) -> None:
    spoil(copy)

    with pytest.raises(ModelMissing, match=told) as caught:
        ArgosTranslator((copy,)).preload("en", "fa")

    assert str(copy) in str(caught.value)
    assert "asr-pipeline models pull" in str(caught.value)


@pytest.mark.engine
def test_translating_neither_writes_in_the_home_folder_nor_imports_what_brings_torch(
    package: Path, tmp_path: Path
) -> None:
    program = f"""
import sys
from pathlib import Path
from asr_pipeline.engines.argos import ArgosTranslator
assert not [name for name in ("ctranslate2", "sentencepiece") if name in sys.modules]
ArgosTranslator((Path({str(package)!r}),)).translate(["Our teacher has a fever."], source="en", target="fa")
unwanted = ("torch", "argostranslate", "stanza", "spacy", "sacremoses")
heavy = [name for name in sys.modules if name.split(".")[0] in unwanted]
assert not heavy, heavy
"""
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("XDG_")},
        "HOME": str(home),
        "ARGOS_PACKAGES_DIR": str(home / "own"),
        "ARGOS_DEBUG": "1",
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], env=environment, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(home.iterdir()) == []


@pytest.mark.engine
@pytest.mark.fault
def test_a_child_forked_after_loading_translates_and_ends(package: Path) -> None:
    program = f"""
import os, sys
from pathlib import Path
from asr_pipeline.engines.argos import ArgosTranslator
translator = ArgosTranslator((Path({str(package)!r}),), threads=2)
translate = lambda: translator.translate(["Our teacher has a fever."], source="en", target="fa")
first = translate()
pid = os.fork()
if not pid:
    sys.exit(0 if translate() == first else 3)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program], timeout=60, check=False
    )  # that fork and threads don't go together is what is tested

    assert done.returncode == 0
