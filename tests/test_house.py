"""The house rules that can be checked: which way imports point, and what importing costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import nfnet

ROOT = Path(__file__).parents[1]
FILES = sorted([*ROOT.glob("nfnet/**/*.py"), *ROOT.glob("app/**/*.py")])
# what the app process may import
LIGHT = {
    *(
        "nfnet.run",
        "nfnet.events",
        "nfnet.controls",
        "nfnet.presets",
        "nfnet.variants",
        "nfnet.formulas",
        "nfnet.meanfield",
        "nfnet.photo",
    ),
    *("nfnet.counts", "nfnet.layers", "nfnet.peers", "nfnet.drawings", "nfnet.strangers"),
}
# nfnet's modules from leaves to composites: each may import only from those before it
ORDER = """
formulas meanfield relay run events controls presets variants plan layers peers counts mapped
checkpoint photo drawings strangers images unzip own shelf classes folder calibration pickles
timm_names haiku devices activations conv stopwatch agc augment rand_augment ema model resnet build
procedural download published hub cifar10 data propagation costs weights packed evidence predict
mates training gradients forks turns __main__ __init__
""".split()


def imports(path: Path, top_level_only: bool = False) -> set[str]:
    """Modules a file imports; those inside functions too, unless told otherwise."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.iter_child_nodes(tree) if top_level_only else ast.walk(tree)
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_arrows(path: Path) -> None:
    modules = imports(path)
    if path.is_relative_to(ROOT / "nfnet"):
        banned = {m for m in modules if m.split(".")[0] in ("app", "streamlit", "plotly", "pandas")}
        assert not banned
        place = ORDER.index(path.stem)
        ours = {m.split(".")[1] for m in modules if m.startswith("nfnet.") and m.count(".") == 1}
        assert {m for m in ours if m in ORDER and ORDER.index(m) >= place} == set()
    elif path.name not in ("worker.py", "tasks.py"):  # these run in workers
        loaded = {m for m in modules if m.startswith("nfnet.")}
        assert {m for m in loaded if not any(m.startswith(light) for light in LIGHT)} == set()
        assert "torch" not in {m.split(".")[0] for m in modules}
    if path.is_relative_to(ROOT / "app" / "compute"):
        assert not {m for m in modules if m.split(".")[0] in ("streamlit", "plotly")}
    if path.is_relative_to(ROOT / "app" / "demos"):
        assert not {m for m in modules if m.startswith("app.views")}


def test_every_module_of_the_library_has_its_place() -> None:
    assert {path.stem for path in ROOT.glob("nfnet/*.py")} == set(ORDER)


def test_public_names_can_be_read_twice() -> None:
    for _ in range(2):
        for name in nfnet.__all__:
            value = getattr(nfnet, name)
            assert callable(value), f"{name} is a module or a constant: {value!r}"
    with pytest.raises(AttributeError, match="no attribute 'norm'"):
        nfnet.norm  # noqa: B018
    submodules = {path.stem for path in ROOT.glob("nfnet/*.py")}
    assert not submodules & set(nfnet.__all__)


def test_importing_the_library_loads_no_torch() -> None:
    code = "import nfnet, sys; nfnet.list_models(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
