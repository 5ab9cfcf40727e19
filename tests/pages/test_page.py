"""A page that is made by hand: what is on it, and that texts stay texts."""

from matplotlib.figure import Figure

from pages.drawing import COLOURS, LIGHT, Plot, png, row_axes, svg, write_legend, write_number
from pages.page import Doubt, Facts, Page, Tile, html
from pages.table import Cell, Table
from tests.pages.reader import Reader

HOSTILE = "<script>alert(\"1\")</script> & $x$ '{{ 1 }}'"


def plot(title: str = "Rows") -> Plot:
    figure, axes = row_axes({0: "one", 2: "three"})
    axes.barh([0, 2], [1, 3], label="figures")
    write_number(axes, 2, "3.0")
    write_legend(figure)
    return Plot("rows", title, "A caption.", figure)


def test_what_is_empty_is_left_out() -> None:
    made = html(Page(subject="Test", heading="Nothing", lead="Empty.", facts={}))
    assert "<title>Nothing: Test</title>" in made
    body = made[made.index("</style>") :]
    for tag in ("section", "table", "figure", "details", "dl"):
        assert f"<{tag}" not in body


def test_every_text_is_escaped() -> None:
    table = Table(HOSTILE, HOSTILE, ({HOSTILE: Cell(HOSTILE, HOSTILE, HOSTILE)},))
    facts = Facts({HOSTILE: HOSTILE, "list": (HOSTILE,)}, title=HOSTILE, note=HOSTILE)
    page = Page(
        subject=HOSTILE,
        heading=HOSTILE,
        lead=HOSTILE,
        doubts=(Doubt(HOSTILE, HOSTILE),),
        tiles=(Tile(HOSTILE, HOSTILE, HOSTILE),),
        plots=(Plot("plot", HOSTILE, HOSTILE, Figure()),),
        tables=(table,),
        facts={HOSTILE: (facts,)},
    )
    read = Reader(html(page))
    assert read.tags["script"] == 0
    found = (*read.texts, *(value for _, value in read.attributes))
    assert sum(text.count(HOSTILE) for text in found) == 26


def test_what_stands_in_backticks_is_code() -> None:
    facts = Facts({"digest": "model.onnx `<12>`", "odd": "a ` alone"})
    made = html(Page(subject="", heading="", lead="", facts={"Files": (facts,)}))
    assert "<dd>model.onnx <code>&lt;12&gt;</code></dd>" in made
    assert "<dd>a ` alone</dd>" in made


def test_facts_without_a_value_are_left_out_and_others_fold() -> None:
    parts = (
        Facts({"none": "", "no files": ()}),
        Facts({}, title="a"),
        Facts({}, "b", folded=False),
    )
    made = html(Page(subject="", heading="", lead="", facts={"Facts": parts}))
    assert "<dt>" not in made
    assert made.index("<details>\n<summary>a") < made.index("<details open>\n<summary>b")


def test_a_column_of_which_no_row_has_anything_is_left_out() -> None:
    rows = (
        {"name": Cell("a"), "ms": Cell(""), "note": Cell("", "a note")},
        {"name": Cell("b"), "ms": Cell(""), "note": Cell("")},
    )
    table = Table("Table", "A legend.", rows, classes={"note": "words"})
    assert table.heads == ("name", "note")
    made = html(Page(subject="", heading="", lead="", tables=(table,), facts={}))
    assert made.count("<td ") == 4
    assert '<td data-head="note" class="words"><span class="note">a note</span></td>' in made
    assert '<td data-head="note" class="words"></td>' in made


def test_a_plot_is_in_the_colours_of_the_page() -> None:
    drawn = svg(plot('"Rows"'))
    assert drawn.startswith('<svg role="img" aria-label="&quot;Rows&quot;"')
    assert not [light for light in LIGHT.values() if light in drawn]
    assert {"one", "three", "figures", "3.0"} <= set(Reader(drawn).texts)
    assert len(set(LIGHT.values())) == len(COLOURS)  # each is replaced by its own variable


def test_a_plot_is_the_same_in_every_run() -> None:
    assert svg(plot()) == svg(plot())
    assert png(plot().figure) == png(plot().figure)
