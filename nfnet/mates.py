"""One picture's answer in different company: what the other examples of a batch do to it.

Batch normalization in training mode takes its mean and variance from the whole batch, so every
example's output depends on all the others. A normalizer-free net works on each example alone.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from nfnet.images import read_image
from nfnet.predict import Classifier, square
from nfnet.run import UserError
from nfnet.strangers import COPY, first_company, picture
from nfnet.weights import blank, load_weights, read_metadata

NETS = {"batch": "bn_nfnet_mini", "nf": "nfnet_mini"}  # the same net twice, trained the same way
SHOWN_SIDE = 144  # px of the picture that is sent back


@contextlib.contextmanager
def mode(model: nn.Module, training: bool) -> Iterator[None]:
    """The model in training or evaluation mode, and afterwards to the last bit as it was.

    Training mode uses the batch's statistics without adding them to the stored averages.
    """
    modes = [(module, module.training) for module in model.modules()]
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    tracked = [norm.track_running_stats for norm in norms]
    model.train(training)
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for module, was in modes:
            module.training = was
        for norm, was in zip(norms, tracked, strict=True):
            norm.track_running_stats = was


def logits(model: nn.Module, images: Tensor, training: bool) -> Tensor:
    """(N, 3, H, W) -> (N, classes): every seat's answer, in this company. The model stays as it is.

    In training mode a batch-normalized model uses the statistics of these N images, in evaluation
    mode its stored averages.
    """
    with mode(model, training), torch.no_grad():
        return model(images)


def reach(model: nn.Module, images: Tensor, label: int, seat: int = 0) -> Tensor:
    """How far one example's loss reaches: ‖∂ loss(seat) / ∂ pixels(i)‖ for each seat i, (N,).

    The loss is the cross-entropy of that seat's logits with `label`, in training mode. Where the
    examples are independent, all but the seat's own are exactly zero.
    """
    pixels = images.detach().clone().requires_grad_()
    with mode(model, True), torch.enable_grad():
        loss = F.cross_entropy(model(pixels)[seat : seat + 1], torch.tensor([label]))
        (gradient,) = torch.autograd.grad(loss, pixels)
    return torch.linalg.vector_norm(gradient.flatten(1), dim=1)


@dataclass(frozen=True)
class Answer:
    """What one net says to the picture at the first seat. Differences are of logits, the largest.

    Attributes:
        labels: the five classes that are most probable in this company or in the first one; what
            the net says in either is among them.
        here, first, evaluation: their probabilities in this company and in the first one, both in
            training mode, and in evaluation mode.
        here_label, first_label, evaluation_label: the most probable class of each.
        difference: between this company and the first one of equal size.
        alone: between this company and the picture by itself.
        gap: between training and evaluation mode.
        scale: the largest logit in this company, to compare those three with.
        reach: see `reach`; the label is what the net says in evaluation mode.
        seen: the own picture as a JPEG in base64, where it was not one of the named ones.
    """

    norm: str
    labels: list[str]
    here: list[float]
    first: list[float]
    evaluation: list[float]
    here_label: str
    first_label: str
    evaluation_label: str
    difference: float
    alone: float
    gap: float
    scale: float
    reach: list[float]
    seen: str


def answers(company: Sequence[str], own: str = "", image: bytes = b"") -> Iterator[Answer]:
    """Both nets' answers to one picture in a company of named ones (see `nfnet.strangers`).

    Args:
        company: the pictures at the other seats; "copy" is the own picture once more.
        own: the picture's name, or "" for the file in `image`.

    Raises:
        UserError: an unknown name, or bytes that are no picture.
    """
    if not own and not image:
        raise UserError("choose a picture for the first seat")
    mine = picture(own) if own else read_image(image)
    seen = "" if own else _jpeg(mine)
    first = first_company(own, len(company))
    for norm in NETS:
        net = load(norm)
        seats, before = (_batch(net, mine, names) for names in (company, first))
        yield answer(norm, net, seats, before, seen)


def items(company: Sequence[str], own: str = "", image: bytes = b"") -> Iterator[dict[str, Any]]:
    """`answers` as dicts of JSON values."""
    return map(asdict, answers(company, own, image))


def answer(norm: str, net: Classifier, seats: Tensor, before: Tensor, seen: str = "") -> Answer:
    """One net's answer to the first picture of the batch `seats`, held against the one `before`."""
    here, first, alone = (logits(net.model, x, True)[0] for x in (seats, before, seats[:1]))
    fixed = logits(net.model, seats, False)[0]
    in_all = [(x / net.temperature).softmax(0) for x in (here, first, fixed)]
    weight = torch.maximum(in_all[0], in_all[1])
    for said in in_all[:2]:
        weight[said.argmax()] = 2.0  # what it says is shown, however little it believes it
    chosen = weight.topk(min(5, len(here))).indices
    chosen = chosen[in_all[0][chosen].argsort(descending=True)]
    best = [net.classes[int(each.argmax())][1] for each in in_all]
    return Answer(
        norm,
        [net.classes[i][1] for i in chosen.tolist()],
        *(each[chosen].tolist() for each in in_all),
        *best,
        *(largest(here - other) for other in (first, alone, fixed)),
        largest(here),
        reach(net.model, seats, int(fixed.argmax())).tolist(),
        seen,
    )


def largest(values: Tensor) -> float:
    return float(values.abs().max())


@functools.cache
def load(norm: str) -> Classifier:
    """The shipped net with this normalizer, not folded, on the CPU; loaded once.

    On the CPU, whatever the machine has: what is claimed of equal bits is claimed of its kernels.
    """
    path = Path(__file__).with_name("models") / f"{NETS[norm]}.safetensors"
    info = read_metadata(path)
    model = blank(info.config)
    load_weights(model, path)
    model.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    return Classifier(
        NETS[norm], model, info.classes, info.preprocessing, info.threshold, info.temperature
    )


def _batch(net: Classifier, own: Image.Image, company: Sequence[str]) -> Tensor:
    """(N, 3, S, S): the own picture and its company, as the net sees them."""
    images = [own, *(own if name == COPY else picture(name) for name in company)]
    return torch.cat([net.tensor(square(image, net.preprocessing)) for image in images])


def _jpeg(image: Image.Image) -> str:
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    shown = image.resize((SHOWN_SIDE, SHOWN_SIDE), box=(left, top, left + side, top + side))
    file = io.BytesIO()
    shown.save(file, "JPEG", quality=90)
    return base64.b64encode(file.getvalue()).decode("ascii")
