"""From a picture to an answer, by nets whose answer is known or computed a second way."""

import io
import json
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import nfnet
from nfnet.checkpoint import Preprocessing
from nfnet.classes import imagenet_classes
from nfnet.conv import fold
from nfnet.events import Loading
from nfnet.evidence import counting, heat_map
from nfnet.photo import Occlusion, Perturbation, Question
from nfnet.predict import MARGIN, MEAN, STD, Classifier, halve, load_classifier, occlude, square
from nfnet.run import UserError
from nfnet.variants import MODELS
from nfnet.weights import build, save_weights
from tests.nfnet import picture_files as files

NAME = "nfnet_xs"
PREPROCESSING = Preprocessing(24, (0.5, 0.4, 0.3), (0.2, 0.25, 0.3), "short side", 4)
CLASSES = [(f"n{n:08d}", f"label {n}") for n in range(10)]


def finish(loading: Generator[Loading, None, Classifier]) -> Classifier:
    while True:
        try:
            next(loading)
        except StopIteration as done:
            return done.value


def random_net(name: str = NAME) -> nn.Module:
    """A net whose answers depend on the picture: the skip gains start at 0, and are moved."""
    torch.manual_seed(0)
    model = build(MODELS[name]).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        model.classifier.weight.mul_(20)
    return model


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> tuple[nn.Module, Path]:
    model, path = random_net(), tmp_path_factory.mktemp("weights") / "own.safetensors"
    provenance = {"threshold": 0.4, "temperature": 2.0}
    save_weights(model, path, classes=CLASSES, preprocessing=PREPROCESSING, provenance=provenance)
    return model, path


@pytest.fixture(scope="module")
def classifier(saved) -> Classifier:
    return finish(load_classifier(None, saved[1], "cpu"))


def by_hand(model: nn.Module, image: Image.Image) -> Tensor:
    """The probabilities, every step written out with other means."""
    side, margin = PREPROCESSING.resolution, PREPROCESSING.margin
    scale = (side + margin) / min(image.size)
    resized = image.resize([round(s * scale) for s in image.size], Image.Resampling.BICUBIC)
    left, top = ((s - side) // 2 for s in resized.size)
    pixels = np.asarray(resized.crop((left, top, left + side, top + side)), np.float64) / 255
    pixels = (pixels - PREPROCESSING.mean) / PREPROCESSING.std
    with torch.no_grad():
        logits = model(torch.tensor(pixels.transpose(2, 0, 1)[None], dtype=torch.float32))[0]
    return (logits / 2.0).softmax(0)


def test_an_own_net_answers_as_computed_by_hand(saved, classifier) -> None:
    image = files.picture(144, 112)  # resizes to whole pixels with whole margins
    expected = by_hand(saved[0], image)
    answer = classifier.answer(files.save(image, "PNG"), Question(NAME, top=3))
    assert [p.index for p in answer.predictions] == expected.argsort(descending=True)[:3].tolist()
    for prediction in answer.predictions:
        assert prediction.probability == pytest.approx(expected[prediction.index].item(), rel=1e-4)
        assert (prediction.wnid, prediction.label) == CLASSES[prediction.index]
    assert answer.predictions[0].probability > 0.2  # the picture is not a draw
    assert (answer.threshold, answer.resolution, answer.model) == (0.4, 24, "own")
    with Image.open(io.BytesIO(answer.seen)) as seen:
        assert (seen.format, seen.size) == ("JPEG", (24, 24))


def test_a_named_model_and_what_the_file_says_agree(saved, classifier) -> None:
    named = finish(load_classifier(NAME, saved[1], "cpu"))
    data = files.good()["jpeg"]
    one, other = (c.answer(data, Question(NAME)) for c in (named, classifier))
    assert one.predictions == other.predictions and named.name == NAME


def test_folding_changes_no_probability(saved, classifier) -> None:
    raw = replace(classifier, model=saved[0])
    image = files.picture()
    for one, other in zip(raw.classify(image, 10), classifier.classify(image, 10), strict=True):
        assert one.index == other.index
        assert one.probability == pytest.approx(other.probability, rel=1e-5)


@pytest.mark.parametrize("name", [NAME, "nf_resnet_small", "bn_resnet_small"])
def test_the_head_is_the_models_own(name: str) -> None:
    model = random_net(name)
    net = Classifier("", model, tuple(CLASSES), PREPROCESSING)
    images = torch.randn(1, 3, 24, 24)
    _, logits = net.run(images)
    with torch.no_grad():
        assert torch.allclose(logits, model(images)[0], atol=1e-5)


def test_bfloat16_is_close(saved, classifier) -> None:
    half = finish(load_classifier(None, saved[1], "cpu", precision="bfloat16"))
    assert half.model.stem[0].weight.dtype == torch.bfloat16
    assert half.model.classifier.weight.dtype == torch.float32
    exact = {p.index: p.probability for p in classifier.classify(files.picture(), 10)}
    for prediction in half.classify(files.picture(), 10):
        assert prediction.probability == pytest.approx(exact[prediction.index], abs=0.05)
    answer = half.answer(files.good()["png"], Question(NAME, heat_map=True))
    assert max(map(max, answer.heat_map)) == 1.0


def test_a_small_net_is_not_halved(classifier) -> None:
    assert {p.dtype for p in classifier.model.parameters()} == {torch.float32}


def test_official_preprocessing_squashes_with_a_margin() -> None:
    image = files.picture(333, 500)
    official = image.resize((288, 288), Image.Resampling.BICUBIC).crop((16, 16, 272, 272))
    seen = square(image, Preprocessing(256, MEAN, STD, "squash", MARGIN))
    assert np.array_equal(np.asarray(seen), np.asarray(official))


@pytest.mark.parametrize("size", [(1, 1), (12_000, 1), (1, 12_000), (3, 2)])
@pytest.mark.parametrize("resize", ["squash", "short side"])
def test_any_shape_becomes_a_square(size: tuple[int, int], resize: str) -> None:
    preprocessing = Preprocessing(64, MEAN, STD, resize, MARGIN)
    assert square(Image.new("RGB", size), preprocessing).size == (64, 64)


def test_published_nets_know_imagenet() -> None:
    classes = imagenet_classes()
    assert len(classes) == 1000 == len({wnid for wnid, _ in classes})
    assert classes[0] == ("n01440764", "tench") and classes[999] == ("n15075141", "toilet paper")
    assert classes[945] == ("n07720875", "bell pepper")
    assert [wnid for wnid, _ in classes] == sorted(wnid for wnid, _ in classes)


def test_classify_takes_pictures_bytes_and_paths(saved, tmp_path: Path) -> None:
    model, image = saved[0], files.picture()
    (tmp_path / "a.png").write_bytes(files.save(image, "PNG"))
    given = [image, files.save(image, "PNG"), tmp_path / "a.png", str(tmp_path / "a.png")]
    answers = [nfnet.classify(one, model, top=4) for one in given]
    assert len(answers[0]) == 4 and all(answer == answers[0] for answer in answers)
    assert answers[0][0].label == f"class {answers[0][0].index}"
    model.train()
    try:
        assert nfnet.classify(image, model, top=4)[0].index == answers[0][0].index
        assert model.training
    finally:
        model.eval()
    with pytest.raises(UserError, match="top must be"):
        nfnet.classify(image, model, top=0)
    with pytest.raises(UserError, match="no such file"):
        nfnet.classify(tmp_path / "b.png", model)


class LeftHalf(nn.Module):
    """Answers "bright" by how bright a place is, place by place: evidence known by construction."""

    gamma = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 8, 8)  # means over 8 x 8 pixels of brightness and of its lack
        self.classifier = nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            self.conv.weight.fill_(1 / 192)
            self.conv.weight[1].mul_(-1)
            self.conv.bias.zero_()
            self.classifier.weight.copy_(torch.tensor([[1.0, -1.0], [-1.0, 1.0]]))

    def features(self, images: Tensor) -> Tensor:
        return self.conv(images).relu()


@pytest.fixture
def bright() -> Classifier:
    plain = Preprocessing(64, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), "squash", 0)
    return Classifier("bright", LeftHalf(), (("", "bright"), ("", "dark")), plain)


def spot() -> bytes:
    image = Image.new("RGB", (64, 64), (128, 128, 128))
    image.paste((255, 255, 255), (8, 40, 16, 48))  # column 1, row 5 of the map
    return files.save(image, "PNG")


def test_the_heat_map_points_at_the_object(bright) -> None:
    answer = bright.answer(spot(), Question(heat_map=True))
    assert answer.predictions[0].label == "bright"
    heat = np.array(answer.heat_map)
    assert heat.shape == (8, 8) and heat[5, 1] == 1.0
    assert np.delete(heat.ravel(), 5 * 8 + 1).max() < 0.05
    assert bright.answer(spot(), Question()).heat_map is None


def test_occlusion_hides_the_object(bright) -> None:
    def certain(occlusion: Occlusion | None) -> float:
        answer = bright.answer(spot(), Question(occlusion=occlusion))
        return {p.label: p.probability for p in answer.predictions}["bright"]

    open_, elsewhere = certain(None), certain(Occlusion(0.8, 0.2, 0.2))
    hidden = certain(Occlusion(12 / 64, 44 / 64, 0.2))
    assert open_ > hidden and elsewhere == pytest.approx(open_, abs=2e-3)
    image = occlude(Image.new("RGB", (10, 10)), Occlusion(0.0, 0.5, 0.4), (9, 9, 9))
    assert np.argwhere(np.asarray(image)[..., 0]).tolist() == [
        [y, x] for y in range(3, 7) for x in range(2)
    ]


def test_perturbations_reach_the_net(bright) -> None:
    def certain(**changes: float) -> float:
        question = Question(perturbation=Perturbation(**changes))
        answer = bright.answer(spot(), question)
        return {p.label: p.probability for p in answer.predictions}["bright"]

    assert certain(brightness=1.5) > certain() > certain(brightness=0.5)
    assert certain(crop=0.4) < certain()  # the spot is cut off
    assert certain(rotation=180) == pytest.approx(certain(), abs=1e-3)
    assert certain(noise=0.2) == certain(noise=0.2) != certain()


def test_the_heat_map_is_grad_cam(saved) -> None:
    model = fold(saved[0])
    features = model.features(torch.randn(1, 3, 32, 32)).detach().requires_grad_()
    logits = model.classifier(features.mean((2, 3)) * model.gamma)[0]
    best = logits.argmax()
    (gradient,) = torch.autograd.grad(logits[best], features)
    cam = (gradient.mean((2, 3), keepdim=True) * features).sum(1)[0].relu().detach()
    ours = heat_map(features[0].detach(), model.classifier.weight[best])
    assert torch.allclose(ours, cam / cam.max(), atol=1e-5)
    assert heat_map(torch.zeros(4, 2, 2), torch.ones(4)).tolist() == [[0.0, 0.0], [0.0, 0.0]]


@pytest.mark.parametrize(("name", "billions"), [("nfnet_f0", 12.38), ("nfnet_f1", 35.54)])
def test_multiply_adds_are_the_papers(name: str, billions: float) -> None:
    config = MODELS[name]
    with torch.device("meta"):
        model = build(config)
    with counting(model) as count, torch.no_grad():
        model(torch.empty(1, 3, config.test_size, config.test_size, device="meta"))
    assert round(count.total / 1e9, 2) == billions
    before = count.total
    with torch.no_grad():
        model(torch.empty(1, 3, 32, 32, device="meta"))
    assert count.total == before  # the hooks are gone


def test_an_answer_counts_its_own_pass(saved, classifier) -> None:
    with counting(saved[0]) as count, torch.no_grad():
        saved[0](torch.zeros(1, 3, 24, 24))
    assert classifier.answer(files.good()["png"], Question(NAME)).multiply_adds == count.total > 0


def test_answers_that_are_no_numbers_are_refused(classifier) -> None:
    broken = replace(classifier, model=fold(random_net()))
    broken.model.classifier.bias[0] = float("nan")
    with pytest.raises(UserError, match="not a number"):
        broken.answer(files.good()["png"], Question(NAME))


def test_no_weights_no_answer(tmp_path: Path, monkeypatch, saved) -> None:
    monkeypatch.setenv("NFNET_CACHE", str(tmp_path))
    monkeypatch.setenv("NFNET_WEIGHTS", str(tmp_path / "missing"))
    for ask in (
        lambda: load_classifier("nfnet_f0"),
        lambda: load_classifier("nfnet_f0", tmp_path / "missing"),
        lambda: load_classifier("nfnet_f9"),
        lambda: load_classifier("nf_resnet_small", saved[1]),
        lambda: load_classifier(NAME, saved[1], "abacus"),
        lambda: load_classifier(NAME, saved[1], precision="float8"),
    ):
        with pytest.raises(UserError) as refusal:
            finish(ask())
        assert "\n" not in str(refusal.value)


def test_weights_are_found_by_name(saved, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / f"{NAME}.safetensors").write_bytes(saved[1].read_bytes())
    monkeypatch.setenv("NFNET_WEIGHTS", str(tmp_path))
    found = finish(load_classifier(NAME, device="cpu"))
    image = files.picture()
    assert nfnet.classify(image, NAME) == nfnet.classify(image, found) == found.classify(image)
    assert found.classes == tuple(CLASSES) and found.preprocessing == PREPROCESSING


def test_answers_travel_as_json(classifier) -> None:
    answer = classifier.answer(files.good()["webp"], Question(NAME, heat_map=True))
    sent = json.dumps(answer.to_json(), allow_nan=False)
    assert type(answer).from_json(json.loads(sent)) == answer


def test_halving_keeps_the_head() -> None:
    model = fold(random_net())
    halve(model)
    assert {p.dtype for p in model.classifier.parameters()} == {torch.float32}
    assert {p.dtype for p in model.blocks.parameters()} == {torch.bfloat16}


def test_labels_go_where_the_weights_go(saved, classifier) -> None:
    """A net made from our own file knows its classes and preprocessing, folded or not."""
    model, image = nfnet.create_model(NAME, weights=saved[1], device="cpu"), files.picture()
    expected = [(p.index, p.label) for p in classifier.classify(image)]
    for net in (model, nfnet.fold(model)):
        assert [(p.index, p.label) for p in nfnet.classify(image, net)] == expected
