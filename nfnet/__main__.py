"""The command line: python -m nfnet train | models | download.

What a person can mend goes to standard error in one line, with exit status 2.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence

from nfnet.run import (
    DATASETS,
    DEVICES,
    NORMS,
    PRESETS,
    Diverged,
    Evaluation,
    Event,
    Finished,
    Loading,
    RunConfig,
    Step,
    UserError,
    event_to_json,
)
from nfnet.variants import MODELS


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
    train.add_argument("--dataset", choices=DATASETS)
    train.add_argument("--clipping", type=_threshold, help="AGC's threshold, or off")
    train.add_argument("--lr", type=float, help="peak learning rate")
    for name in ("batch-size", "steps", "warmup-steps", "resolution", "train-images", "seed"):
        train.add_argument(f"--{name}", type=int)
    train.add_argument("--evaluate-every", type=int, metavar="STEPS")
    train.add_argument("--augment", action="store_true", default=None)
    train.add_argument("--device", choices=DEVICES)
    train.add_argument("--threads", type=int, default=1, help="of the CPU; 1 repeats exactly")
    train.add_argument("--json", action="store_true", help="one JSON object a line")

    models = commands.add_parser("models", help="list the models by name")
    models.set_defaults(command=_models)

    download = commands.add_parser("download", help="fetch data before it is needed")
    download.set_defaults(command=_download)
    download.add_argument("name", choices=["cifar10"])
    return parser


def _threshold(text: str) -> float | str:
    return text if text == "off" else float(text)


def _train(options: argparse.Namespace) -> int:
    fields = {field.name for field in dataclasses.fields(RunConfig)}
    given = {name: value for name, value in vars(options).items() if name in fields}
    changes = {name: value for name, value in given.items() if value is not None}
    if options.clipping == "off":
        changes["clipping"] = None
    config = PRESETS[options.preset or options.dataset or "shapes"].replace(**changes)
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


def _models(options: argparse.Namespace) -> int:
    for name, config in MODELS.items():
        depths = "-".join(map(str, config.depths))
        widths = "-".join(map(str, config.widths))
        print(f"{name:16} depths {depths:12} widths {widths:20} {config.test_size} px")
    return 0


def _download(options: argparse.Namespace) -> int:
    from nfnet import cifar10

    loading = cifar10.find_or_fetch(cifar10.ARCHIVE)
    while True:
        try:
            _show_loading(next(loading))
        except StopIteration as done:
            print(f"CIFAR-10 is in {done.value}")
            return 0


if __name__ == "__main__":
    sys.exit(main())
