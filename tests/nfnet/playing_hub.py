"""Plays the hub: a HEAD states size, commit and checksum, a GET goes by way of a CDN."""

from __future__ import annotations

import hashlib
import http.server
import threading

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class PlayingHub(http.server.ThreadingHTTPServer):
    """Serves `content` as any file of any repository, as badly as it is told.

    Args:
        faults: what befalls each GET of the content in turn: "drop" (half of the rest), "bit flip",
            "wait" (a quarter, then nothing until `go_on` is set), or a status.
        head: what befalls each HEAD in turn: "no checksum", "other checksum", "no commit", or a
            status.
    """

    daemon_threads = True

    def __init__(self, content: bytes, faults=(), head=()):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content, self.faults, self.head_faults = content, list(faults), list(head)
        self.sha256 = hashlib.sha256(content).hexdigest()
        self.endpoint = f"http://127.0.0.1:{self.server_address[1]}"
        self.heads, self.gets, self.headers = (
            [],
            [],
            [],
        )  # paths; (path, first byte); of all requests
        self.waiting, self.go_on = threading.Event(), threading.Event()
        self.lock = threading.Lock()

    def start(self) -> PlayingHub:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self) -> None:
        self.go_on.set()
        self.shutdown()
        self.server_close()

    def next_fault(self, faults: list[str]) -> str:
        with self.lock:
            return faults.pop(0) if faults else ""

    def handle_error(self, request, client_address):  # a client that leaves is no error
        pass


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: PlayingHub

    def log_message(self, *args):
        pass

    def answer(self, status: int, **headers: str) -> None:
        self.send_response(status)
        headers.setdefault("Content_Length", "0")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def do_HEAD(self):
        hub = self.server
        hub.heads.append(self.path)
        hub.headers.append(dict(self.headers))
        fault = hub.next_fault(hub.head_faults)
        if fault.isdigit():
            return self.answer(int(fault))
        stated = {
            "X_Repo_Commit": COMMIT,
            "X_Linked_Etag": f'"{hub.sha256}"',
            "X_Linked_Size": str(len(hub.content)),
            "Location": "http://cdn.invalid/signed",
        }
        if fault == "no checksum":
            stated["X_Linked_Etag"] = 'W/"abc"'
        elif fault == "other checksum":
            stated["X_Linked_Etag"] = '"' + "0" * 64 + '"'
        elif fault == "no commit":
            del stated["X_Repo_Commit"]
        self.answer(302, **stated)

    def do_GET(self):
        hub = self.server
        hub.headers.append(dict(self.headers))
        if not self.path.startswith("/cdn/"):
            return self.answer(302, Location=f"{hub.endpoint}/cdn{self.path}")
        asked = self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        hub.gets.append((self.path.removeprefix("/cdn"), start))
        fault = hub.next_fault(hub.faults)
        if fault.isdigit():
            return self.answer(int(fault))
        rest = hub.content[start:]
        headers = {"Content_Length": str(len(rest))}
        if start:
            size = len(hub.content)
            headers["Content_Range"] = f"bytes {start}-{size - 1}/{size}"
        self.answer(206 if start else 200, **headers)
        self.close_connection = True
        if fault == "bit flip":
            rest = bytes([rest[0] ^ 1]) + rest[1:]
        if fault == "drop":
            rest = rest[: len(rest) // 2]
        if fault == "wait":
            quarter = len(rest) // 4
            self.wfile.write(rest[:quarter])
            self.wfile.flush()
            hub.waiting.set()
            hub.go_on.wait(60)
            rest = rest[quarter:]
        self.wfile.write(rest)
