"""Reads pickles of plain data and arrays, without Python's unpickler.

A pickle is a program for a small stack machine, and Python's own machine may call anything the
program names. This one knows only how to make data: it has no instruction that calls a function of
the file's choice, so there is nothing in it to be talked into. It reads the official CIFAR-10
batches (written by Python 2) and the published NFNet weights (nested dicts of arrays).
"""

from __future__ import annotations

import io
import math
import os
import pickletools
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from nfnet.run import UserError

MAX_BYTES = 2**31  # the largest published weights, those of NFNet-F6, are 1.75 GB
MAX_INSTRUCTIONS = 1_000_000  # one byte can cost 64 bytes of memory; a CIFAR batch has 80,000
_DTYPES = {"i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"}
_NAMES = {  # all that a pickle may name; numpy 2 moved its core
    "numpy dtype": "dtype",
    "numpy ndarray": "ndarray",
    "numpy.core.multiarray _reconstruct": "reconstruct",
    "numpy._core.multiarray _reconstruct": "reconstruct",
    "dill._dill _create_array": "create_array",
    # what haiku's parameters are kept in, depending on its version; for us a dict
    "haiku._src.data_structures FlatMapping": "mapping",
    "haiku._src.data_structures FlatMap": "mapping",
    "haiku._src.data_structures frozendict": "mapping",
}

_OPCODES = {op.code.encode("latin-1"): op for op in pickletools.opcodes}
_LITERALS = {"NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False}
_LITERALS |= {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple}
_VALUES = set("BININT BININT1 BININT2 LONG1 LONG4 BINFLOAT SHORT_BINBYTES BINBYTES".split())
_VALUES |= set("BINBYTES8 SHORT_BINUNICODE BINUNICODE BINUNICODE8".split())
_PYTHON2_TEXTS = {"SHORT_BINSTRING", "BINSTRING"}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_AFTER_MARK = {"TUPLE", "APPENDS", "SETITEMS"}
_REFUSALS = dict.fromkeys(["PERSID", "BINPERSID"], "an object kept outside the file")
_REFUSALS |= dict.fromkeys(["EXT1", "EXT2", "EXT4"], "an object by its extension code")
_REFUSALS |= dict.fromkeys(["INST", "OBJ", "NEWOBJ", "NEWOBJ_EX"], "an object of a class")


def read_pickle(
    source: bytes | str | os.PathLike[str], *, max_bytes: int = MAX_BYTES, name: str | None = None
) -> Any:
    """The value in a pickle of arrays, str, bytes, numbers, None, lists, tuples and dicts.

    Arrays are read-only. Texts written by Python 2 come back as bytes.

    Args:
        source: the pickle itself, or the path of its file.
        max_bytes: a larger pickle is refused unread.
        name: what to call it in errors; the file's name by default.

    Raises:
        UserError: unreadable, too large, damaged, or holding anything else.
    """
    if isinstance(source, bytes):
        return _read(io.BytesIO(source), len(source), max_bytes, name or "the pickle")
    path = Path(source)
    name = name or path.name
    try:
        if not path.is_file():
            raise UserError(f"there is no file {path}")
        with path.open("rb") as file:
            return _read(file, os.fstat(file.fileno()).st_size, max_bytes, name)
    except OSError as error:
        raise UserError(f"{name} cannot be read: {error.strerror}") from None


def _read(file: BinaryIO, size: int, max_bytes: int, name: str) -> Any:
    if size > max_bytes:
        raise UserError(f"{name} has {size} bytes, and at most {max_bytes} are read here")
    try:
        value = _Machine(_Source(file, size)).run()
        _check_finished(value)
    except _Refused as refused:
        raise UserError(
            f"{name} is refused because it asks for {refused}, and only arrays, texts, numbers, "
            "lists, tuples and dicts are read; get it again from its official source"
        ) from None
    except (ValueError, LookupError, TypeError, OverflowError, MemoryError):
        raise UserError(f"{name} is damaged or is no pickle; get it again") from None
    return value


class _Refused(Exception):
    """The pickle asks for something that is not plain data."""


class _Source:
    """A file that is never asked for more bytes than it has left, whatever a length field says."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._left = file, size

    def read(self, count: int) -> bytes:
        if count > self._left:
            raise ValueError("truncated")
        self._left -= count
        return self._file.read(count)

    def line(self) -> str:
        line = self._file.readline(1000)
        self._left -= len(line)
        return line.rstrip(b"\n").decode("ascii")


class _Part:
    """What a pickle needs on the way to an array; never part of the result."""


class _Name(_Part):
    def __init__(self, name: str) -> None:
        self.name = name


class _Dtype(_Part):
    def __init__(self, code: Any) -> None:
        self.code, self.order = _text(code), "="
        if self.code not in _DTYPES:
            raise _Refused(f"an array of dtype {self.code[:20]!r}")

    def build(self, state: Any) -> _Dtype:
        version, order, subarray, names, fields, *_ = state
        order = _text(order)
        if order not in ("<", ">", "|", "=") or (subarray, names, fields) != (None, None, None):
            raise _Refused("an array of a structured dtype")
        self.order = order
        return self

    def numpy(self) -> np.dtype:
        return np.dtype(self.order + self.code)


class _Array(_Part):
    """An array announced but not yet filled."""

    value: np.ndarray | None = None

    def build(self, state: Any) -> np.ndarray:
        version, shape, dtype, fortran, data = state
        if type(dtype) is not _Dtype or type(data) is not bytes:
            raise _Refused("an array of objects")
        if len(shape) > 32 or not all(type(n) is int and 0 <= n <= MAX_BYTES for n in shape):
            raise ValueError("bad shape")
        if math.prod(shape) * dtype.numpy().itemsize != len(data):
            raise ValueError("the data does not fill the shape")
        order = "F" if fortran else "C"
        self.value = np.ndarray(shape, dtype.numpy(), buffer=data, order=order)
        return self.value


def _text(value: Any) -> str:
    """A text written by Python 3 or 2."""
    if type(value) is bytes:
        return value.decode("ascii")
    if type(value) is not str:
        raise ValueError("not a text")
    return value


def _check_finished(value: Any) -> None:
    """Refuses a result with a part of an unfinished array in it (shared and cyclic lists are fine).

    Without this a pickle could pass the machine's own stand-ins off as data.
    """
    waiting, seen = [value], set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, _Part):
            raise _Refused("an array that it does not fill")
        if isinstance(value, list | tuple | dict) and id(value) not in seen:
            seen.add(id(value))
            waiting.extend(value)
            if isinstance(value, dict):
                waiting.extend(value.values())


class _Machine:
    """The stack machine, with the instructions that make data."""

    def __init__(self, source: _Source) -> None:
        self.source = source
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # the stacks under each mark
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        for _ in range(MAX_INSTRUCTIONS):
            op = _OPCODES[self.source.read(1)]
            if op.name == "STOP":
                return self.stack.pop()
            self.step(op)
        raise _Refused(f"more than {MAX_INSTRUCTIONS} instructions")

    def step(self, op: pickletools.OpcodeInfo) -> None:
        stack = self.stack
        if op.name in _LITERALS:
            stack.append(_LITERALS[op.name]())
        elif op.name in _VALUES:
            stack.append(op.arg.reader(self.source))
        elif op.name in _PYTHON2_TEXTS:
            stack.append(op.arg.reader(self.source).encode("latin-1"))
        elif op.name in ("PROTO", "FRAME"):
            op.arg.reader(self.source)
        elif op.name in ("BINPUT", "LONG_BINPUT"):
            self.memo[op.arg.reader(self.source)] = stack[-1]
        elif op.name == "MEMOIZE":
            self.memo[len(self.memo)] = stack[-1]
        elif op.name in ("BINGET", "LONG_BINGET"):
            value = self.memo[op.arg.reader(self.source)]
            filled = isinstance(value, _Array) and value.value is not None
            stack.append(value.value if filled else value)
        elif op.name == "MARK":
            self.below.append(stack)
            self.stack = []
        elif op.name in _TUPLES:
            count = _TUPLES[op.name]
            stack[-count:] = [tuple(_last(stack, count))]
        elif op.name in _AFTER_MARK:
            self.stack = self.below.pop()
            self.collect(op.name, stack)
        elif op.name == "APPEND":
            item = stack.pop()
            _only(list, stack[-1]).append(item)
        elif op.name == "SETITEM":
            value, key = stack.pop(), stack.pop()
            _update(stack[-1], [(key, value)])
        elif op.name in ("GLOBAL", "STACK_GLOBAL"):
            self.push_name(op.name)
        elif op.name == "REDUCE":
            arguments, made_by = stack.pop(), stack.pop()
            stack.append(_make(made_by, _only(tuple, arguments)))
        elif op.name == "BUILD":
            state = stack.pop()
            if not isinstance(stack[-1], _Dtype | _Array):
                raise _Refused("an object's state to be set")
            stack[-1] = stack[-1].build(_only(tuple, state))
        else:
            raise _Refused(_REFUSALS.get(op.name, f"the instruction {op.name}"))

    def collect(self, name: str, items: list[Any]) -> None:
        """The instructions that take everything above the last mark."""
        if name == "TUPLE":
            self.stack.append(tuple(items))
        elif name == "APPENDS":
            _only(list, self.stack[-1]).extend(items)
        else:
            _update(self.stack[-1], zip(items[::2], items[1::2], strict=True))

    def push_name(self, instruction: str) -> None:
        if instruction == "GLOBAL":
            module, name = self.source.line(), self.source.line()
        else:
            name, module = _text(self.stack.pop()), _text(self.stack.pop())
        if f"{module} {name}" not in _NAMES:
            raise _Refused(f"{module[:40]}.{name[:40]}")
        self.stack.append(_Name(_NAMES[f"{module} {name}"]))


def _make(made_by: Any, arguments: tuple[Any, ...]) -> Any:
    """What one of the permitted names gives when it is called."""
    name = made_by.name if isinstance(made_by, _Name) else None
    if name == "dtype":
        return _Dtype(arguments[0])
    if name == "reconstruct":
        return _Array()
    if name == "mapping":
        (mapping,) = arguments
        return _only(dict, mapping)
    if name == "create_array":  # dill's: numpy's own _reconstruct, its arguments, the state
        function, _, state, *attributes = arguments
        if not isinstance(function, _Name) or function.name != "reconstruct" or any(attributes):
            raise _Refused("a call through dill")
        return _Array().build(_only(tuple, state))
    raise _Refused("a call of something that makes no array")


def _only(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise ValueError(f"not a {kind.__name__}")
    return value


def _update(target: Any, pairs: Iterable[tuple[Any, Any]]) -> None:
    for key, value in pairs:
        # hashing a tuple that is nested deep enough would overflow the interpreter's own stack
        if type(key) not in (str, bytes, int):
            raise _Refused("a dict whose keys are not names or numbers")
        _only(dict, target)[key] = value


def _last(stack: list[Any], count: int) -> list[Any]:
    if len(stack) < count:
        raise IndexError("the stack is too short")
    return stack[-count:]
