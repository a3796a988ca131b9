"""Which operation a net is busy with, and for how long: a clock read wherever one gives way to the
next, in the forward pass around calls, in the backward pass around nodes of the graph.

PyTorch's profiler tells the same in wall time, which on a busy machine counts the work of others
too. Here any clock will do.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.graph import Node
from torch.overrides import TorchFunctionMode

from nfnet.conv import WSConv2d

CONVOLUTION, NORMALIZATION, OTHER = "convolution", "normalization", "other"
ACTIVATION, ADDITION = "activation", "addition"
OPERATIONS = (CONVOLUTION, NORMALIZATION, ACTIVATION, ADDITION, OTHER)
_STANDARDIZATION = "standardization"  # told as normalization
_CALLS: dict[Callable, str] = {
    F.conv2d: CONVOLUTION,
    F.pad: CONVOLUTION,
    F.relu: ACTIVATION,
    F.gelu: ACTIVATION,
    F.silu: ACTIVATION,
    Tensor.add: ADDITION,
}
_METHODS = (
    (WSConv2d, "effective_weight", _STANDARDIZATION),
    (WSConv2d, "effective_bias", _STANDARDIZATION),
    (nn.BatchNorm2d, "forward", NORMALIZATION),
)


class Clock(Protocol):
    """Moments, and the seconds between two of them."""

    def read(self) -> Any: ...

    def seconds(self, before: Any, after: Any) -> float: ...


class CpuClock:
    """CPU time of this process, or the wall's time where it computes with several threads."""

    def __init__(self) -> None:
        self.read = time.process_time if torch.get_num_threads() == 1 else time.perf_counter

    def seconds(self, before: float, after: float) -> float:
        return after - before


class CudaClock:
    """Moments of the GPU's own time line, which nothing has to wait for while it works."""

    def read(self) -> torch.cuda.Event:
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def seconds(self, before: torch.cuda.Event, after: torch.cuda.Event) -> float:
        after.synchronize()
        return before.elapsed_time(after) / 1e3


class Stopwatch:
    """Seconds by operation, out of OPERATIONS, of one forward and one backward pass.

    with stopwatch.forward(model):
        loss = ...
    stopwatch.backward(loss)
    stopwatch.forward_seconds, stopwatch.backward_seconds
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.forward_seconds: dict[str, float] = {}
        self.backward_seconds: dict[str, float] = {}
        self._marks: list[tuple[str, Any]] = []
        self._operations: dict[Node, str] = {}  # that have left these nodes behind

    @contextmanager
    def forward(self, model: nn.Module) -> Iterator[None]:
        """Watches what is called inside; `model` is the net whose normalizers are to be told."""
        with self._normalizers(model), _Calls(self):
            self._now(OTHER)
            yield
            self._now(OTHER)
        self.forward_seconds = self._finish()

    def backward(self, loss: Tensor) -> None:
        """Runs the backward pass and watches it."""
        self._watch_nodes(loss.grad_fn)
        self._now(OTHER)
        loss.backward()
        self._now(OTHER)
        self.backward_seconds = self._finish()

    def run(self, operation: str, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The call's result; its time, and later that of its gradient, belong to `operation`."""
        self._now(operation)
        result = call(*args, **kwargs)
        self._now(OTHER)
        # the nodes that the call has added to the graph lie between its result and its arguments
        old = {getattr(argument, "grad_fn", None) for argument in (*args, *kwargs.values())}
        new = [getattr(result, "grad_fn", None)]
        while new:
            node = new.pop()
            if node is not None and node not in old and node.next_functions:
                self._operations[node] = operation
                old.add(node)
                new += [following for following, _ in node.next_functions]
        return result

    @contextmanager
    def _normalizers(self, model: nn.Module) -> Iterator[None]:
        """Their methods belong to normalization as a whole, whatever they call."""
        watched = [
            (module, name, operation)
            for module in model.modules()
            for kind, name, operation in _METHODS
            if isinstance(module, kind)
        ]
        for module, name, operation in watched:
            setattr(module, name, partial(self._plainly, operation, getattr(module, name)))
        try:
            yield
        finally:
            for module, name, _ in watched:
                delattr(module, name)  # the class's own is there again

    def _plainly(self, operation: str, method: Callable[..., Any], *args: Any) -> Any:
        with torch._C.DisableTorchFunction():  # calls inside are not watched: that takes time
            return self.run(operation, method, *args)

    def _watch_nodes(self, root: Node) -> None:
        """Every node of the graph is to say when it begins and ends.

        Where two gradients meet, as they do before every residual block, they are added as soon as
        the second one is there: after a node, and in none.
        """
        nodes, queue, arrivals = {root}, [root], Counter()
        while queue:
            for edge in queue.pop().next_functions:
                following = edge[0]
                if following is None:
                    continue
                arrivals[edge] += 1
                if following not in nodes and following.next_functions:
                    nodes.add(following)
                    queue.append(following)
        # numbers for edges: nodes in what a hook holds would never be freed
        meetings = {edge: number for number, edge in enumerate(arrivals) if arrivals[edge] > 1}
        here: set[int] = set()
        for node in nodes:
            operation = self._operations.get(node, OTHER)
            meets = {meetings[edge] for edge in node.next_functions if edge in meetings}
            node.register_prehook(partial(self._begin, operation))
            node.register_hook(partial(self._end, operation, meets, here))
        self._operations.clear()

    def _begin(self, operation: str, gradients: Any) -> None:
        self._now(operation)

    def _end(self, operation: str, meets: set[int], here: set[int], *gradients: Any) -> None:
        if not meets & here:
            self._now(OTHER)
        elif operation != _STANDARDIZATION:  # there gradients of weights meet: its own affair
            self._now(ADDITION)
        here |= meets

    def _now(self, operation: str) -> None:
        self._marks.append((operation, self.clock.read()))

    def _finish(self) -> dict[str, float]:
        marks, self._marks = self._marks, []
        seconds: dict[str, float] = defaultdict(float, dict.fromkeys(OPERATIONS, 0.0))
        for (operation, began), (_, ended) in zip(marks, marks[1:], strict=False):
            seconds[operation] += self.clock.seconds(began, ended)
        seconds[NORMALIZATION] += seconds.pop(_STANDARDIZATION, 0.0)
        return dict(seconds)


class _Calls(TorchFunctionMode):
    """Tells the stopwatch of every call of an operation."""

    def __init__(self, stopwatch: Stopwatch) -> None:
        super().__init__()
        self.stopwatch = stopwatch

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        operation = _CALLS.get(func)
        if operation is None:
            return func(*args, **(kwargs or {}))
        return self.stopwatch.run(operation, func, *args, **(kwargs or {}))
