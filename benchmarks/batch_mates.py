"""How much an example's answer owes to the others of its batch, with BatchNorm and without.

    python -m benchmarks.batch_mates --data tiny-imagenet-200 --cache build/cache [--json FILE]

The two shipped nets, in training mode with their stored statistics untouched, on validation
pictures of Tiny ImageNet. Each seed shuffles the pictures and cuts them into batches: every
picture sits at some seat of some batch of every size, once a seed. One thread, float32, CPU.
`--json` writes the table as the page Batch mates shows it.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.record_runs import processor
from nfnet.drawings import SAMPLES
from nfnet.folder import load_pictures
from nfnet.mates import NETS, largest, load, logits, reach
from nfnet.predict import Classifier, square
from nfnet.strangers import COLOURS, first_company, picture

SIZES = (2, 4, 8, 16, 32, 64, 128)
REACH_SIZES = (2, 8, 32, 128)
ONE_CLASS = 16  # pictures in a batch of a single class
SEEDS = 5
NAMES = {"batch": "BN", "nf": "NF"}


@dataclass(frozen=True)
class Pictures:
    images: Tensor  # (N, 3, S, S)
    labels: Tensor  # (N,)


def pictures_of(net: Classifier, images: np.ndarray, labels: np.ndarray) -> Pictures:
    """Pictures, uint8 (N, S, S, 3), as the net sees them."""
    seen = [net.tensor(square(Image.fromarray(each), net.preprocessing)) for each in images]
    batch = torch.cat(seen).contiguous(memory_format=torch.channels_last)
    return Pictures(batch, torch.from_numpy(np.array(labels)))


def seated(net: Classifier, images: Tensor, size: int, seed: int) -> Tensor:
    """Every picture's logits in training mode, in a batch of this size that the seed chose."""
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(1000 * size + seed))
    answers = torch.empty(len(images), net.model.classifier.out_features)
    for batch in order.split(size):
        if len(batch) < size:  # filled up with the first of the row
            batch = torch.cat([batch, order[: size - len(batch)]])
        answers[batch] = logits(net.model, images[batch], True)
    return answers


def right(answers: Tensor, labels: Tensor) -> float:
    return float((answers.argmax(1) == labels).float().mean())


def by_size(norm: str, pictures: Pictures) -> list[dict[str, Any]]:
    """A row a batch size: what changes between the companies that the seeds chose."""
    net = load(norm)
    alone = torch.cat([logits(net.model, one[None], True) for one in pictures.images])
    fixed = torch.cat([logits(net.model, some, False) for some in pictures.images.split(64)])
    scale, rows = largest(fixed), []
    for size in SIZES:
        answers = torch.stack([seated(net, pictures.images, size, s) for s in range(SEEDS)])
        labels = answers.argmax(2)  # (seeds, N)
        moved = (answers[1:] - answers[0]).abs().amax(2)  # (seeds - 1, N)
        accuracy = [right(each, pictures.labels) for each in answers]
        flips = [float((labels[s] != labels[0]).float().mean()) for s in range(1, SEEDS)]
        rows.append(
            {
                "norm": norm,
                "size": size,
                "changes": float((labels != labels[0]).any(0).float().mean()),
                "flips": statistics.mean(flips),
                "flips_spread": statistics.stdev(flips),
                "moved": float(moved.mean()),
                "moved_most": float(moved.max()),
                "gap": float((answers - fixed).abs().amax(2).mean()),
                "alone": float((answers - alone).abs().max()) / scale,
                "accuracy": statistics.mean(accuracy),
                "accuracy_spread": statistics.stdev(accuracy),
                "evaluation": right(fixed, pictures.labels),
            }
        )
        print(rows[-1], flush=True)
    return rows


def one_class(norm: str, images: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Right answers in batches whose pictures all show the same class, and in mixed ones."""
    net, alike, mixed, fixed = load(norm), [], [], []
    for seed in range(SEEDS):
        chosen = np.random.default_rng(seed).permutation(labels.max() + 1)[:10]
        index = np.concatenate([np.flatnonzero(labels == c)[:ONE_CLASS] for c in chosen])
        some = pictures_of(net, images[index], labels[index])
        answers = [logits(net.model, batch, True) for batch in some.images.split(ONE_CLASS)]
        alike.append(right(torch.cat(answers), some.labels))
        mixed.append(right(seated(net, some.images, ONE_CLASS, seed), some.labels))
        fixed.append(right(logits(net.model, some.images, False), some.labels))
    values = {"alike": alike, "mixed": mixed, "evaluation": fixed}
    means = {name: statistics.mean(each) for name, each in values.items()}
    spreads = {f"{name}_spread": statistics.stdev(each) for name, each in values.items()}
    return {"norm": norm, "one_class": ONE_CLASS, **means, **spreads}


def reaches(norm: str, pictures: Pictures, count: int = 8) -> list[dict[str, Any]]:
    """How much of one loss's gradient falls on the other seats: mean over pictures and seeds."""
    net, rows = load(norm), []
    for size in REACH_SIZES:
        one, all_others, most = [], [], 0.0
        for seed in range(SEEDS):
            generator = torch.Generator().manual_seed(seed)
            for _ in range(count):
                batch = torch.randperm(len(pictures.images), generator=generator)[:size]
                label = int(pictures.labels[batch[0]])
                norms = reach(net.model, pictures.images[batch], label)
                share = norms[1:] / norms[0]
                one.append(float(share.mean()))
                all_others.append(float(torch.linalg.vector_norm(share)))
                most = max(most, float(share.max()))
        rows.append(
            {
                "norm": norm,
                "reach_size": size,
                "n": len(one),
                "one": statistics.mean(one),
                "others": statistics.mean(all_others),
                "others_spread": statistics.stdev(all_others),
                "most": most,
            }
        )
        print(rows[-1], flush=True)
    return rows


def swaps() -> dict[str, Any]:
    """Every swap of a single neighbour from the page's first company: how many change the label."""
    strangers = [*SAMPLES, *COLOURS, *(f"figure-{n}" for n in range(24)), "noise-1", "noise-2"]
    net, counts = load("batch"), {}
    for own in SAMPLES:
        first = first_company(own, 7)
        seats = {name: _tensor(net, name) for name in (own, *strangers, *first)}
        before = logits(net.model, torch.cat([seats[n] for n in (own, *first)]), True)[0].argmax()
        changed = tried = 0
        for seat in range(7):
            for name in strangers:
                if name == own or name in first:
                    continue
                company = [own, *first[:seat], name, *first[seat + 1 :]]
                after = logits(net.model, torch.cat([seats[n] for n in company]), True)[0]
                changed, tried = changed + int(after.argmax() != before), tried + 1
        counts[own] = [changed, tried]
    return {"swaps": counts}


def _tensor(net: Classifier, name: str) -> Tensor:
    return net.tensor(square(picture(name), net.preprocessing))


def table(rows: Sequence[dict[str, Any]]) -> None:
    print("| net | batch | label differs in one of 5 companies | between two | a logit moves by |")
    print("|---|---|---|---|---|")
    for row in rows:
        if "changes" in row:
            print(
                f"| {NAMES[row['norm']]} | {row['size']} | {row['changes']:.1%} | "
                f"{row['flips']:.1%} ± {row['flips_spread']:.1%} | {row['moved']:.3g} "
                f"(most {row['moved_most']:.3g}) |"
            )
    print("\n| net | batch | right, training mode | right, evaluation mode | mean gap | alone |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        if "changes" in row:
            print(
                f"| {NAMES[row['norm']]} | {row['size']} | {row['accuracy']:.3f} ± "
                f"{row['accuracy_spread']:.3f} | {row['evaluation']:.3f} | {row['gap']:.3g} | "
                f"{row['alone']:.2g} |"
            )
    print("\n| net | batch | gradient at one other seat / own | at all others / own | most |")
    print("|---|---|---|---|---|")
    for row in rows:
        if "reach_size" in row:
            print(
                f"| {NAMES[row['norm']]} | {row['reach_size']} | {row['one']:.3g} | "
                f"{row['others']:.3g} ± {row['others_spread']:.2g} | {row['most']:.3g} |"
            )
    for row in rows:
        if "one_class" in row or "swaps" in row:
            print(json.dumps(row))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="Tiny ImageNet's folder")
    parser.add_argument("--cache", type=Path, required=True, help="for the decoded pictures")
    parser.add_argument("--each", type=int, default=2, help="pictures of each of the 200 classes")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found = load_pictures(arguments.data, arguments.cache)
    labels = np.asarray(found.val_labels)
    index = np.concatenate([np.flatnonzero(labels == c)[: arguments.each] for c in range(200)])
    rows = [swaps()]
    for norm in NETS:
        pictures = pictures_of(load(norm), found.val_images[index], labels[index])
        rows += by_size(norm, pictures)
        rows.append(one_class(norm, found.val_images, labels))
        rows += reaches(norm, pictures)
    print(f"{len(index)} pictures, {SEEDS} seeds, load average {os.getloadavg()[0]:.1f}")
    table(rows)
    if arguments.json:
        conditions = {
            "device": "cpu",
            "cpu": processor(),
            "threads": 1,
            "torch": torch.__version__,
            "pictures": len(index),
            "seeds": SEEDS,
            "command": "python -m benchmarks.batch_mates --data tiny-imagenet-200",
        }
        made = datetime.date.today().isoformat()
        about = {"name": "mates-measured", "made": made, "conditions": conditions}
        lines = ",\n".join(json.dumps(row) for row in rows)
        head = json.dumps(about, indent=1).removesuffix("\n}")
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(f'{head},\n "items": [\n{lines}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
