"""Which weights are published, and which lie on this disk. Uses no network, imports no torch."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from nfnet.checkpoint import difference, read_metadata
from nfnet.download import cache_folder
from nfnet.mapped import looks_like_safetensors, open_safetensors
from nfnet.run import UserError
from nfnet.variants import MODELS, NFNetConfig, model_config

SHIPPED = Path(__file__).parent / "models"


@dataclass(frozen=True)
class Published:
    """One published file."""

    repository: str  # on the hub
    revision: str | None  # a commit of it; None: none is known, and the newest is taken
    sha256: str | None  # of the file, as its page on the hub states it; None: not known here
    parameters: int
    file: str = "model.safetensors"
    licence: str = "Apache-2.0"

    @property
    def bytes(self) -> int:
        """Size, but for a header of less than a thousandth."""
        return 4 * self.parameters


def _timm(n: int, revision: str | None, sha256: str | None, parameters: int) -> Published:
    return Published(f"timm/dm_nfnet_f{n}.dm_in1k", revision, sha256, parameters)


# DeepMind's weights as timm publishes them since 24 March 2023. Commits and checksums are those on
# the hub's own pages; where no page could be read they are left open, never guessed.
PUBLISHED: dict[str, Published] = {
    "nfnet_f0": _timm(
        0,
        "ca8e830961c2ebceffff7affff34acfe7a1da673",
        "5e6596290aa0bce6f2b8569088b6fc6c7c25487a9c99432d356fd6f3caae548d",
        71_489_284,
    ),
    "nfnet_f1": _timm(1, None, None, 132_634_256),
    "nfnet_f2": _timm(2, None, None, 193_779_228),
    "nfnet_f3": _timm(3, "ca2451bf0778ae0665a2f13d1b2a7fb878c9ff27", None, 254_924_200),
    "nfnet_f4": _timm(
        4,
        "371e2d41a5a7445d491ff7609a92db97f53a867d",
        "2a888cfb9a20e0fde412c7bd579b60d54db632450389bf059dd1cf8a83d85ff1",
        316_069_172,
    ),
    "nfnet_f5": _timm(5, "1ca6ce2ebcadbbce0bc8331eac5b518b4ee814bf", None, 377_214_144),
    "nfnet_f6": _timm(6, "162ec944c27b49c19ad908f2f7ffa268de922ad0", None, 438_359_116),
}


def weights_folder() -> Path:
    """Where downloaded weights are kept, and where a file may be put by hand."""
    return cache_folder() / "weights"


def find_weights(name: str) -> Path | None:
    """A file on this disk with weights of a model, or None; asks no network.

    Looks at NFNET_WEIGHTS (a file or a folder), the weights folder, the shipped files and the hub's
    own cache, in that order. In a folder NAME.safetensors, timm's dm_nfnet_f0*.safetensors or
    dm_nfnet_f0*/model.safetensors and the official F0_haiku.npz are known by their names, and a
    model.safetensors by its content.

    Raises:
        UserError: an unknown model, or NFNET_WEIGHTS names nothing that exists.
    """
    model_config(name)
    if given := os.environ.get("NFNET_WEIGHTS"):
        path = Path(given).expanduser()
        if not path.exists():
            raise UserError(f"NFNET_WEIGHTS names {path}, which does not exist; mend or unset it")
        if path.is_dir():
            if found := _in_folder(path, name):
                return found
        elif _is_named_after(path, name) or (not _names_any(path) and _holds(path, name)):
            return path
    shipped = SHIPPED / f"{name}.safetensors"
    return _in_folder(weights_folder(), name) or (shipped if shipped.is_file() else _cached(name))


def _patterns(name: str) -> list[str]:
    """What a model's files are called, within a folder."""
    patterns = [f"{name}.safetensors"]
    if name in PUBLISHED:
        number = name.removeprefix("nfnet_f")
        patterns += [f"dm_{name}.safetensors", f"dm_{name}.*.safetensors"]
        patterns += [f"F{number}_haiku.npz", f"dm_{name}*/model.safetensors"]
    return [*patterns, f"{name}/model.safetensors"]


def _in_folder(folder: Path, name: str) -> Path | None:
    for pattern in _patterns(name):
        if found := next((p for p in sorted(folder.glob(pattern)) if p.is_file()), None):
            return found
    unnamed = folder / "model.safetensors"
    with contextlib.suppress(UserError):  # a damaged one hides no other file
        if unnamed.is_file() and _holds(unnamed, name):
            return unnamed
    return None


def _is_named_after(path: Path, name: str) -> bool:
    return any(path.match(pattern) for pattern in _patterns(name))


def _names_any(path: Path) -> bool:
    return any(_is_named_after(path, name) for name in MODELS)


def _holds(path: Path, name: str) -> bool:
    """Whether a file of any name holds weights of this model, by what its header tells."""
    if not looks_like_safetensors(path):
        return False
    config = model_config(name)
    if info := read_metadata(path):
        return not difference(info.config, config)
    if not isinstance(config, NFNetConfig):
        return False
    with open_safetensors(path) as file:
        names = set(file.keys())
        last = "stages.{}.{}.conv3.bias"
        return all(
            last.format(stage, depth - 1) in names
            and last.format(stage, depth) not in names
            and file.get_slice(last.format(stage, depth - 1)).get_shape() == [width]
            for stage, (depth, width) in enumerate(zip(config.depths, config.widths, strict=True))
        )


def _cached(name: str) -> Path | None:
    """The file in the cache that huggingface_hub and timm share, by its documented layout."""
    published = PUBLISHED.get(name)
    if published is None:
        return None
    home = os.environ.get("HF_HOME") or _user_cache() / "huggingface"
    folder = Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()
    folder /= "models--" + published.repository.replace("/", "--")
    try:
        newest = (folder / "refs" / "main").read_text().strip()
    except OSError:
        newest = ""
    for revision in filter(None, (published.revision, newest)):
        path = folder / "snapshots" / revision / published.file
        if path.is_file():
            return path
    return None


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
