"""How much may be uploaded: by real requests, and with a clock that the test moves."""

from __future__ import annotations

import asyncio
import http.client
import os
import sys

import pytest

from app.safety import ADDRESS, SESSION, WINDOW, Budget, UploadBudget
from tests.app.test_main import running, wait_until_healthy

PATH = "/_stcore/upload_file/{}/file"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def put(app, session="s", size=100, client="192.0.2.1", method="PUT", path=PATH, **headers) -> int:
    """The status that the middleware lets out; 204 is the server's own."""
    statuses = []
    headers = {"content-length": str(size)} | headers
    scope = {
        "type": "http",
        "method": method,
        "path": path.format(session),
        "headers": [(k.encode(), v.encode()) for k, v in headers.items() if v],
        "client": (client, 5),
    }

    async def send(message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    asyncio.run(app(scope, receive, send))
    return statuses[0]


async def taken(scope, receive, send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(clock) -> UploadBudget:
    return UploadBudget(taken, Budget(3, 1000), Budget(5, 2000), clock)


def test_a_session_has_a_number_of_files_for_some_time(app, clock) -> None:
    assert [put(app) for _ in range(4)] == [204, 204, 204, 429]
    assert put(app, session="other") == 204
    clock.now += WINDOW + 1
    assert put(app) == 204


def test_a_session_has_a_number_of_bytes(app, clock) -> None:
    assert [put(app, size=600), put(app, size=500), put(app, size=400)] == [204, 429, 204]


def test_one_address_cannot_do_more_under_many_sessions(app) -> None:
    assert [put(app, session=str(n)) for n in range(6)] == [204] * 5 + [429]
    assert put(app, session="9", client="192.0.2.2") == 204
    assert [put(app, f"b{n}", 900, "192.0.2.3") for n in range(3)] == [204, 204, 429]


def test_what_is_too_large_or_has_no_length_is_refused_and_costs_nothing(app) -> None:
    assert put(app, size=9 << 20) == 413
    for length in ("", "-1", "1e3", "٣"):
        assert put(app, **{"content-length": length}) == 411
    assert [put(app) for _ in range(3)] == [204] * 3


def test_other_requests_pass(app) -> None:
    assert [put(app, method="GET", path="/photos") for _ in range(9)] == [204] * 9
    assert [put(app, method="DELETE") for _ in range(9)] == [204] * 9


def test_nothing_is_remembered_for_ever(app, clock) -> None:
    for n in range(3):
        put(app, session=str(n))
    clock.now += WINDOW + 1
    put(app, session="last")
    assert set(app._spent) == {("session", "last"), ("address", "192.0.2.1")}


def test_a_class_behind_one_address_fits(clock) -> None:
    app = UploadBudget(taken, clock=clock)
    for student in range(40):
        for _ in range(5):
            assert put(app, f"student {student}", 200_000, "192.0.2.9") == 204
    assert SESSION.bytes >= 5 * 8 << 20 and ADDRESS.files >= 5 * 200


@pytest.mark.skipif(os.name == "nt", reason="ends the server by a signal")
def test_the_server_refuses_by_real_requests(tmp_path) -> None:
    command = [sys.executable, "-m", "app", "--port", "0"]
    with running(command, tmp_path / "log") as (url, _):
        wait_until_healthy(url)
        host = url.removeprefix("http://")

        def request(body: bytes | None, **headers: str) -> int:
            connection = http.client.HTTPConnection(host, timeout=30)
            connection.putrequest("PUT", PATH.format("nobody"))
            for name, value in headers.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders(body)
            status = connection.getresponse().status
            connection.close()
            return status

        assert request(None, Content_Length=str(50 << 20)) == 413  # before a byte is sent
        assert request(None, Transfer_Encoding="chunked") == 411
        first = [request(b"x" * 10, Content_Length="10") for _ in range(SESSION.files)]
        assert set(first) <= {400, 403}  # Streamlit's own: no such session
        assert request(b"x" * 10, Content_Length="10") == 429
