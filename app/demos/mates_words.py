"""What Batch mates says beside its figures; numbers come from what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.demos.mates_figures import amount
from app.demos.mates_settings import OWN
from nfnet.strangers import spoken

WHAT = """
**What one sees.** In training mode BN takes its mean and variance from the pictures at this table,
yours and the strangers' together. Its twin NF has the same layers and was trained alike, with
gradient clipping added; it measures nothing: its weights are standardized, not its activations.
Outlined bars are the answer in the first company, which stays the same. Change a seat and see whose
answer moves. Alone, or among copies of itself, a picture says next to nothing under BN: it sets
every channel's mean over the picture to the same value as for any other picture, and only what the
activation leaves of that reaches the classifier.
"""

REACH = (
    "How far the loss of **your** picture reaches: the gradient by each seat's pixels, in percent "
    "of that by your own. Under BN, part of what you learn from is a stranger's picture."
)

FAIR = """
**Read this fairly.** Nobody serves a net in training mode: in use BN takes stored averages, and
then no picture sees another (forget `model.eval()`, and you are back at this table). NF's zero is
exact to the last bit at equal batch size; between sizes the processor adds in another order, and
logits differ in their seventh digit. The swap that is shown first was chosen because it changes
the school bus's label, which leads by little in the first company; the figures below say how often
any does.
"""

WHERE = """
- **Fine-tuning with small batches**: the fewer mates, the more each counts, and the further
  training mode is from the evaluation mode that is used afterwards.
- **Contrastive learning**: two views of one picture sit in the same batch, and its statistics give
  away who came together. MoCo shuffles its batches over devices, SimCLR shares statistics between
  them, so that a net cannot tell by that. (The leak itself is not measured here.)
- **Differentially private training** clips the gradient of each single example. Under BN there is
  none: the gradients on the right of your own bar belong to other people's pictures.
"""


def finding(rows: Sequence[dict[str, Any]], pictures: int, seeds: int) -> str:
    """What the measured rows say, in sentences."""
    sizes = {(r["norm"], r["size"]): r for r in rows if "changes" in r}
    bn8, bn128 = sizes["batch", 8], sizes["batch", 128]
    nf = [r for (norm, _), r in sizes.items() if norm == "nf"]
    words = [
        f"{pictures} validation pictures of Tiny ImageNet, each in {seeds} random companies of "
        f"other pictures of the set. Under BN two companies of eight give **{bn8['flips']:.0%}** "
        f"of the pictures another label (mean over seeds, spread {bn8['flips_spread']:.1%}), two "
        f"of 128 still **{bn128['flips']:.0%}**."
    ]
    if all(row["moved_most"] == 0 for row in nf):
        words.append(
            "Under NF no logit of any picture moved in any company: the largest change is "
            f"**exactly 0**; between batch sizes it is {amount(max(r['alone'] for r in nf))} of "
            "the largest logit."
        )
    words.append(
        f"Right answers of BN in training mode: {bn8['accuracy']:.0%} at batch 8, "
        f"{bn128['accuracy']:.0%} at 128, against {bn8['evaluation']:.0%} in evaluation mode."
    )
    for row in rows:
        if row.get("one_class") and row["norm"] == "batch":
            words.append(
                f"In batches of {row['one_class']} pictures of **one class** it names "
                f"{row['alike']:.0%}, where mixed batches give {row['mixed']:.0%} and evaluation "
                f"mode {row['evaluation']:.0%} of the same pictures: what they have in common is "
                "subtracted."
            )
        if row.get("one_class") and row["norm"] == "nf":
            words.append(f"NF names {row['alike']:.0%} in each of the three.")
    reach = {r["reach_size"]: r for r in rows if "reach_size" in r and r["norm"] == "batch"}
    if reach:
        words.append(
            "The gradient that falls on all others together, against that on the own picture: "
            + ", ".join(f"{r['others']:.0%} at batch {size}" for size, r in reach.items())
            + " (BN); exactly 0 for NF."
        )
    for row in rows:
        if "swaps" in row:
            changed, tried = (sum(each) for each in zip(*row["swaps"].values(), strict=True))
            own = row["swaps"][OWN]
            words.append(
                f"Of all {tried} swaps of one neighbour in the first companies of our six "
                f"drawings {changed} change BN's label; of the {spoken(OWN)}'s {own[1]}, {own[0]}."
            )
    return "\n\n".join([words[0], "\n".join(f"- {each}" for each in words[1:])])
