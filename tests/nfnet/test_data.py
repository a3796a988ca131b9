"""The data sets: what they hold, where CIFAR-10 comes from, and every way in which it can fail."""

from __future__ import annotations

import hashlib
import http.server
import io
import os
import pickle
import socket
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from nfnet import cifar10, data, procedural
from nfnet.cifar10 import BATCHES, FOLDER
from nfnet.data import Batches, augment, load_dataset
from nfnet.download import RemoteFile, download
from nfnet.events import Loading
from nfnet.procedural import SHAPES, shapes
from nfnet.run import RunConfig, UserError

CIFAR = RunConfig(dataset="cifar10", resolution=16)


def finish(generator):
    """The events of a generator and what it returns."""
    events = []
    while True:
        try:
            events.append(next(generator))
        except StopIteration as stop:
            return events, stop.value


# ---- the procedural set


def test_shapes_are_standardized_and_reproducible():
    images, labels = shapes(3000, seed=1)
    assert images.shape == (3000, 3, 16, 16) and images.dtype == torch.float32
    assert labels.dtype == torch.int64 and set(labels.tolist()) == set(range(10))
    assert abs(images.mean()) < 0.1 and abs(images.std() - 1) < 0.15
    assert torch.equal(images, shapes(3000, seed=1)[0])
    assert not torch.equal(images, shapes(3000, seed=2)[0])


@pytest.mark.parametrize(
    ("figure", "inside", "outside"),
    [
        ("disc", [(0, 0), (0.9, 0)], [(0.8, 0.8)]),
        ("square", [(0, 0), (0.8, 0.8)], [(0.9, 0)]),
        ("triangle", [(0, 0), (0, -0.5)], [(0.5, 0.5), (0, -0.7)]),
        ("ring", [(0.75, 0)], [(0, 0), (0.9, 0.9)]),
        ("plus", [(0, 0.9), (0.9, 0)], [(0.5, 0.5)]),
        ("frame", [(0.68, 0.3)], [(0, 0), (0.95, 0)]),
        ("flower", [(0.9, 0), (0, 0)], [(-0.9, 0)]),
        ("two bars", [(0, 0.5), (0, -0.5)], [(0, 0), (0, 0.9)]),
        ("crescent", [(-0.5, 0)], [(0.5, 0), (1, 1)]),
        ("two dots", [(0.5, 0.4), (-0.5, -0.4)], [(0, 0), (0.5, -0.4)]),
    ],
)
def test_a_distance_is_negative_inside(figure, inside, outside):
    for points, sign in ((inside, -1), (outside, 1)):
        for x, y in points:
            distance = SHAPES[figure](torch.tensor(float(x)), torch.tensor(float(y)))
            assert distance * sign > 0, (figure, x, y)


def test_the_classes_can_be_told_apart_without_noise():
    """A nearest mean of the noiseless, centred figures is far above chance: they are no noise."""
    images, labels = shapes(2000, seed=3, noise=0.0)
    brightness = images.mean(1).flatten(1)
    brightness = brightness - brightness.mean(1, keepdim=True)
    means = torch.stack([brightness[:1000][labels[:1000] == k].mean(0) for k in range(10)])
    guess = torch.cdist(brightness[1000:], means).argmin(1)
    assert (guess == labels[1000:]).float().mean() > 0.2


def test_shapes_are_bounded():
    with pytest.raises(UserError, match="fit in memory"):
        shapes(10**7)
    with pytest.raises(UserError, match="at most 64 "):
        finish(load_dataset(RunConfig(resolution=1024), "cpu"))
    assert procedural.MAX_PIXELS * 3 * 4 < 10**9


def test_the_shapes_preset():
    events, dataset = finish(load_dataset(RunConfig(), "cpu"))
    assert events == []
    assert dataset.train_images.shape == (6000, 3, 16, 16)
    assert dataset.test_images.shape == (1000, 3, 16, 16)
    assert torch.equal(dataset.train_labels, shapes(6000, seed=1)[1])
    assert torch.equal(dataset.test_images, shapes(1000, seed=2)[0])
    again = finish(load_dataset(RunConfig(seed=7), "cpu"))[1]
    assert again is dataset
    few = finish(load_dataset(RunConfig(train_images=50, resolution=8), "cpu"))[1]
    assert few.train_images.shape == (50, 3, 8, 8) and len(few.test_labels) == 1000


# ---- batches and augmentation


def test_batches_go_through_the_set_epoch_by_epoch():
    stream = Batches(10, 3, torch.Generator().manual_seed(0), "cpu")
    epochs = [torch.cat([next(stream) for _ in range(3)]) for _ in range(3)]
    for epoch in epochs:
        assert len(set(epoch.tolist())) == 9 and 0 <= epoch.min() and epoch.max() < 10
    assert not torch.equal(epochs[0], epochs[1])
    assert sorted(next(Batches(4, 4, torch.Generator(), "cpu")).tolist()) == [0, 1, 2, 3]
    with pytest.raises(UserError, match="larger than the training set"):
        Batches(10, 11, torch.Generator(), "cpu")


def test_augment_gives_every_flip_and_shift_and_nothing_else():
    side, reach = 16, 2
    image = torch.arange(side * side * 3.0).view(1, 3, side, side)
    padded = F.pad(image, (reach,) * 4, mode="reflect")
    allowed = set()
    for source in (padded, padded.flip(3)):
        for top in range(2 * reach + 1):
            for left in range(2 * reach + 1):
                crop = source[:, :, top : top + side, left : left + side]
                allowed.add(tuple(crop.flatten().tolist()))
    images = image.expand(2000, -1, -1, -1).clone()
    before = images.clone()
    seen = augment(images, torch.Generator().manual_seed(0))
    assert seen.shape == images.shape and torch.equal(images, before)
    assert {tuple(one.flatten().tolist()) for one in seen} == allowed
    assert len(allowed) == 50


def test_augment_is_the_generator_s_doing():
    images = torch.randn(8, 3, 16, 16)
    first, second = (augment(images, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first, second)


# ---- CIFAR-10 on disk


def batch_bytes(fill: int, labels: list[int] | None = None, pixels=None) -> bytes:
    if pixels is None:
        pixels = np.full((10_000, 3072), fill, np.uint8)
        pixels[0, :1024] = 255  # the first image is red above all
    labels = [(fill + n) % 10 for n in range(10_000)] if labels is None else labels
    return pickle.dumps({b"data": pixels, b"labels": labels}, 4)


@pytest.fixture(scope="session")
def cifar_root(tmp_path_factory) -> Path:
    """A folder that contains a stand-in for the official one."""
    root = tmp_path_factory.mktemp("cifar")
    (root / FOLDER).mkdir()
    for n, name in enumerate(BATCHES):
        (root / FOLDER / name).write_bytes(batch_bytes(n))
    return root


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    for name in ("NFNET_DATA", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NFNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("nfnet.download.time.sleep", lambda seconds: None)
    data._load_cifar10.cache_clear()
    yield
    data._load_cifar10.cache_clear()


@pytest.mark.parametrize("within", ["", FOLDER])
def test_cifar10_from_a_local_folder(cifar_root, monkeypatch, within):
    monkeypatch.setenv("NFNET_DATA", str(cifar_root / within))
    events, dataset = finish(load_dataset(CIFAR, "cpu"))
    assert events == []
    assert dataset.classes[3] == "cat"
    assert dataset.train_images.shape == (10_000, 3, 16, 16)
    assert dataset.test_images.shape == (1000, 3, 16, 16)
    assert dataset.test_labels[:3].tolist() == [5, 6, 7]
    red = [
        (v / 255 - m) / s for v, m, s in zip((255, 0, 0), cifar10.MEAN, cifar10.STD, strict=True)
    ]
    assert torch.allclose(dataset.train_images[0].mean((1, 2)), torch.tensor(red), atol=1e-4)


def test_counts_of_cifar10(cifar_root, monkeypatch):
    monkeypatch.setenv("NFNET_DATA", str(cifar_root))
    config = CIFAR.replace(resolution=8, train_images=10_001)
    dataset = finish(load_dataset(config, "cpu"))[1]
    assert len(dataset.train_labels) == 10_001 and len(dataset.test_labels) == 10_000
    assert dataset.train_labels[-1] == 1  # the second batch's first
    with pytest.raises(UserError, match="50000 training images"):
        finish(load_dataset(CIFAR.replace(train_images=50_001), "cpu"))


def test_resizing_is_by_area(monkeypatch, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (10_000, 3072), np.uint8)
    for name in ("data_batch_1", "test_batch"):
        (tmp_path / name).write_bytes(batch_bytes(0, pixels=pixels))
    monkeypatch.setenv("NFNET_DATA", str(tmp_path))
    dataset = finish(load_dataset(CIFAR.replace(train_images=5), "cpu"))[1]
    means = pixels[:5].reshape(5, 3, 16, 2, 16, 2).astype(np.float64).mean((3, 5)) / 255
    mean, std = (np.array(v)[:, None, None] for v in (cifar10.MEAN, cifar10.STD))
    assert np.allclose(dataset.train_images.numpy(), (means - mean) / std, atol=1e-5)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (None, "lacks data_batch_1"),
        (b"", "damaged"),
        (b"\x80\x04garbage", "damaged|refused"),
        (lambda: batch_bytes(0)[:-1000], "damaged"),
        (pickle.dumps({b"data": 1}), "no batch"),
        (pickle.dumps([1, 2]), "no batch"),
        (lambda: batch_bytes(0, labels=[10] * 10_000), "no batch"),
        (lambda: batch_bytes(0, labels=[1.5] * 10_000), "no batch"),
        (lambda: batch_bytes(0, labels=[0]), "no batch"),
        (lambda: batch_bytes(0, pixels=np.zeros((10_000, 3071), np.uint8)), "no batch"),
        (lambda: batch_bytes(0, pixels=np.zeros((10_000, 3072), np.int8)), "no batch"),
        (b"cposix\nsystem\n(U\x04truetR.", "posix.system"),
        (lambda: bytes(41_000_000), "bytes"),
    ],
)
def test_a_damaged_folder_is_one_sentence(monkeypatch, tmp_path, damage, told):
    (tmp_path / "test_batch").write_bytes(batch_bytes(5))
    if damage is not None:
        damage = damage() if callable(damage) else damage
        (tmp_path / "data_batch_1").write_bytes(damage)
    monkeypatch.setenv("NFNET_DATA", str(tmp_path))
    with pytest.raises(UserError, match=told) as error:
        finish(load_dataset(CIFAR, "cpu"))
    assert "\n" not in str(error.value)


def test_an_empty_or_missing_folder_is_one_sentence(monkeypatch, tmp_path):
    for folder in (tmp_path, tmp_path / "missing"):
        monkeypatch.setenv("NFNET_DATA", str(folder))
        with pytest.raises(UserError, match="set NFNET_DATA to a folder that contains"):
            finish(load_dataset(CIFAR, "cpu"))


# ---- downloads, from a server that behaves as badly as it is told


class Server(http.server.ThreadingHTTPServer):
    """Serves `content`; each request takes the next of `faults` (none: as it should be)."""

    daemon_threads = True

    def __init__(self, content: bytes, faults: list[str]):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.faults, self.ranges = content, faults, []

    def handle_error(self, request, client_address):  # a client that leaves is no error
        pass


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        fault = self.server.faults.pop(0) if self.server.faults else ""
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        body = self.server.content
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if fault.isdigit():
            self.send_response(int(fault))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if fault == "ignore range":
            start = 0
        if fault == "html":
            body, start = b"<html>log in first</html>", 0
        if fault == "bit flip":
            body = body[:start] + bytes([body[start] ^ 1]) + body[start + 1 :]
        self.send_response(206 if start else 200)
        if start:
            shown = 0 if fault == "wrong range" else start
            self.send_header("Content-Range", f"bytes {shown}-{len(body) - 1}/{len(body)}")
        if fault != "no length":
            self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        rest = body[start:]
        self.wfile.write(rest[: len(rest) // 2] if fault in ("drop", "no length drop") else rest)
        self.close_connection = True


@pytest.fixture
def serve():
    servers = []

    def start(content: bytes, *faults: str) -> Server:
        server = Server(content, list(faults))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def remote(server: Server, **changes) -> RemoteFile:
    values = {
        "what": "The file",
        "url": f"http://127.0.0.1:{server.server_address[1]}/file",
        "size": len(server.content),
        "checksum": f"sha256:{hashlib.sha256(server.content).hexdigest()}",
        "otherwise": "ask a friend",
    }
    return RemoteFile(**{**values, **changes})


CONTENT = np.random.default_rng(0).bytes(5_000_000)


@pytest.mark.parametrize(
    ("faults", "requests"),
    [
        ([], 1),
        (["drop"], 2),
        (["drop", "drop", "drop"], 4),
        (["503", "429"], 3),
        (["bit flip"], 2),
        (["drop", "ignore range"], 2),
        (["drop", "bit flip"], 3),
        (["no length"], 1),
    ],
)
def test_a_download_survives(serve, tmp_path, faults, requests):
    server = serve(CONTENT, *faults)
    path = tmp_path / "file"
    events = list(download(remote(server), path, pause=0))
    assert path.read_bytes() == CONTENT
    assert os.listdir(tmp_path) == ["file"]
    assert len(server.ranges) == requests
    assert all(event.total == len(CONTENT) for event in events)
    assert Loading("The file", len(CONTENT), len(CONTENT)) in events
    assert events[-1] == Loading("The file: checking", len(CONTENT), len(CONTENT))


def test_a_dropped_download_goes_on_where_it_was(serve, tmp_path):
    server = serve(CONTENT, "drop")
    list(download(remote(server), tmp_path / "file", pause=0))
    assert server.ranges == [None, f"bytes={len(CONTENT) // 2}-"]


@pytest.mark.parametrize(
    ("faults", "told", "left"),
    [
        (["bit flip"] * 4, "what arrived is damaged; ask a friend", []),
        (["404"], "the server answered 404", []),
        (["html"], "offers 25 bytes", []),
        (["drop", "wrong range"], "another part", []),
        (["503"] * 4, "503", []),
        (["drop"] * 4, "broke off", ["file.part"]),
    ],
)
def test_a_download_gives_up_in_one_sentence(serve, tmp_path, faults, told, left):
    server = serve(CONTENT, *faults)
    with pytest.raises(UserError, match=told) as error:
        list(download(remote(server), tmp_path / "file", pause=0))
    assert "\n" not in str(error.value)
    assert os.listdir(tmp_path) == left


def test_a_wrong_checksum_is_never_used(serve, tmp_path):
    server = serve(CONTENT)
    other = remote(server, checksum="md5:c58f30108f718f92721af3b95e74349a")
    with pytest.raises(UserError, match="damaged"):
        list(download(other, tmp_path / "file", pause=0))
    assert os.listdir(tmp_path) == [] and len(server.ranges) == 2


def test_no_network_is_one_sentence(serve, tmp_path):
    server = serve(CONTENT)
    gone = remote(server)
    server.shutdown()
    server.server_close()
    with pytest.raises(UserError, match="no connection .*; ask a friend"):
        list(download(gone, tmp_path / "file", pause=0))


def test_a_silent_server_is_given_up(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        silence = RemoteFile("The file", url, 10, "md5:0", "ask a friend")
        with pytest.raises(UserError, match="no connection"):
            list(download(silence, tmp_path / "file", attempts=2, pause=0, timeout=0.2))


def test_a_full_disk_is_one_sentence(serve, monkeypatch, tmp_path):
    (tmp_path / "file.part").symlink_to("/dev/full")
    with pytest.raises(UserError, match="No space left|make room"):
        list(download(remote(serve(CONTENT)), tmp_path / "file", pause=0))


def test_closing_in_the_middle_stops_and_the_next_call_goes_on(serve, tmp_path):
    server = serve(CONTENT)
    stream = download(remote(server), tmp_path / "file", pause=0)
    arrived = next(event.done for event in stream if event.done)
    stream.close()
    assert (tmp_path / "file.part").stat().st_size == arrived
    list(download(remote(server), tmp_path / "file", pause=0))
    assert server.ranges == [None, f"bytes={arrived}-"]
    assert (tmp_path / "file").read_bytes() == CONTENT


# ---- CIFAR-10 from the network


@pytest.fixture(scope="session")
def packed(cifar_root) -> bytes:
    return pack({f"{FOLDER}/{name}": cifar_root / FOLDER / name for name in BATCHES})


def pack(members: dict[str, Path]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for name, source in members.items():
            archive.add(source, name)
    return buffer.getvalue()


def archive_of(server: Server) -> RemoteFile:
    return remote(server, what="CIFAR-10", otherwise=cifar10.ARCHIVE.otherwise)


def test_cifar10_is_downloaded_once(serve, packed, cifar_root, tmp_path):
    server = serve(packed)
    events, dataset = finish(load_dataset(CIFAR, "cpu", archive_of(server)))
    assert events[0].what == "CIFAR-10" and events[-1].done == events[-1].total
    assert dataset.test_labels[:3].tolist() == [5, 6, 7]
    cache = tmp_path / "cache"
    assert sorted(path.name for path in cache.iterdir() if path.suffix != ".lock") == [FOLDER]
    for name in BATCHES:
        assert (cache / FOLDER / name).read_bytes() == (cifar_root / FOLDER / name).read_bytes()
    data._load_cifar10.cache_clear()
    assert finish(load_dataset(CIFAR, "cpu", archive_of(server)))[0] == []
    assert len(server.ranges) == 1


def test_many_askers_make_one_download(serve, packed, tmp_path):
    server = serve(packed)
    archive = archive_of(server)
    program = (
        "import sys; from nfnet.cifar10 import find_or_fetch; "
        "from nfnet.download import RemoteFile\n"
        f"for _ in find_or_fetch({archive!r}): pass"
    )
    askers = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(3)]
    assert [asker.wait(timeout=120) for asker in askers] == [0, 0, 0]
    assert len(server.ranges) == 1


def test_two_runs_of_one_process_do_not_wait_for_ever(serve, packed):
    """Lanes of a race are stepped in turn: one downloads, the other must let it."""
    server = serve(packed)
    lanes = [load_dataset(CIFAR, "cpu", archive_of(server)) for _ in range(2)]
    datasets = {}
    for _ in range(10_000):
        for n, lane in enumerate(lanes):
            try:
                next(lane)
            except StopIteration as stop:
                datasets[n] = datasets.get(n) or stop.value
        if len(datasets) == 2:
            break
    assert datasets[0] is datasets[1] is not None
    assert len(server.ranges) == 1


@pytest.mark.parametrize("stop_at", ["download", "unpacking"])
def test_closing_releases_the_lock_and_leaves_nothing_half_done(serve, packed, stop_at, tmp_path):
    server = serve(packed)
    stream = load_dataset(CIFAR, "cpu", archive_of(server))
    while stop_at == "unpacking" and "unpacking" not in next(stream).what:
        pass
    if stop_at == "download":
        next(stream)
    stream.close()
    assert not (tmp_path / "cache" / FOLDER).exists()
    assert not (tmp_path / "cache" / (FOLDER + ".part")).exists()
    dataset = finish(load_dataset(CIFAR, "cpu", archive_of(server)))[1]
    assert len(dataset.train_labels) == 10_000


def evil(tmp_path: Path, how: str, cifar_root: Path) -> bytes:
    members = {f"{FOLDER}/{name}": cifar_root / FOLDER / name for name in BATCHES}
    if how == "truncated":
        return pack(members)[:-5000]
    if how == "no tar":
        return b"hello" * 1000
    stray = tmp_path / "stray"
    stray.write_bytes(b"x")
    if how == "missing":
        del members[f"{FOLDER}/data_batch_3"]
    elif how == "damaged":
        stray.write_bytes(batch_bytes(0)[:-10])
        members[f"{FOLDER}/data_batch_3"] = stray
    elif how == "link":
        link = tmp_path / "link"
        link.symlink_to("/etc/passwd")
        members[f"{FOLDER}/data_batch_3"] = link
    elif how == "too large":
        with stray.open("wb") as file:
            file.truncate(cifar10.MAX_BATCH_BYTES + 1)
        members[f"{FOLDER}/data_batch_3"] = stray
    return pack(members)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("truncated", "damaged"),
        ("no tar", "damaged"),
        ("missing", "lacks"),
        ("damaged", "data_batch_3 is damaged"),
        ("link", "lacks"),
        ("too large", "lacks"),
    ],
)
def test_a_wrong_archive_leaves_nothing(serve, tmp_path, cifar_root, how, told):
    server = serve(evil(tmp_path, how, cifar_root))
    with pytest.raises(UserError, match=told):
        finish(load_dataset(CIFAR, "cpu", archive_of(server)))
    left = [path.name for path in (tmp_path / "cache").iterdir() if path.suffix != ".lock"]
    assert left == []


def test_stray_members_stay_inside_the_archive(serve, packed, cifar_root, tmp_path):
    stray = tmp_path / "stray"
    stray.write_bytes(b"x")
    members = {f"{FOLDER}/{name}": cifar_root / FOLDER / name for name in BATCHES}
    content = pack({"../escaped": stray, str(tmp_path / "absolute"): stray, **members})
    finish(load_dataset(CIFAR, "cpu", archive_of(serve(content))))
    assert sorted(os.listdir(tmp_path / "cache" / FOLDER)) == sorted(BATCHES)
    assert not (tmp_path / "escaped").exists() and not (tmp_path / "absolute").exists()


def test_a_cache_that_cannot_be_written_is_one_sentence(monkeypatch, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("NFNET_CACHE", str(tmp_path / "file"))
    with pytest.raises(UserError, match="set NFNET_CACHE"):
        finish(load_dataset(CIFAR, "cpu"))


def test_no_network_says_what_to_do(serve, packed, tmp_path):
    server = serve(packed)
    archive = archive_of(server)
    server.shutdown()
    server.server_close()
    stream = load_dataset(CIFAR, "cpu", archive)
    with pytest.raises(UserError, match="cannot be downloaded: no connection.*NFNET_DATA"):
        finish(stream)
    assert os.listdir(tmp_path / "cache") in ([], [FOLDER + ".lock"])


def test_clutter_is_another_harder_set_of_the_same_classes():
    """A linear classifier tells plain shapes apart better than cluttered ones."""
    accuracies = []
    for clutter in (False, True):
        images, labels = shapes(4000, 8, seed=1, clutter=clutter)
        again = shapes(4000, 8, seed=1, clutter=clutter)
        assert torch.equal(images, again[0]) and torch.equal(labels, again[1])
        assert abs(images.mean()) < 0.5 and 0.5 < images.std() < 1.5
        x = torch.cat([images.flatten(1), torch.ones(4000, 1)], 1).double()
        targets = torch.nn.functional.one_hot(labels).double()
        gram = x[:3000].T @ x[:3000] + 10 * torch.eye(x.shape[1])
        weights = torch.linalg.solve(gram, x[:3000].T @ targets[:3000])
        accuracies.append(((x[3000:] @ weights).argmax(1) == labels[3000:]).float().mean().item())
    assert accuracies[0] > accuracies[1] + 0.05 and accuracies[1] > 0.1
    dataset = finish(load_dataset(RunConfig(dataset="clutter"), "cpu"))[1]
    assert dataset.name == "clutter" and len(dataset.train_images) == 6000
