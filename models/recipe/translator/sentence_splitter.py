"""A sentence splitter of one rule, in the format that Argos looks for in a package (``minisbd/en.onnx``).

Without one ``argostranslate.translate`` would fetch a model. The format is an ONNX graph over characters: inputs
``units`` (ids, 0 pads) and ``features``, output five scores a character; of these 1 ends a word and 2 a sentence. This
graph has no weights: ``. ! ? ؟ …`` before a space or the end ends a sentence, a space ends a word.
"""

import json
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_UNITS = ["<PAD>", "<UNK>", " ", ".", "!", "?", "؟", "…"]
_ENDS_A_SENTENCE = [0, 0, 0, 1, 1, 1, 1, 1]
_IS_A_GAP = [1, 0, 1, 0, 0, 0, 0, 0]
_OPSET, _IR_VERSION = 13, 8
_BEYOND_ANY_TEXT = 2**31


def splitter() -> bytes:
    """The ONNX file."""
    model = helper.make_model(
        helper.make_graph(
            _nodes(),
            "sentence_splitter",
            [
                helper.make_tensor_value_info("units", TensorProto.INT64, ["b", "t"]),
                helper.make_tensor_value_info("features", TensorProto.FLOAT, ["b", "t", "f"]),
            ],
            [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["b", "t", 5])],
            _constants(),
        ),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        producer_name="starter",
        ir_version=_IR_VERSION,
    )
    for key, value in _metadata().items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def _nodes() -> list[Any]:
    node = helper.make_node
    scores = ("inside", "word", "stop", "nothing", "nothing_of_features")
    return [
        node("Gather", ["ends_a_sentence", "units"], ["ender"]),
        node("Gather", ["is_a_gap", "units"], ["gap"]),
        node("Slice", ["gap", "one", "beyond", "one"], ["shifted"]),  # whether the next character is a gap
        node("Pad", ["shifted", "pads", "one_f"], ["next_gap"]),
        node("Sub", ["one_f", "gap"], ["no_gap"]),
        node("Mul", ["next_gap", "no_gap"], ["word"]),
        node("Mul", ["word", "ender"], ["word_and_ender"]),
        node("Mul", ["word_and_ender", "two_f"], ["stop"]),
        node("Mul", ["word", "zero_f"], ["nothing"]),
        node("ReduceSum", ["features", "axis"], ["features_sum"], keepdims=0),  # keeps the input alive
        node("Mul", ["features_sum", "zero_f"], ["nothing_of_features"]),
        node("Add", ["nothing", "half"], ["inside"]),
        *(node("Unsqueeze", [name, "axis"], [f"{name}_column"]) for name in scores),
        node("Concat", [f"{name}_column" for name in scores], ["out"], axis=2),
    ]


def _constants() -> list[Any]:
    floats = {
        "one_f": 1,
        "two_f": 2,
        "zero_f": 0,
        "half": 0.5,
        "ends_a_sentence": _ENDS_A_SENTENCE,
        "is_a_gap": _IS_A_GAP,
    }
    integers = {"one": [1], "beyond": [_BEYOND_ANY_TEXT], "pads": [0, 0, 0, 1], "axis": [2]}
    return [
        *(numpy_helper.from_array(np.array(value, dtype=np.float32), name) for name, value in floats.items()),
        *(numpy_helper.from_array(np.array(value, dtype=np.int64), name) for name, value in integers.items()),
    ]


def _metadata() -> dict[str, str]:
    units = {
        "lang": "en",
        "idx": 0,
        "cutoff": 0,
        "lower": False,
        "_id2unit": _UNITS,
        "_unit2id": {unit: number for number, unit in enumerate(_UNITS)},
    }
    config = {"skip_newline": False, "max_seqlen": 1000, "batch_size": 1, "feat_funcs": ["space_before"]}
    return {"lang_code": "en", "config": json.dumps(config), "vocab": json.dumps(units)}
