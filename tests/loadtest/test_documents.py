"""The parts of docs/ and the README that are made from results match the code."""

import json

import pytest

from loadtest.documents import SCHEMA_FILE, figures_table, schema_document, with_figures
from tests.conftest import ROOT
from tests.loadtest.results import bench, load


def test_the_schema_is_up_to_date() -> None:
    assert (ROOT / SCHEMA_FILE).read_text() == schema_document(), "run make docs"
    described = json.loads(schema_document())
    assert described["properties"]["schema_version"]["default"] == 1
    assert described["$defs"]["BatchRow"]["properties"]["rounds"]["type"] == "array"


def test_figures_stand_between_their_markers() -> None:
    text = "before\n<!-- benchmarks -->\nold\n<!-- /benchmarks -->\nafter\n"
    made = with_figures(text, [bench(), load()])
    assert with_figures(made, [bench(), load()]) == made
    assert "old" not in made
    row = bench().batches[0]
    assert f"| onnx_fp32 | batch 1 | {row.throughput:.1f} windows |" in made
    assert "| gateway onnx_int8, closed | 1 user | 20.0 answers |" in figures_table([load()])
    with pytest.raises(ValueError, match="no <!-- benchmarks -->"):
        with_figures("no markers", [])
