"""One's own pictures: the right set, or one sentence, at a bounded cost; then trained on."""

import io
import json
import os
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nfnet import own, shelf
from nfnet.data import load_dataset
from nfnet.events import Diverged, Finished, Loading
from nfnet.own import OwnSet
from nfnet.run import RunConfig, UserError
from nfnet.training import train
from nfnet.unzip import MAX_BYTES, members, shown, unpack
from tests.nfnet import zip_files as zips
from tests.nfnet.zip_files import Part, join, parts, picture

ROOT = Path(__file__).parents[2]
MEGABYTES, SECONDS = 200, 5.0  # of its own that one zip may cost
COSTLY = [
    *("too large", "ends without end", "60,000 empty members", "9,000 empty pictures"),
    *("80 MB in all", "the same bytes 16 times", "the same bytes 9999 times", "a member of 9 MB"),
]

# reads one zip in a process of bounded memory, where every warning is an error
CHILD = """
import json, pathlib, re, resource, sys, time, warnings
warnings.simplefilter("error")
from nfnet.own import read_zip
from nfnet.run import UserError
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
data = pathlib.Path(sys.argv[1]).read_bytes()
def peak():  # MB; ru_maxrss would begin with the parent's
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\\s*(\\d+)", status)[1]) / 1024
before, began = peak(), time.process_time()
try:
    outcome = len(list(read_zip(data)))
except UserError as error:
    outcome = str(error)
print(json.dumps([outcome, time.process_time() - began, peak() - before]))
"""


def finish(generator):
    """All events, and what the generator returns."""
    events = []
    while True:
        try:
            events.append(next(generator))
        except StopIteration as end:
            return events, end.value


def read(data: bytes) -> OwnSet:
    return finish(own.read_zip(data))[1]


@pytest.fixture(autouse=True)
def place(monkeypatch, tmp_path) -> Path:
    """An empty shelf, and no folder of the server."""
    folder = tmp_path / "sets"
    folder.mkdir()
    monkeypatch.setenv("NFNET_SETS", str(folder))
    monkeypatch.delenv("NFNET_PICTURES", raising=False)
    return folder


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder of two classes on disk, with things lying about that are no pictures."""
    for part in parts():
        path = tmp_path / "pictures" / part.name.decode()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(part.data)
    (tmp_path / "pictures" / "cats" / "notes.txt").write_text("good ones")
    (tmp_path / "pictures" / "cats" / "damaged.png").write_bytes(b"x")
    (tmp_path / "pictures" / "cats" / ".DS_Store").write_bytes(b"x")
    (tmp_path / "pictures" / "a list.txt").write_text("cats, dogs")
    return tmp_path / "pictures"


@pytest.mark.parametrize("name", zips.good())
def test_good_zips_become_sets(name: str) -> None:
    found = read(zips.good()[name])
    assert (found.classes, found.counts, found.skipped) == (("cats", "dogs"), [12, 12], 0)
    assert (found.images.shape, found.images.dtype) == ((24, 32, 32, 3), np.uint8)
    assert found.labels.tolist() == [0] * 12 + [1] * 12


@pytest.mark.parametrize("name", zips.refused())
def test_other_zips_get_a_sentence(name: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    data, words = zips.refused()[name]
    with pytest.raises(UserError) as refusal:
        read(data)
    assert words in str(refusal.value) and str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 250
    assert sorted(tmp_path.rglob("*")) == before  # nothing is ever written


@pytest.mark.parametrize("name", COSTLY)
def test_a_refusal_costs_little(name: str, tmp_path: Path) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("the peak memory of a process is read from Linux's /proc")
    (tmp_path / "zip").write_bytes(zips.refused()[name][0])
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path / "zip")],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0 and done.stderr == "", done.stderr
    outcome, seconds, megabytes = json.loads(done.stdout)
    assert isinstance(outcome, str) and seconds < SECONDS and megabytes < MEGABYTES


@settings(max_examples=200)
@given(data=st.data())
def test_a_changed_zip_gives_pictures_or_a_sentence(data: st.DataObject) -> None:
    whole = bytearray(data.draw(st.sampled_from([_small(), _small(stored=True)])))
    for _ in range(data.draw(st.integers(1, 4))):
        # most of what matters is in the table and the end, behind the pictures
        place = data.draw(st.one_of(st.integers(0, len(whole) - 1), st.integers(-1500, -1)))
        value = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]) | st.integers(0, 255))
        match data.draw(st.sampled_from(["change", "insert", "delete", "double", "cut"])):
            case "change":
                whole[place] = value
            case "insert":
                whole.insert(place, value)
            case "delete":
                del whole[place]
            case "double":
                whole[place:place] = whole[place : place + 46]
            case "cut":
                del whole[place : place + 46]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found = read(bytes(whole))
        except UserError as error:
            assert str(error).isprintable() and len(str(error)) < 250
        else:
            assert found.images.shape[1:] == (32, 32, 3) and min(found.counts) >= 10


@settings(max_examples=200)
@given(data=st.binary(max_size=300))
def test_noise_gives_a_sentence(data: bytes) -> None:
    for whole in (data, b"PK\3\4" + data, b"PK\5\6" + data, data + join([])):
        with pytest.raises(UserError):
            read(whole)


@settings(max_examples=200)
@given(
    name=st.binary(max_size=60) | st.text(max_size=30).map(lambda s: s.encode("utf-8", "replace"))
)
def test_any_name_is_harmless(name: bytes) -> None:
    try:
        (member,) = members(join([Part(name + b"/x.png", b"x")]))
    except UserError as error:
        assert str(error).isprintable()
        return
    assert not {"..", "", "."} & set(member.path) and "\0" not in "".join(member.path)
    assert shown(member.path[0]).isprintable() and len(shown(member.path[0])) <= 40


def _small(stored: bool = False) -> bytes:
    several = parts(count=10)
    return join([replace(part, method=0) for part in several] if stored else several)


def test_members_are_the_files_byte_for_byte() -> None:
    data = join([*parts(), Part(b"empty.txt"), Part(b"quoted \"'`$(x).txt", b"q", method=0)])
    found = members(data)
    assert [unpack(data, m) for m in found[:24]] == [part.data for part in parts()]
    assert [m.path for m in found[24:]] == [("empty.txt",), ("quoted \"'`$(x).txt",)]
    assert [unpack(data, m) for m in found[24:]] == [b"", b"q"]


def test_what_is_no_picture_is_left_out_and_counted() -> None:
    more = [
        *(Part(b"cats/notes.txt", b"x"), Part(b"readme.md", b"x"), Part(b"cats/film.gif", b"GIF8")),
        *(Part(b"cats/broken.jpg", b"x"), Part(b"dogs/huge.png", _huge())),
        *(Part(b"loose.png", picture(1)), Part(b"cats/old/x.png", picture(2))),
        Part(b"__MACOSX/cats/._x.png", b"x"),  # not counted: nobody put it there
    ]
    found = read(join(parts() + more))
    assert (found.counts, found.skipped) == ([12, 12], 7)


def _huge() -> bytes:
    file = io.BytesIO()
    Image.new("1", (12_001, 10)).save(file, "PNG")
    return file.getvalue()


def test_names_of_classes_are_for_people() -> None:
    names = [
        "Café".encode(),
        "Cafe\u0301s".encode(),
        "Küche".encode("cp437"),
        b"a  b\tc",
        b"x" * 99,
    ]
    several = [replace(p, name=name + p.name[1:]) for name in names for p in parts(["-"], 10)]
    found = read(join(several))
    assert found.classes == ("a b c", "Café", "Cafés", "Küche", "x" * 40)
    assert found.counts == [10] * 5
    twins = [*parts(["x" * 50 + "a"], 10), *parts(["x" * 50 + "b"], 10), *parts(["-"], 10)]
    assert read(join(twins)).classes == ("-", "x" * 40, "x" * 35 + " (2)")


def test_a_picture_is_its_middle_at_32_pixels() -> None:
    wide = np.zeros((64, 192, 3), np.uint8)
    wide[:, 64:128] = (200, 100, 50)
    file = io.BytesIO()
    Image.fromarray(wide).save(file, "PNG")
    found = read(join([replace(part, data=file.getvalue()) for part in parts()]))
    assert (found.images == (200, 100, 50)).all()


def test_every_fifth_of_a_class_is_kept_for_the_test() -> None:
    found = read(join(parts(["a", "b"], 14)[:-3]))
    assert found.counts == [14, 11]
    train, test = found.split()
    assert test.tolist() == [4, 9, 18, 23]
    assert sorted([*train, *test]) == list(range(25))
    assert train.tolist() == found.split()[0].tolist() != sorted(train)


def test_reading_takes_no_longer_than_it_may(monkeypatch) -> None:
    monkeypatch.setattr(own, "MAX_SECONDS", 0.0)
    with pytest.raises(UserError, match="too long to read"):
        read(join(parts()))


def test_events_say_how_far_it_is() -> None:
    events, _ = finish(own.read_zip(join(parts())))
    assert all(isinstance(event, Loading) for event in events)
    assert events[0].done == 0 and events[-1].done == events[-1].total
    assert [event.done for event in events] == sorted(event.done for event in events)


def test_a_folder_is_read_like_a_zip(folder: Path) -> None:
    found, zipped = finish(own.read_folder(folder))[1], read(join(parts()))
    assert (found.classes, found.counts, found.skipped) == (("cats", "dogs"), [12, 12], 2)
    assert np.array_equal(found.images, zipped.images)
    for wrong, words in ((folder / "nowhere", "cannot be read"), (folder / "cats", "a class's")):
        with pytest.raises(UserError, match=words):
            finish(own.read_folder(wrong))


# The shelf


def item(data: bytes, digest: str = "") -> dict:
    return list(shelf.items(data, digest))[-1]


def test_a_zip_is_kept_and_found_again(place: Path) -> None:
    data = join([*parts(), Part(b"x.txt", b"x")])
    told = item(data)
    digest = shelf.digest(data)
    assert told == {
        "dataset": f"own:{digest}",
        "classes": ["cats", "dogs"],
        "counts": [12, 12],
        "skipped": 1,
    }
    assert [path.name for path in place.iterdir()] == [f"{digest}.npz"]
    assert item(b"", digest) == told
    events, found = finish(shelf.find(told["dataset"]))
    assert events == [] and np.array_equal(found.images, read(data).images)
    with pytest.raises(UserError, match="upload the zip again"):
        item(b"", "0" * 16)


def test_a_refused_zip_leaves_nothing(place: Path) -> None:
    with pytest.raises(UserError):
        item(b"no zip")
    assert list(place.iterdir()) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: b"PK\3\4" + bytes(100),
        lambda data: _saved(labels=np.zeros(24, np.int64)),
        lambda data: _saved(labels=np.array(["a"] * 24)),
        lambda data: _saved(labels=np.array([0] * 20 + [1] * 4)),
        lambda data: _saved(images=np.zeros((24, 32, 32, 3), np.float32)),
        lambda data: _saved(images=np.zeros((23, 32, 32, 3), np.uint8)),
        lambda data: _saved(images=np.zeros((24, 64, 64, 3), np.uint8)),
        lambda data: _saved(classes=np.array(["cats"])),
        lambda data: _saved(classes=np.array([{"a": 1}, None], dtype=object)),
        lambda data: _saved(skipped=np.array("many")),
    ],
)
def test_a_damaged_file_counts_as_gone_and_is_mended_by_another_upload(place, damage) -> None:
    data = join(parts())
    path = place / f"{shelf.digest(data)}.npz"
    item(data)
    path.write_bytes(damage(path.read_bytes()))
    shelf._load.cache_clear()
    with pytest.raises(UserError, match="upload the zip again"):
        item(b"", shelf.digest(data))
    assert item(data) == item(b"", shelf.digest(data))


def _saved(**changes: np.ndarray) -> bytes:
    whole = {
        "classes": np.array(["cats", "dogs"]),
        "images": np.zeros((24, 32, 32, 3), np.uint8),
        "labels": np.array([0] * 12 + [1] * 12),
        "skipped": np.array(0),
    }
    file = io.BytesIO()
    np.savez(file, **(whole | changes))
    return file.getvalue()


def test_the_oldest_sets_go(place: Path, monkeypatch) -> None:
    monkeypatch.setattr(shelf, "MOST", 2)
    zipped = [join(parts(["cats", name], 10)) for name in ("a", "b", "c")]
    for i, data in enumerate(zipped[:2]):
        item(data)
        os.utime(place / f"{shelf.digest(data)}.npz", (i, i))
    item(b"", shelf.digest(zipped[0]))  # used: now the other one is the oldest
    item(zipped[2])
    left = {path.stem for path in place.iterdir()}
    assert left == {shelf.digest(zipped[0]), shelf.digest(zipped[2])}


def test_the_server_s_folder_is_read_anew_only_when_it_has_changed(folder, monkeypatch) -> None:
    with pytest.raises(UserError, match="name one with --pictures"):
        item(b"")
    monkeypatch.setenv("NFNET_PICTURES", str(folder))
    assert item(b"")["dataset"] == "folder" and item(b"")["counts"] == [12, 12]
    events, _ = finish(shelf.find("folder"))
    assert events == []
    (folder / "dogs" / "new.png").write_bytes(picture(500))
    assert item(b"")["counts"] == [12, 13]


def test_without_a_shelf_a_folder_still_can_be_read(folder, monkeypatch) -> None:
    monkeypatch.delenv("NFNET_SETS")
    monkeypatch.setenv("NFNET_PICTURES", str(folder))
    assert item(b"")["counts"] == [12, 12]
    with pytest.raises(UserError, match="NFNET_SETS"):
        item(join(parts()))


# Training


@pytest.mark.parametrize(
    "name",
    [
        *("own:", "own:0123456789abcde", "own:0123456789abcdef0", "own:0123456789ABCDEF"),
        *("own:0123456789abcdef\n", "own:../../etc/passwd", "folder/..", "own", "", None, 3, []),
    ],
)
def test_a_run_names_a_set_or_is_refused(name) -> None:
    with pytest.raises(UserError, match="dataset must be one of"):
        RunConfig(dataset=name)


@pytest.mark.parametrize("side", [16, 32])
def test_a_run_s_data_is_the_set_standardized_by_its_own_figures(side: int) -> None:
    data = join(parts(count=15))
    name = item(data)["dataset"]
    dataset = finish(load_dataset(RunConfig(dataset=name, resolution=side), "cpu"))[1]
    assert dataset.classes == ("cats", "dogs")
    assert dataset.train_images.shape == (24, 3, side, side) and len(dataset.test_labels) == 6
    if side == 32:
        assert dataset.train_images.mean((0, 2, 3)).abs().max() < 1e-5
        assert (dataset.train_images.std((0, 2, 3)) - 1).abs().max() < 1e-3
    found = read(data)
    train, _ = found.split()
    pixels = torch.tensor(found.images[train] / 255.0).permute(0, 3, 1, 2)
    mean, std = pixels.mean((0, 2, 3)), pixels.std((0, 2, 3), correction=0)
    expected = (pixels - mean[:, None, None]) / std[:, None, None]
    if side == 16:
        expected = torch.nn.functional.avg_pool2d(expected, 2)
    assert torch.allclose(dataset.train_images.double(), expected, atol=1e-4)
    assert dataset.train_labels.tolist() == found.labels[train].tolist()


def test_guessing_follows_the_classes_shares() -> None:
    even = item(join(parts(["a", "b", "c", "d"], 10)))["dataset"]
    assert _guessing(even) == pytest.approx(np.log(4))
    several = [*parts(["a"], 30), *parts(["b"], 10)]
    share = np.array([0.75, 0.25])
    uneven = _guessing(item(join(several))["dataset"])
    assert uneven == pytest.approx(-(share * np.log(share)).sum())


def _guessing(name: str) -> float:
    return finish(load_dataset(RunConfig(dataset=name), "cpu"))[1].guessing


def test_a_net_learns_one_s_own_pictures_or_says_what_is_wrong() -> None:
    several = [replace(p, data=_tinted(i)) for i, p in enumerate(parts(count=20))]
    name = item(join(several))["dataset"]
    quick = RunConfig(
        dataset=name, batch_size=16, steps=12, lr=0.1, widths=(16,), depths=(1,), clipping=0.1
    )
    *_, last = train(quick)
    assert isinstance(last, Finished) and last.accuracy == 1.0
    *_, last = train(quick.replace(lr=0.0, steps=5))
    assert isinstance(last, Diverged | Finished)
    for wrong, words in (
        (quick.replace(batch_size=64), "a batch of 64 is larger than the training set of 32"),
        (quick.replace(train_images=33), "there are 32 training pictures"),
        (quick.replace(dataset="own:" + "0" * 16), "upload the zip again"),
    ):
        with pytest.raises(UserError, match=words):
            list(train(wrong))


def _tinted(i: int) -> bytes:
    """Red for the first class, blue for the second, noisy."""
    pixels = np.random.default_rng(i).integers(0, 60, (20, 20, 3), dtype=np.uint8)
    pixels[..., 0 if i < 20 else 2] += 150
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_the_sizes_agree() -> None:
    from nfnet import photo

    assert photo.MAX_BYTES == MAX_BYTES
