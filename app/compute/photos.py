"""What a worker does with photos: one net in memory, asked about one picture after the other.

Importing this module loads no torch; the functions that `Photos` is given do.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from app.compute.items import ModelFacts, ModelsItem
from app.compute.jobs import Classify, Item
from nfnet.events import Loading
from nfnet.photo import Answer, Question
from nfnet.run import UserError
from nfnet.variants import MODELS

# Nets that a photo can be shown to, the first choice first.
NAMES = [name for name in (*(f"nfnet_f{n}" for n in range(7)), "nfnet_mini") if name in MODELS]
MISSING = (
    "the weights of {0} are not on this server; whoever runs it can fetch them with "
    "python -m nfnet download {0}"
)


class Classifier(Protocol):
    def answer(self, data: bytes, question: Question) -> Answer: ...


@dataclasses.dataclass
class Photos:
    """The nets for photos on this machine.

    Args:
        find: the file of a model's weights, if it is here; asks no network.
        fetch: downloads it; the generator's value is the file.
        load: the generator's value is the model with the weights of a file.
        describe: what a file says of itself, in a sentence.
        count: a model's parameters.
        published: model -> bytes of the file that `fetch` would download.
    """

    find: Callable[[str], Path | None]
    fetch: Callable[[str], Generator[Loading, None, Path]]
    load: Callable[[str, Path], Generator[Loading, None, Classifier]]
    describe: Callable[[Path], str]
    count: Callable[[str], int]
    published: Mapping[str, int]
    _held: tuple[Any, Classifier] | None = None

    def models(self) -> Iterator[Item]:
        """The list of the nets; then loads the first one that is here."""
        facts = [self._facts(name) for name in NAMES]
        yield ModelsItem(models=facts)
        first = next((each["name"] for each in facts if each["on_disk"]), None)
        if first and self._held is None:
            yield from self._hold(first, silent=True)

    def _facts(self, name: str) -> ModelFacts:
        path = self.find(name)
        return ModelFacts(
            name=name,
            on_disk=path is not None,
            parameters=self.count(name),
            bytes=path.stat().st_size if path else self.published.get(name, 0),
            published=name in self.published,
            about=self.describe(path) if path else "",
        )

    def classify(self, job: Classify) -> Iterator[Item]:
        """Loading, where the net is not in memory, then the answer."""
        yield from self._hold(job.question.model)
        answer = self._held[1].answer(job.image, job.question)
        yield {"answer": answer.to_json()}

    def download(self, name: str) -> Iterator[Item]:
        for loading in self.fetch(name):
            yield _item(loading)

    def _hold(self, name: str, silent: bool = False) -> Iterator[Item]:
        """Takes the net into memory. The one before goes first: two large ones may not fit."""
        path = self.find(name)
        if path is None:
            raise UserError(MISSING.format(name))
        version = (name, path, path.stat().st_mtime_ns)
        if self._held and self._held[0] == version:
            return
        self._held = None
        steps = self.load(name, path)
        while True:
            try:
                loading = next(steps)
            except StopIteration as end:
                self._held = (version, end.value)
                return
            if not silent:
                yield _item(loading)


def _item(loading: Loading) -> Item:
    return {"loading": dataclasses.asdict(loading)}
