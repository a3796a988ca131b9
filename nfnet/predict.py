"""From a picture to what a network makes of it.

The pictures are prepared as the official evaluation does: both sides resized to S + 32, whatever
the aspect, bicubic, then the central S x S; weights of our own say in their file how theirs were.
"""

from __future__ import annotations

import dataclasses
import io
import os
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from nfnet.checkpoint import Preprocessing, WeightsInfo, read_metadata
from nfnet.classes import imagenet_classes
from nfnet.conv import fold
from nfnet.devices import pick_device
from nfnet.events import Loading
from nfnet.evidence import counting, heat_map
from nfnet.images import read_file, read_image, shade, turn
from nfnet.packed import can_pack, pack
from nfnet.photo import DEFAULT_MODEL, Answer, Occlusion, Prediction, Question
from nfnet.relay import returned
from nfnet.run import UserError
from nfnet.variants import MODELS
from nfnet.weights import blank, create_model, fetch_weights, load_weights

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's training images
MARGIN = 32  # px that the official evaluation cuts off
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Classifier:
    """A net ready to answer, with everything it takes to ask it."""

    name: str
    model: nn.Module  # NFNet or ResNet in evaluation mode, folded or not
    classes: tuple[tuple[str, str], ...]  # (WordNet's name or "", label) by index
    preprocessing: Preprocessing
    threshold: float | None = None  # below this probability the net may not know
    temperature: float = 1.0  # divides the logits

    def answer(self, data: bytes, question: Question) -> Answer:
        """Answers one question about the picture in a file's bytes.

        Raises:
            UserError: the bytes are no picture that is read here (see `nfnet.images.read_image`).
        """
        image = turn(read_image(data), question.perturbation, self._grey)
        image = shade(square(image, self.preprocessing), question.perturbation)
        if question.occlusion is not None:
            image = occlude(image, question.occlusion, self._grey)
        began = time.perf_counter()
        with counting(self.model) as count:
            features, logits = self.run(self.tensor(image))
        seconds = time.perf_counter() - began
        predictions = self.rank(logits, question.top)
        evidence = None
        if question.heat_map:
            weight = self.model.classifier.weight[predictions[0].index].detach()
            evidence = heat_map(features[0], weight).tolist()
        return Answer(
            model=self.name,
            predictions=tuple(predictions),
            seconds=seconds,
            multiply_adds=count.total,
            resolution=self.preprocessing.resolution,
            seen=_jpeg(image),
            heat_map=evidence,
            threshold=self.threshold,
        )

    def classify(self, image: Image.Image, top: int = 5) -> list[Prediction]:
        """The most probable classes of an RGB picture, most probable first."""
        _, logits = self.run(self.tensor(square(image, self.preprocessing)))
        return self.rank(logits, top)

    def tensor(self, image: Image.Image) -> Tensor:
        """The net's input, (1, 3, S, S), for the square picture that it is to see."""
        pixels = torch.from_numpy(np.asarray(image, np.float32) / 255)  # (S, S, 3)
        mean, std = (torch.tensor(x) for x in (self.preprocessing.mean, self.preprocessing.std))
        batch = ((pixels - mean) / std).permute(2, 0, 1)[None]  # channels_last by its strides
        return batch.to(next(self.model.parameters()))

    @torch.inference_mode()
    def run(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(1, 3, S, S) -> the features (1, C, h, w) that the head averages, the logits (classes,).

        The head works in float32: eight bits of a bfloat16 logit would tie neighbours.
        """
        features = self.model.features(images)
        pooled = features.float().mean((2, 3)) * self.model.gamma
        logits = self.model.classifier(pooled)[0].cpu()
        if not torch.isfinite(logits).all():
            raise UserError("the net's answer is not a number; its weights do not fit the net")
        return features, logits

    def rank(self, logits: Tensor, top: int) -> list[Prediction]:
        """The `top` most probable classes of (classes,) logits."""
        values, indices = (logits / self.temperature).softmax(0).topk(min(top, len(logits)))
        return [
            Prediction(index, self.classes[index][1], probability, self.classes[index][0])
            for index, probability in zip(indices.tolist(), values.tolist(), strict=True)
        ]

    @property
    def _grey(self) -> tuple[int, int, int]:
        """The colour that is zero to the net."""
        return tuple(round(255 * min(max(mean, 0.0), 1.0)) for mean in self.preprocessing.mean)


def classify(
    image: Image.Image | bytes | str | os.PathLike[str],
    model: str | Classifier | nn.Module,
    top: int = 5,
) -> list[Prediction]:
    """What a net makes of a picture: the most probable classes, most probable first.

    Args:
        image: a picture, a file's bytes or its path.
        model: a name, whose weights are found or downloaded; or what `load_classifier` returns, for
            more than one picture; or an NFNet or ResNet, which is taken to know ImageNet's classes
            if it has 1000, and pictures prepared as ImageNet's are.
        top: how many classes.

    Raises:
        UserError: the file cannot be read or is no JPEG, PNG or WebP picture, or there are no
            weights of that name.
    """
    if isinstance(image, bytes):
        image = read_image(image)
    elif not isinstance(image, Image.Image):
        image = read_image(read_file(image))
    if isinstance(model, str):
        model = returned(load_classifier(model))
    elif not isinstance(model, Classifier):
        info = getattr(model, "weights_info", None)
        model = _as_classifier("", fold(model) if model.training else model, info)
    return model.classify(image.convert("RGB"), Question(top=top).top)


def load_classifier(
    model: str | None,
    weights: str | os.PathLike[str] | None = None,
    device: str | torch.device = "auto",
    precision: str = "auto",
) -> Generator[Loading, None, Classifier]:
    """Returns a net with its weights, ready to answer; events tell how far a download is.

    Args:
        model: its name; None: what weights of our own say they are, else the default, F0.
        weights: a file's path; None for the published or shipped ones, from disk or the network.
        device: "auto" is CUDA, then MPS, then the CPU.
        precision: "float32", "bfloat16", or "auto": bfloat16 where this machine gains by it.

    Raises:
        UserError: there are no weights to be had (a net with random ones is never asked), they are
            damaged or another net's, or there is no such model, device or precision.
    """
    if precision not in ("auto", *PRECISIONS):
        raise UserError(f"precision must be auto, {', '.join(PRECISIONS)}, not {precision!r}")
    device = pick_device(device)
    if weights is None:
        model = model or DEFAULT_MODEL
        path = yield from fetch_weights(model)
    else:
        path = Path(weights)
    info = read_metadata(path)
    if model is None and info is not None:
        net = blank(info.config)
        load_weights(net, path)
        net = net.to(device)
    else:
        net = create_model(model or DEFAULT_MODEL, weights=path, device=device)
    classifier = _as_classifier(model or path.stem, fold(net), info)
    classifier.model.to(memory_format=torch.channels_last)  # as the pictures are stored
    large = sum(p.numel() for p in net.parameters()) > 10_000_000  # a small net gains nothing
    if precision == "bfloat16" or (precision == "auto" and large and gains_by_bfloat16(device)):
        halve(classifier.model)
    if can_pack(classifier.model):
        classifier = dataclasses.replace(classifier, model=pack(classifier.model))
    return classifier


def gains_by_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 faster than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    able = torch.cpu.get_capabilities()
    return device.type == "cpu" and bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def halve(model: nn.Module) -> None:
    """Makes a folded net compute in bfloat16, its head excepted; in place."""
    model.to(torch.bfloat16)
    model.classifier.float()


def square(image: Image.Image, preprocessing: Preprocessing) -> Image.Image:
    """The square picture that the net is to see.

    Resizing to S + margin ("squash": both sides, else the shorter) and cropping the centre are one
    step here, so that a picture of any shape costs no more than another.
    """
    side = preprocessing.resolution
    share = side / (side + preprocessing.margin)
    width, height = image.size
    if preprocessing.resize != "squash":
        width = height = min(image.size)
    left, top = (image.width - width * share) / 2, (image.height - height * share) / 2
    box = (left, top, left + width * share, top + height * share)
    return image.resize((side, side), Image.Resampling.BICUBIC, box)


def occlude(image: Image.Image, occlusion: Occlusion, fill: tuple[int, int, int]) -> Image.Image:
    """The picture with a square of one colour over it; what sticks out is cut off."""
    image, half = image.copy(), occlusion.side / 2
    left, right = (round((occlusion.x + d) * image.width) for d in (-half, half))
    top, bottom = (round((occlusion.y + d) * image.height) for d in (-half, half))
    image.paste(fill, (left, top, right, bottom))
    return image


def _as_classifier(name: str, model: nn.Module, info: WeightsInfo | None) -> Classifier:
    if info is not None:
        rest = (info.classes, info.preprocessing, info.threshold, info.temperature)
        return Classifier(name, model, *rest)
    count = model.classifier.out_features
    classes = imagenet_classes()
    if count != len(classes):
        classes = tuple(("", f"class {n}") for n in range(count))
    row = MODELS.get(name, model.config)
    side = row.test_size or 224
    return Classifier(name, model, classes, Preprocessing(side, MEAN, STD, "squash", MARGIN))


def _jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()
