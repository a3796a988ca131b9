"""The reader of pickles gives plain data or a UserError, and never runs anything."""

from __future__ import annotations

import builtins
import os
import pickle
import pickletools
import subprocess
import sys
import tracemalloc
import types
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from nfnet.pickles import read_pickle
from nfnet.run import UserError

GOLDEN = Path(__file__).parent.parent / "golden"
GOOD = pickle.dumps(
    {"a": {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "gain": np.ones(2, np.float32)}},
    protocol=4,
)


class Call:
    """Pickles as a call of `function(*arguments)`."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class WithState:
    """Pickles as an object whose state is set by BUILD."""

    def __init__(self):
        self.field = 1


def same(a, b) -> bool:
    if isinstance(b, np.ndarray):
        return isinstance(a, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(b, dict):
        return type(a) is dict and list(a) == list(b) and all(same(a[k], b[k]) for k in b)
    if isinstance(b, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


numbers = st.integers() | st.floats(allow_nan=False) | st.none() | st.booleans()
arrays = npst.arrays(
    st.sampled_from(["<f4", ">f4", "<f8", "u1", "<i8", "<c8"]),
    npst.array_shapes(min_dims=0, max_dims=3, min_side=0),
    elements={"allow_nan": False},
)
trees = st.recursive(
    numbers | st.text() | st.binary() | arrays,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.binary() | st.integers(), inner)
    ),
    max_leaves=12,
)


@given(trees, st.sampled_from([3, 4]))
def test_what_it_reads_is_what_was_written(tree, protocol):
    assert same(read_pickle(pickle.dumps(tree, protocol)), tree)


def test_fortran_order_is_kept():
    array = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3))
    assert np.array_equal(read_pickle(pickle.dumps(array, 4)), array)


@pytest.mark.parametrize("name", ["nfnet_small_params.pkl", "nf_resnet50_w1_params.pkl"])
def test_reads_official_style_weights(name):
    tree = read_pickle(GOLDEN / name)
    leaves = [array for module in tree.values() for array in module.values()]
    count = {"nfnet_small_params.pkl": 178_272, "nf_resnet50_w1_params.pkl": 1_486_122}[name]
    assert sum(leaf.size for leaf in leaves) == count
    assert {leaf.dtype for leaf in leaves} == {np.dtype("float32")}


def test_reads_what_python_2_wrote():
    """The instructions of an official CIFAR-10 batch, with three small images."""
    pixels = bytes(range(12))
    text = lambda t: b"U" + bytes([len(t)]) + t  # noqa: E731
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x01(cnumpy\nndarray\nq\x02K\x00\x85U\x01bt"
        b"Rq\x03(K\x01K\x03K\x04\x86cnumpy\ndtype\nq\x04(U\x02u1K\x00K\x01tRq\x05"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89T\x0c\x00\x00\x00" + pixels + b"tb"
    )
    labels = b"]q\x06(K\x06K\x09K\x00e"
    batch = b"\x80\x02}q\x00(" + text(b"data") + array + text(b"labels") + labels + b"u."
    reference = pickle.loads(batch, encoding="bytes")
    assert same(read_pickle(batch), reference)
    assert reference[b"labels"] == [6, 9, 0] and reference[b"data"].shape == (3, 4)


@pytest.fixture
def trap(tmp_path):
    """A file that a hostile pickle would create, and its maker's shell command."""
    target = tmp_path / "executed"
    return target, f"touch {target}"


def hostile(command: str) -> dict[str, bytes]:
    mark = f"open({command.split()[1]!r}, 'w')"
    objects = {
        "os.system": Call(os.system, command),
        "subprocess": Call(subprocess.call, command.split()),
        "eval": Call(eval, mark),
        "exec": Call(exec, mark),
        "getattr": Call(getattr, "x", "upper"),
        "open": Call(builtins.open, command.split()[1], "w"),
        "import": Call(__import__, "antigravity"),
        "numpy.load": Call(np.load, "x.npy", None, True),
        "in a dict": {"weights": {"w": Call(os.system, command)}},
        "as a key": {Call(os.system, command): 1},
        "in an object array": np.array([Call(os.system, command)], dtype=object),
        "object array": np.array([{}], dtype=object),
        "structured array": np.zeros(2, dtype=[("a", "<f4")]),
        "text array": np.array(["a"]),
        "bool array": np.zeros(2, bool),
        "date array": np.zeros(2, "M8[s]"),
        "numpy scalar": np.float32(1),
        "BUILD on an object": WithState(),
        "complex": 1j,
        "set": {1, 2},
        "frozenset": frozenset([1]),
        "bytearray": bytearray(b"x"),
    }
    pickles = {name: pickle.dumps(value, 4) for name, value in objects.items()}
    shell = command.encode()
    return pickles | {
        "protocol 0": b"cposix\nsystem\n(S'" + shell + b"'\ntR.",
        "INST": b"(S'" + shell + b"'\niposix\nsystem\n.",
        "OBJ": b"(cposix\nsystem\nU" + bytes([len(shell)]) + shell + b"o.",
        "NEWOBJ": b"\x80\x02ccollections\nOrderedDict\n)\x81.",
        "persistent id": b"P" + shell + b"\n.",
        "binary persistent id": b"U\x01aQ.",
        "extension code": b"\x80\x02\x82\x01.",
        "extension code 4": b"\x80\x02\x84\x01\x00\x00\x00.",
        "ndarray called": b"cnumpy\nndarray\n(K\x05\x85tR.",
        "dtype of objects": b"cnumpy\ndtype\n(U\x01OtR.",
        "BUILD on a list": b"]}U\x01aK\x01sb.",
        "BUILD on a name": b"cnumpy\nndarray\n)b.",
        "a bare name": b"cnumpy\nndarray\n.",
        "a name in a list": b"](cnumpy\nndarray\ncnumpy\ndtype\ne.",
        "a name in a tuple in a dict": b"}U\x01acnumpy\nndarray\n\x85s.",
        "an unfilled array": b"cnumpy.core.multiarray\n_reconstruct\n)R.",
        "an unfilled array kept": b"]cnumpy.core.multiarray\n_reconstruct\n)Ra.",
        "dill with another function": b"cdill._dill\n_create_array\n(cnumpy\nndarray\n))tR.",
        "dill with attributes": b"cdill._dill\n_create_array\n"
        b"(cnumpy.core.multiarray\n_reconstruct\n))U\x01atR.",
        "dill's import": b"cdill._dill\n_import_module\n(U\x02ostR.",
        "a deep tuple as a key": b"})" + b"\x85" * 200_000 + b"Ns.",
        "millions of dicts": b"(" + b"}" * 2_000_000 + b"t.",
    }


@pytest.mark.parametrize("name", hostile("touch x"))
def test_refuses_everything_else_and_runs_nothing(name, trap, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    target, command = trap
    with pytest.raises(UserError, match="refused|damaged") as error:
        read_pickle(hostile(command)[name])
    assert not target.exists()
    assert os.listdir(tmp_path) == []
    assert "\n" not in str(error.value)


def test_the_trap_would_have_sprung(trap):
    target, command = trap
    pickle.loads(hostile(command)["os.system"])
    assert target.exists()


@pytest.mark.parametrize(
    ("pickled", "named"),
    [
        (pickle.dumps(Call(os.system, "true"), 4), "posix.system"),
        (b"Pid\n.", "kept outside the file"),
        (b"\x82\x01.", "extension code"),
        (pickle.dumps(np.array([None]), 4), "'O8'"),
    ],
)
def test_says_what_it_refused(pickled, named):
    with pytest.raises(UserError, match=named):
        read_pickle(pickled)


@pytest.mark.parametrize(
    "bomb",
    [
        b"N\x72\xff\xff\xff\x7f.",  # the unpickler would make a memo of two billion places
        b"\x8e" + (2**62).to_bytes(8, "little"),  # bytes of a length that no file has
        b"\x8b\xff\xff\xff\x7f",  # a number of two billion bytes
    ],
)
def test_a_length_is_never_believed(bomb):
    tracemalloc.start()
    try:
        read_pickle(bomb)
    except UserError:
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_shared_and_cyclic_lists_take_no_time():
    nested = []
    for _ in range(200):
        nested = [nested, nested]  # 2^200 leaves for a reader that walks without remembering
    assert len(read_pickle(pickle.dumps(nested, 4))) == 2
    loop = []
    loop.append(loop)
    result = read_pickle(pickle.dumps(loop, 4))
    assert result[0] is result


def test_an_array_must_fill_its_shape():
    good = pickle.dumps(np.arange(6, dtype=np.float32).reshape(2, 3), 4)
    assert read_pickle(good).shape == (2, 3)
    bad = good.replace(b"K\x02K\x03\x86", b"K\x03K\x03\x86")
    assert bad != good
    with pytest.raises(UserError, match="damaged"):
        read_pickle(bad)


def test_size_is_checked_before_reading(tmp_path):
    path = tmp_path / "large.pkl"
    with path.open("wb") as file:
        file.truncate(10**12)  # a hole: takes no space
    with pytest.raises(UserError, match="large.pkl has 1000000000000 bytes"):
        read_pickle(path)
    with pytest.raises(UserError, match="at most 10 "):
        read_pickle(GOOD, max_bytes=10)


def test_a_missing_file_or_a_folder_is_one_sentence(tmp_path):
    for path in (tmp_path / "missing.pkl", tmp_path):
        with pytest.raises(UserError, match="there is no file"):
            read_pickle(path)


def test_every_truncation_is_told():
    for length in range(len(GOOD)):
        with pytest.raises(UserError, match="damaged"):
            read_pickle(GOOD[:length])


def test_every_bit_flip_gives_data_or_a_user_error():
    for position in range(len(GOOD) * 8):
        flipped = bytearray(GOOD)
        flipped[position // 8] ^= 1 << position % 8
        only_plain_or_user_error(bytes(flipped))


@given(st.binary(max_size=300))
def test_random_bytes_give_data_or_a_user_error(data):
    only_plain_or_user_error(data)


@given(
    st.lists(
        st.sampled_from([op.code.encode("latin-1") for op in pickletools.opcodes])
        | st.binary(max_size=6)
    ),
    st.integers(0, len(GOOD)),
)
def test_random_programs_give_data_or_a_user_error(program, position):
    only_plain_or_user_error(b"".join(program) + b".")
    only_plain_or_user_error(GOOD[:position] + b"".join(program) + GOOD[position:])


def only_plain_or_user_error(data: bytes) -> None:
    try:
        value = read_pickle(data)
    except UserError:
        return
    waiting = [value]
    for _ in range(10_000):
        if not waiting:
            return
        value = waiting.pop()
        kinds = str, bytes, int, float, bool, type(None), list, tuple, dict, np.ndarray
        assert type(value) in kinds
        if isinstance(value, np.ndarray):
            assert value.dtype.kind in "iufc"
        elif isinstance(value, dict):
            waiting += [*value, *value.values()]
        elif isinstance(value, list | tuple):
            waiting += value


@pytest.mark.parametrize("name", ["FlatMapping", "FlatMap", "frozendict"])
def test_haiku_s_mappings_are_dicts(monkeypatch, name):
    """Depending on its version haiku keeps parameters in a mapping of its own, inside and out."""

    class Mapping:
        def __init__(self, content):
            self.content = content

        def __reduce__(self):
            return Mapping, (self.content,)

    Mapping.__module__, Mapping.__qualname__ = "haiku._src.data_structures", name
    module = types.ModuleType("haiku._src.data_structures")
    setattr(module, name, Mapping)
    for parent in ("haiku", "haiku._src"):
        monkeypatch.setitem(sys.modules, parent, types.ModuleType(parent))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    tree = {"a": {"w": np.arange(3.0)}, "b": {"w": np.ones(2)}}
    nested = Mapping({key: Mapping(value) for key, value in tree.items()})
    for protocol in (3, 4):
        assert same(read_pickle(pickle.dumps(nested, protocol)), tree)


@pytest.mark.parametrize("arguments", [b"(tR.", b"(]tR.", b"(}}tR.", b"(cnumpy\nndarray\ntR."])
def test_haiku_s_mappings_take_one_dict(arguments):
    with pytest.raises(UserError):
        read_pickle(b"chaiku._src.data_structures\nFlatMapping\n" + arguments)
