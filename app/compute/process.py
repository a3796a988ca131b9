"""One worker process and the channel to it.

POSIX: a socketpair whose far end the worker inherits. Windows, which cannot pass it on: a loopback
connection, opened by the worker and admitted by a random key.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
import signal
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from app.compute.wire import MAX_BYTES

ROOT = Path(__file__).resolve().parents[2]
KEY_VARIABLE = "NFNET_WORKER_KEY"
KEY_BYTES = 32
CONNECT_SECONDS = 60.0  # Python's own start, not yet torch's
AT_ONCE = 64 << 10  # bytes that a channel takes although nobody reads yet


class WorkerProcess:
    """`command` in a process of its own, with a channel of byte messages in both directions.

    `start`, `receive` and `bury` belong to one thread; `send` to whoever holds the engine's lock,
    so it never waits: a long message, a picture, is written by a thread of its own. `kill` may be
    called by anyone at any time.
    """

    def __init__(self, command: Sequence[str], loopback: bool = os.name == "nt") -> None:
        self._command, self._loopback = list(command), loopback
        self._process: subprocess.Popen | None = None
        self._connection: Connection | None = None
        self._lock = threading.Lock()  # no signal may go to a process id that was given back
        self._killed = self._buried = False
        self._posting = threading.Lock()
        self._outbox = deque[bytes]()  # of a long message, and what was said after it
        self._postman: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Starts the process. OSError: it could not be, or did not call back."""
        if self._loopback:
            self._start_on_loopback()
        else:
            ours, theirs = socket.socketpair()
            with contextlib.closing(ours), theirs:
                self._spawn(f"fd:{theirs.fileno()}", pass_fds=[theirs.fileno()])
                self._connection = Connection(ours.detach())

    def _start_on_loopback(self) -> None:
        key = secrets.token_bytes(KEY_BYTES)
        give_up = time.monotonic() + CONNECT_SECONDS
        with socket.create_server(("127.0.0.1", 0)) as server:
            self._spawn(f"tcp:{server.getsockname()[1]}", key=key)
            server.settimeout(0.5)
            while self._connection is None:
                # asked before the callers are: one may have called, and ended since
                over = time.monotonic() > give_up or not self._alive()
                try:
                    caller, _ = server.accept()
                except TimeoutError:
                    if over:
                        raise ConnectionError("the worker process did not call back") from None
                    continue
                with contextlib.suppress(TimeoutError, ConnectionError), caller:
                    if _knows(key, caller):
                        caller.settimeout(None)
                        caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                        self._connection = Connection(caller.detach())

    def _spawn(self, channel: str, key: bytes = b"", pass_fds: Sequence[int] = ()) -> None:
        options: dict = {"start_new_session": True, "pass_fds": pass_fds}
        if os.name == "nt":
            low = subprocess.BELOW_NORMAL_PRIORITY_CLASS | subprocess.CREATE_NEW_PROCESS_GROUP
            options = {"creationflags": low}
        process = subprocess.Popen(
            [*self._command, "--channel", channel, "--parent", str(os.getpid())],
            cwd=ROOT,
            env=_environment(key),
            stdin=subprocess.DEVNULL,
            stdout=_standard_error(),
            stderr=_standard_error(),
            **options,
        )
        with self._lock:
            self._process = process
            killed = self._killed
        if killed:
            self.kill()

    def send(self, message: bytes) -> bool:
        """Whether the message leaves; False where the worker is known to be gone."""
        if self._connection is None:
            return False
        with self._posting:
            if self._postman is not None:
                self._outbox.append(message)
                return True
            if len(message) > AT_ONCE:
                self._outbox.append(message)
                self._postman = threading.Thread(target=self._post, daemon=True)
                self._postman.start()
                return True
            return self._write(message)

    def _write(self, message: bytes) -> bool:
        try:
            self._connection.send_bytes(message)
        except OSError:
            return False
        return True

    def _post(self) -> None:
        """Writes what is in the outbox, in its order, until it is empty or the worker is gone."""
        while True:
            with self._posting:
                if not self._outbox:
                    self._postman = None
                    return
                message = self._outbox.popleft()
            if not self._write(message):
                with self._posting:
                    self._outbox.clear()  # the next turn ends it

    def receive(self) -> bytes:
        """Waits for a message. EOFError or OSError: the worker is gone or sent too much at once."""
        return self._connection.recv_bytes(MAX_BYTES)

    def kill(self) -> None:
        """Ends the process and whatever it started, at once; harmless if it has ended."""
        with self._lock:
            self._killed = True
            if self._process is None or self._buried or self._process.poll() is not None:
                return
            if os.name == "nt":
                self._process.kill()
            else:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)

    def bury(self) -> int | None:
        """Ends the process, gives everything back and returns the exit status."""
        self.kill()
        if (postman := self._postman) is not None:  # nobody reads any more: it ends
            postman.join(10)
        if self._connection is not None:
            self._connection.close()
        if self._process is None:
            return None
        with self._lock:
            self._buried = True
        with contextlib.suppress(subprocess.TimeoutExpired):  # one that even SIGKILL does not end
            self._process.wait(10)
        return self._process.returncode

    def _alive(self) -> bool:
        with self._lock:
            return not self._killed and self._process.poll() is None


def _knows(key: bytes, caller: socket.socket) -> bool:
    caller.settimeout(5.0)
    said = b""
    while len(said) < len(key) and (more := caller.recv(len(key) - len(said))):
        said += more
    return hmac.compare_digest(said, key)


def _environment(key: bytes) -> dict[str, str]:
    environment = os.environ | {
        # before torch is imported: one computing thread, which sleeps when it has nothing to do
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    }
    for name in (
        "NFNET_DATA",
        "NFNET_WEIGHTS",
        "NFNET_SETS",
        "NFNET_RUNS",
        "NFNET_PICTURES",
    ):  # the worker's folder is not the app's
        if environment.get(name):
            environment[name] = os.path.abspath(environment[name])
    if key:
        environment[KEY_VARIABLE] = key.hex()
    return environment


def _standard_error() -> int:
    try:
        os.fstat(2)
    except OSError:
        return subprocess.DEVNULL
    return 2
