"""Weights on this disk and from the hub, played by a server that drops, lies and is not there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from nfnet import hub as nfnet_hub
from nfnet.events import Loading
from nfnet.hub import fetch_weights
from nfnet.published import PUBLISHED, find_weights, weights_folder
from nfnet.run import UserError
from tests.nfnet.playing_hub import COMMIT, PlayingHub

CONTENT = np.random.default_rng(0).bytes(6_000_000)
NAME = "nfnet_f2"  # neither its commit nor its checksum is known, so a stand-in can be served
ROOT = Path(__file__).parents[2]


def finish(generator):
    """The events of a generator and what it returns."""
    events = []
    while True:
        try:
            events.append(next(generator))
        except StopIteration as stop:
            return events, stop.value


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    for name in (
        *("NFNET_WEIGHTS", "HF_HOME", "HF_HUB_CACHE", "HF_TOKEN"),
        *("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"),
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NFNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr("nfnet.download.time.sleep", lambda seconds: None)


@pytest.fixture
def serve(monkeypatch):
    hubs = []

    def start(*faults: str, head=(), content: bytes = CONTENT) -> PlayingHub:
        hubs.append(PlayingHub(content, faults, head).start())
        monkeypatch.setenv("HF_ENDPOINT", hubs[-1].endpoint)
        return hubs[-1]

    yield start
    for hub in hubs:
        hub.stop()


# ---- from the hub


def test_a_fetch(serve):
    hub = serve()
    events, path = finish(fetch_weights(NAME))
    assert path == weights_folder() / f"{NAME}.safetensors" and path.read_bytes() == CONTENT
    at = "/timm/dm_nfnet_f2.dm_in1k/resolve/{}/model.safetensors"
    assert hub.heads == [at.format("main")]
    assert hub.gets == [(at.format(COMMIT), 0)], "the commit that the HEAD named is what is fetched"
    assert Loading(f"{NAME}'s weights", len(CONTENT), len(CONTENT)) in events
    assert events[-1].what == f"{NAME}'s weights: checking"
    progress = [event.done for event in events if event.what == f"{NAME}'s weights"]
    assert progress == sorted(progress) and len(progress) >= 3


def test_the_second_start_asks_nobody_and_hashes_nothing(serve, monkeypatch):
    hub = serve()
    _, path = finish(fetch_weights(NAME))
    monkeypatch.setattr(nfnet_hub, "check", None)
    assert finish(fetch_weights(NAME)) == ([], path)
    assert (len(hub.heads), len(hub.gets)) == (1, 1)


def test_a_pinned_commit_is_the_one_asked_for(serve):
    hub = serve("404", content=b"x")
    with pytest.raises(UserError, match="another file than the published one"):
        finish(fetch_weights("nfnet_f0"))
    revision = PUBLISHED["nfnet_f0"].revision
    assert hub.heads == [f"/timm/dm_nfnet_f0.dm_in1k/resolve/{revision}/model.safetensors"]
    assert hub.gets == []


def test_nothing_about_this_machine_is_told_to_the_hub(serve, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub = serve()
    finish(fetch_weights(NAME))
    sent = json.dumps(hub.headers).lower()
    assert "secret" not in sent and "authorization" not in sent
    assert "torch" not in sent, "that would be telemetry"


@pytest.mark.parametrize(
    ("faults", "starts"),
    [
        (["drop", "drop"], [0, 3_000_000, 4_500_000]),
        (["503", "drop"], [0, 0, 3_000_000]),
        (["bit flip"], [0, 0]),
        (["drop", "bit flip"], [0, 3_000_000, 0]),
    ],
)
def test_a_fetch_survives(serve, faults, starts):
    hub = serve(*faults)
    _, path = finish(fetch_weights(NAME))
    assert path.read_bytes() == CONTENT
    assert [start for _, start in hub.gets] == starts


@pytest.mark.parametrize(
    ("faults", "head", "told"),
    [
        (["bit flip"] * 2, [], "what arrived is damaged"),
        (["404"], [], "the server answered 404"),
        (["503"] * 10, [], "503"),
        ([], ["404"], "the hub answered 404"),
        ([], ["503"], "the hub answered 503"),
        ([], ["no checksum"], "states no checksum"),
        (["drop"], ["other checksum"], "what arrived is damaged"),
    ],
)
def test_a_fetch_gives_up_in_one_sentence(serve, faults, head, told):
    hub = serve(*faults, head=head)
    with pytest.raises(UserError, match=told) as error:
        finish(fetch_weights(NAME))
    target = weights_folder() / f"{NAME}.safetensors"
    said = str(error.value)
    assert "\n" not in said and f"{hub.endpoint}/timm/dm_nfnet_f2.dm_in1k/resolve/main/" in said
    assert f"save it as {target}" in said and "NFNET_WEIGHTS" in said
    assert find_weights(NAME) is None and not target.exists()


def test_a_mirror_that_names_no_commit_will_do(serve):
    hub = serve(head=["no commit"])
    assert finish(fetch_weights(NAME))[1].read_bytes() == CONTENT
    assert "/resolve/main/" in hub.gets[0][0]


def test_without_a_network_the_sentence_says_which_file_to_put_where(serve):
    hub = serve()
    hub.stop()
    with pytest.raises(UserError, match="no connection to http") as error:
        finish(fetch_weights(NAME))
    assert f"save it as {weights_folder() / 'nfnet_f2.safetensors'}" in str(error.value)


def test_weights_that_nobody_published_are_told():
    with pytest.raises(
        UserError, match="no weights of nf_resnet50 are published; save your own as"
    ):
        finish(fetch_weights("nf_resnet50"))
    with pytest.raises(UserError, match="unknown model"):
        finish(fetch_weights("nfnet_f9"))


def test_a_cancelled_fetch_goes_on_later(serve):
    hub = serve("wait")
    fetching = fetch_weights(NAME)
    events = []
    while not events or events[-1].done == 0:
        events.append(next(fetching))
    fetching.close()
    part = weights_folder() / f"{NAME}.safetensors.part"
    assert find_weights(NAME) is None
    assert part.read_bytes() == CONTENT[: events[-1].done] != b""
    hub.go_on.set()
    assert finish(fetch_weights(NAME))[1].read_bytes() == CONTENT
    assert [start for _, start in hub.gets] == [0, events[-1].done]
    assert not part.exists()


ASK = f"""
import sys
from threading import Thread
from nfnet.hub import fetch_weights

def ask():
    fetching = fetch_weights({NAME!r})
    while True:
        try:
            next(fetching)
        except StopIteration as done:
            return sys.stdout.write(str(done.value) + "\\n")

threads = [Thread(target=ask) for _ in range(int(sys.argv[1]))]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""


def ask(threads: int) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", ASK, str(threads)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def test_fifty_askers_make_one_download(serve):
    hub = serve("wait")
    processes = [ask(10) for _ in range(5)]
    assert hub.waiting.wait(60)
    hub.go_on.set()
    told = [process.communicate(timeout=60)[0].splitlines() for process in processes]
    target = weights_folder() / f"{NAME}.safetensors"
    assert told == [[str(target)] * 10] * 5 and target.read_bytes() == CONTENT
    assert len(hub.gets) == len(hub.heads) == 1


def test_a_killed_download_goes_on_where_it_was(serve):
    hub = serve("wait")
    process = ask(1)
    assert hub.waiting.wait(60)
    part = weights_folder() / f"{NAME}.safetensors.part"
    grown = threading.Event()
    while not (part.exists() and part.stat().st_size == len(CONTENT) // 4):
        grown.wait(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(60)
    process.stdout.close()
    hub.go_on.set()
    assert finish(fetch_weights(NAME))[1].read_bytes() == CONTENT
    assert [start for _, start in hub.gets] == [0, len(CONTENT) // 4]


def test_whoever_waits_is_told_and_may_leave(serve):
    hub = serve("wait")
    first = fetch_weights(NAME)
    next(first)
    second = fetch_weights(NAME)
    assert "another program is downloading" in next(second).what
    second.close()
    hub.go_on.set()
    assert finish(first)[1].read_bytes() == CONTENT


def test_a_file_that_changed_since_is_hashed_again(serve):
    hub = serve()
    _, path = finish(fetch_weights(NAME))
    os.utime(path, ns=(1, 1))
    events, _ = finish(fetch_weights(NAME))
    assert [event.what for event in events] == [f"{NAME}'s weights: checking"]
    assert finish(fetch_weights(NAME))[0] == [] and len(hub.gets) == 1
    path.write_bytes(CONTENT[:-1])
    assert finish(fetch_weights(NAME))[1].read_bytes() == CONTENT and len(hub.gets) == 2


@pytest.mark.parametrize("record", ["", "[]", "null", '{"checksum": 1}', '{"size": 1}'])
def test_a_damaged_record_is_no_record(serve, record):
    serve()
    _, path = finish(fetch_weights(NAME))
    path.with_name(path.name + ".verified").write_text(record)
    assert finish(fetch_weights(NAME)) == ([], path)


def test_a_folder_that_cannot_be_written(serve, monkeypatch, tmp_path):
    serve()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NFNET_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(UserError, match="cannot be written .*NFNET_CACHE"):
        finish(fetch_weights(NAME))


def test_a_broken_copy_put_there_by_hand_is_told(serve):
    hub = serve()
    path = weights_folder() / f"{NAME}.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\x10" + b"\0" * 7 + b'{"a": ')
    with pytest.raises(
        UserError, match=f"{path} is damaged or incomplete; delete it or get it again"
    ):
        finish(fetch_weights(NAME))
    assert hub.heads == [] and path.exists()


def test_a_full_disk_is_told_beforehand(serve, monkeypatch):
    hub = serve()
    usage = SimpleNamespace(free=len(CONTENT) - 1)
    monkeypatch.setattr(nfnet_hub.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(UserError, match="need 6 MB, and .* has room for 6; make room"):
        finish(fetch_weights(NAME))
    assert hub.gets == []


def test_offline_is_respected(serve, monkeypatch):
    hub = serve()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    code = f"import nfnet.hub; list(nfnet.hub.fetch_weights({NAME!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (
        "UserError: nfnet_f2's weights cannot be downloaded: HF_HUB_OFFLINE is set" in done.stderr
    )
    assert hub.heads == hub.gets == []


def test_fetching_needs_no_torch_and_finding_no_hub():
    code = """
import sys, nfnet.hub
nfnet.hub.find_weights("nfnet_f0")
sys.exit(str({"torch", "huggingface_hub", "httpx2"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stderr == "set()\n"
