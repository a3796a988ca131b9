"""The exported file: what is in it, and what the command says. How it looks: tests/browser."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest

from app.__main__ import main
from app.charts import Line, loss_curves
from app.deck.katex import katex
from app.deck.load import ROOT, load_deck
from app.deck.markdown import formulas, to_html
from app.demos import DEMOS
from app.still_chart import still_chart
from nfnet.run import UserError

SLIDES = {
    "01-opening.md": '+++\nid = "opening"\ntitle = "Opening <b>&"\nlayout = "title"\n+++\nHello.\n'
    "::: notes\nSmile at <them>.\n:::\n",
    "02-all.md": '+++\nid = "all"\ntitle = "All $x$"\nsection = "A & B"\nlayout = "two-col"\n'
    'alt = "a dot"\n+++\n'
    "::: col\n![a dot](assets/dot.svg)\n::: step\nLast.\n:::\n:::\n"
    "::: col\n::: code file=nfnet/formulas.py symbol=clip_factor highlight=1\n:::\n:::\n"
    "::: cite\nA source.\n:::\n",
    "03-ask.md": '+++\nid = "ask"\ntitle = "Ask"\nlayout = "demo"\nalt = "Curves </script>"\n+++\n'
    '::: poll id="p" options=["yes", "no"]\nWill it?\n:::\n'
    "::: demo race preset=four\nA caption.\n:::\n",
}
DOT = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 4"><circle r="2"/></svg>'


@pytest.fixture
def slides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "slides"
    (folder / "assets").mkdir(parents=True)
    (folder / "assets" / "dot.svg").write_text(DOT)
    for name, text in SLIDES.items():
        (folder / name).write_text(text, encoding="utf-8")
    monkeypatch.setenv("NFNET_SLIDES", str(folder))
    return folder


def test_everything_a_slide_holds_is_in_the_file(
    slides: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "deck.html"
    assert main(["export", str(file)]) == 0
    assert capsys.readouterr().out.startswith(f"3 slides are in {file} (")
    text = file.read_text(encoding="utf-8")
    assert re.findall(r'<section id="([^"]+)">', text) == ["opening", "all", "ask"]
    assert "<h1>Opening &lt;b&gt;&amp;</h1>" in text and "Opening <b>" not in text
    assert '<h2>All <span class="math">x</span></h2>' in text
    for part in ("<p>Last.</p>", "A source.", "<li>yes</li>", "A caption.", 'class="line marked"'):
        assert part in text
    assert '<img src="data:image/svg+xml;base64,' in text and 'alt="a dot"' in text
    assert "Smile at" not in text
    (figure,) = re.findall(r'<script type="application/json">(.*?)</script>', text, re.DOTALL)
    names = [trace["name"] for trace in json.loads(figure)["data"] if trace["mode"] == "lines"]
    assert names == ["BN", "no norm", "NF", "NF + AGC"]
    assert re.search(r'role="img" aria-label="Training loss against the step', text)


def test_notes_are_in_it_only_if_asked_for(slides: Path, tmp_path: Path) -> None:
    assert main(["export", str(tmp_path / "n.html"), "--notes"]) == 0
    text = (tmp_path / "n.html").read_text(encoding="utf-8")
    assert "Smile at &lt;them&gt;." in text


def test_a_demo_without_records_is_told_in_words(
    slides: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.demos.recorded.FOLDER", tmp_path)
    assert main(["export", str(tmp_path / "deck.html")]) == 0
    text = (tmp_path / "deck.html").read_text(encoding="utf-8")
    assert "Curves &lt;/script&gt;" in text
    assert "A live experiment of the lecture: Race the recipes." in text
    assert len(text) < 2e6, "no figure, and still Plotly is in the file"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["export"], "The following arguments are required: file"),
        (["export", "nowhere/deck.html"], "nowhere/deck.html cannot be written: No such file"),
        (["export", "a.html", "--colour"], "Unrecognized arguments: --colour"),
    ],
)
def test_what_a_person_can_mend_is_said_in_a_line(
    arguments: list[str],
    message: str,
    slides: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert told.startswith(message) and told.count("\n") == 1


def test_a_mistake_in_a_slide_or_no_slides(
    slides: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (slides / "03-ask.md").write_text("no front matter")
    assert main(["export", str(tmp_path / "deck.html")]) == 2
    assert capsys.readouterr().err.startswith("slides/03-ask.md:1: the first line must be")
    for file in slides.glob("*.md"):
        file.unlink()
    assert main(["export", str(tmp_path / "deck.html")]) == 2
    assert capsys.readouterr().err.startswith("There are no slides in ")


# mathematics


@pytest.mark.parametrize(
    ("markdown", "made"),
    [
        ("**a** _b_ `c`", "<p><strong>a</strong> <em>b</em> <code>c</code></p>\n"),
        ("<script>x</script>", "<p>&lt;script&gt;x&lt;/script&gt;</p>\n"),
        ("$a_1 < b_2$", '<p><span class="math">a_1 &lt; b_2</span></p>\n'),
        ("x\n\n$$\n= a \\\\\n- b\n$$\n", '<p>x</p>\n<p><span class="math display">= a \\\\\n- b'),
        ("$$a$$ in line", '<p><span class="math">a</span> in line</p>\n'),
        ("`$a$` costs \\$3 or \\$4", "<p><code>$a$</code> costs $3 or $4</p>\n"),
        (":blue[**BN**] :material/bolt: fast", '<p><span class="blue"><strong>BN</strong></span> '),
        (":red-background[old]", "<p>old</p>\n"),
        ("| a | b |\n|---|---|\n| $x$ | 2 |", "<table>"),
        ("[bad](javascript:alert)", "<p>[bad](javascript:alert)</p>\n"),
    ],
)
def test_markdown_as_html(markdown: str, made: str) -> None:
    assert to_html(markdown).startswith(made)


def test_formulas_are_found_in_their_order() -> None:
    text = "$a$ and `$b$` and\n\n$$\nc\n$$\n\n```\n$d$\n```\n$$e$$"
    assert formulas(text) == [("a", False), ("c", True), ("e", False)]


def test_katex_s_own_files_are_whole() -> None:
    made = katex()
    fonts = re.findall(r"url\(([^)]{1,40})", made.css)
    assert len(fonts) >= 15 and all(font.startswith("data:font/woff2") for font in fonts)
    assert "globalThis.katex = " in made.js and "export{" not in made.js
    assert "</script" not in made.js and "</style" not in made.css


def test_without_katex_s_files_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="KaTeX was not found among Streamlit's files"):
        katex(tmp_path)


# figures


def test_curves_keep_their_numbers_colours_and_names() -> None:
    lines = [
        Line("BN", "batch", [1, 2, 3], [2.0, 1.5, 1.0]),
        Line("NF", "nf", [1, 2], [2.3, 5000.0], fate="no longer a number at step 3"),
    ]
    chart = loss_curves(lines, 10, size=20)
    figure = still_chart(chart.option, 300)
    first, second = figure["data"]
    assert (first["x"], first["y"]) == ([1, 2, 3], [2.0, 1.5, 1.0])
    assert second["y"] == [2.3, 5000.0] and second["line"]["color"] == "#D55E00"
    assert first["line"]["dash"] == "8px,4px"
    layout = figure["layout"]
    assert layout["height"] == 300
    assert layout["yaxis"]["type"] == "log" and layout["yaxis"]["range"] == [-2.0, 4.0]
    told = {note["text"].split("</span> ")[-1]: note for note in layout["annotations"]}
    assert set(told) == {"BN", "NF", "guessing", "training loss, logarithmic scale"}
    assert told["NF"]["y"] == pytest.approx(3.69897)  # its logarithm, as Plotly wants it
    assert layout["shapes"][0]["y0"] == pytest.approx(2.302585)


def test_every_demo_on_a_slide_has_a_figure_that_plotly_takes() -> None:
    import plotly.graph_objects as go

    from app.deck.model import DemoCall

    folder = ROOT / "slides"
    for slide in load_deck(folder, DEMOS).slides:
        for block in slide.walk():
            if isinstance(block, DemoCall):
                demo = DEMOS[block.id]
                for still in demo.still(demo.read(block.params)):
                    figure = go.Figure(still.figure)  # refuses what it does not know
                    assert len(figure.data) and figure.layout.height <= 520, slide.id
                    assert len(still.alt.split()) >= 5
                    assert html.unescape(still.alt) == still.alt
