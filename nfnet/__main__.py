"""The command line: python -m nfnet classify | train | models | download.

What a person can mend goes to standard error in one line, with exit status 2.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, TypeVar

from nfnet.events import Diverged, Evaluation, Event, Finished, Loading, Step, event_to_json
from nfnet.photo import DEFAULT_MODEL, SMALL_MODEL, Prediction, Question
from nfnet.presets import PRESETS
from nfnet.relay import relayed, returned
from nfnet.run import DATASETS, DEVICES, FOLDER, NORMS, RunConfig, UserError
from nfnet.variants import MODELS

if TYPE_CHECKING:  # loads torch
    from nfnet.predict import Classifier

T = TypeVar("T")
_JSON_KEYS = ("index", "label", "probability")  # of a prediction, as scripts read it


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except UserError as error:
        print(f"nfnet: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader has seen enough, as `| head` does
        sys.stdout = None
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nfnet", description="Normalizer-free networks.")
    commands = parser.add_subparsers(required=True, metavar="command")

    train = commands.add_parser("train", help="train a small net and print what happens")
    train.set_defaults(command=_train)
    train.add_argument("--preset", choices=PRESETS, help="where to start from; the data set's")
    train.add_argument("--norm", choices=NORMS)
    train.add_argument("--dataset", choices=(*DATASETS, FOLDER))
    train.add_argument(
        "--pictures", metavar="FOLDER", help="for --dataset folder: a folder a class in it"
    )
    train.add_argument("--clipping", type=_threshold, help="AGC's threshold, or off")
    train.add_argument("--lr", type=float, help="peak learning rate")
    for name in ("batch-size", "steps", "warmup-steps", "resolution", "train-images", "seed"):
        train.add_argument(f"--{name}", type=int)
    train.add_argument("--evaluate-every", type=int, metavar="STEPS")
    train.add_argument("--augment", action="store_true", default=None)
    train.add_argument("--device", choices=DEVICES)
    train.add_argument("--threads", type=int, default=1, help="of the CPU; 1 repeats exactly")
    train.add_argument("--json", action="store_true", help="one JSON object a line")

    classify = commands.add_parser("classify", help="name what is in pictures")
    classify.set_defaults(command=_classify)
    classify.add_argument("files", nargs="*", metavar="picture", help="JPEG, PNG or WebP")
    classify.add_argument("--model", help="see `models`; what the weights say, else nfnet_f0")
    classify.add_argument("--weights", metavar="PATH", help="a file; else found or downloaded")
    classify.add_argument("--top", type=int, default=5, help="how many answers a picture")
    classify.add_argument("--json", action="store_true", help="one JSON object a line")

    models = commands.add_parser("models", help="list the models by name")
    models.set_defaults(command=_models)

    download = commands.add_parser("download", help="fetch data or weights before they are needed")
    download.set_defaults(command=_download)
    download.add_argument("name", help="cifar10, or a model: nfnet_f0 to nfnet_f6")
    return parser


def _threshold(text: str) -> float | str:
    return text if text == "off" else float(text)


def _train(options: argparse.Namespace) -> int:
    fields = {field.name for field in dataclasses.fields(RunConfig)}
    given = {name: value for name, value in vars(options).items() if name in fields}
    changes = {name: value for name, value in given.items() if value is not None}
    if options.clipping == "off":
        changes["clipping"] = None
    if options.pictures:
        os.environ["NFNET_PICTURES"] = options.pictures
        changes.setdefault("dataset", FOLDER)
    preset = options.preset or options.dataset
    config = PRESETS[preset if preset in PRESETS else "shapes"].replace(**changes)
    if not 1 <= options.threads <= 1024:
        raise UserError(f"threads must be a whole number from 1 to 1024, not {options.threads}")
    import torch

    from nfnet.training import train

    torch.set_num_threads(options.threads)
    for event in train(config):
        if isinstance(event, Loading):
            _show_loading(event)
        elif options.json:
            print(json.dumps(event_to_json(event), allow_nan=False), flush=True)
        else:
            _print(event)
    return 0


def _print(event: Event) -> None:
    if isinstance(event, Step):
        clipped = f"  clipped {event.clipped_share:4.0%}" if event.clipping is not None else ""
        print(
            f"step {event.step:4d}  loss {event.loss:8.4g}  accuracy {event.accuracy:.3f}  "
            f"lr {event.lr:.4f}{clipped}  {event.images_per_second:.0f} images/s",
            flush=True,
        )
    elif isinstance(event, Evaluation):
        print(
            f"step {event.step:4d}  test loss {event.loss:.4g}  test accuracy {event.accuracy:.3f}"
        )
    elif isinstance(event, Diverged):
        print(f"diverged at step {event.step}: {_why(event)}")
    elif isinstance(event, Finished):
        print(
            f"finished after {event.step} steps in {event.seconds:.1f} s: "
            f"test accuracy {event.accuracy:.3f}"
        )


def _why(event: Diverged) -> str:
    if event.last_loss is None:
        return f"{event.reason}, from the start"
    return f"{event.reason}; the last good loss was {event.last_loss:.4g} at step {event.last_step}"


def _show_loading(event: Loading) -> None:
    total = f" of {event.total / 1e6:.0f}" if event.total else ""
    end = "\n" if event.total and event.done >= event.total else "\r"
    print(f"{event.what}: {event.done / 1e6:.0f}{total} MB", end=end, file=sys.stderr, flush=True)


def _classify(options: argparse.Namespace) -> int:
    if not options.files:
        raise UserError("name at least one picture: python -m nfnet classify photo.jpg")
    Question(top=options.top)  # refuses a bad number before anything is loaded
    net = _Net(options.model, options.weights)
    refused = False
    for file in options.files:
        name = file if file.isprintable() else ascii(file)[1:-1]
        try:
            predictions = net.classify(file, options.top)
        except UserError as error:
            refused = True
            if options.json:
                print(json.dumps({"file": name, "error": str(error)}), flush=True)
            else:
                print(f"nfnet: {name}: {error}", file=sys.stderr)
        else:
            _print_predictions(name, predictions, options.json)
    return 2 if refused else 0


class _Net:
    """A classifier that is loaded when the first good picture is there to be classified."""

    def __init__(self, model: str | None, weights: str | None) -> None:
        self.model, self.weights = model, weights
        self.loaded: Classifier | UserError | None = None

    def classify(self, file: str, top: int) -> list[Prediction]:
        from nfnet.images import read_file, read_image

        image = read_image(read_file(file))
        if self.loaded is None:
            try:
                self.loaded = self._load()
            except UserError as error:  # holds for every picture: looked for once
                self.loaded = error
        if isinstance(self.loaded, UserError):
            raise self.loaded
        return self.loaded.classify(image, top)

    def _load(self) -> Classifier:
        from nfnet.hub import find_weights
        from nfnet.predict import load_classifier

        model = self.model
        if model is None and self.weights is None:
            model = DEFAULT_MODEL
            if find_weights(model) is None and find_weights(SMALL_MODEL) is not None:
                print(
                    f"nfnet: there are no weights of {model} on this disk; {SMALL_MODEL} answers "
                    f"(to fetch them: python -m nfnet download {model})",
                    file=sys.stderr,
                )
                model = SMALL_MODEL
        return _follow(load_classifier(model, self.weights))


def _print_predictions(name: str, predictions: list[Prediction], as_json: bool) -> None:
    if as_json:
        rows = [
            {"index": p.index, "label": p.label, "probability": p.probability} for p in predictions
        ]
        print(json.dumps({"file": name, "predictions": rows}, allow_nan=False), flush=True)
        return
    print(name)
    for prediction in predictions:
        print(f"  {prediction.probability:6.1%}  {prediction.label}", flush=True)


def _follow(loading: Generator[Loading, None, T]) -> T:
    """Shows how far something is and returns what comes of it."""
    return returned(relayed(loading, _show_loading))


def _models(options: argparse.Namespace) -> int:
    from nfnet.hub import PUBLISHED, find_weights

    for name, config in MODELS.items():
        depths = "-".join(map(str, config.depths))
        widths = "-".join(map(str, config.widths))
        weights = ""
        if path := find_weights(name):
            weights = f"  on disk: {path}"
        elif name in PUBLISHED:
            weights = f"  to download: {PUBLISHED[name].bytes / 1e6:.0f} MB"
        print(f"{name:16} depths {depths:12} widths {widths:20} {config.test_size} px{weights}")
    return 0


def _download(options: argparse.Namespace) -> int:
    if options.name == "cifar10":
        from nfnet import cifar10

        print(f"CIFAR-10 is in {_follow(cifar10.find_or_fetch(cifar10.ARCHIVE))}")
    else:
        from nfnet.hub import fetch_weights

        print(f"{options.name} is in {_follow(fetch_weights(options.name))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
