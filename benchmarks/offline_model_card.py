"""The model card of the shipped nets, written from what their files say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from benchmarks.train_offline_model import Recipe
from nfnet.checkpoint import WeightsInfo

_LABELS = {"nfnet_mini": "`nfnet_mini`", "bn_nfnet_mini": "`bn_nfnet_mini` (BatchNorm)"}


def card(infos: Mapping[str, WeightsInfo]) -> str:
    """Markdown for the files' folder; every number comes from the files.

    Args:
        infos: model name -> its metadata; "nfnet_mini" must be among them.
    """
    main = infos["nfnet_mini"]
    said, size = main.provenance, main.preprocessing.resolution
    recipe, validation = said["recipe"], said["validation"]
    columns = [name for name in _LABELS if name in infos]
    doubts = validation["doubted"]
    lines = [
        "# The nets in the box",
        "",
        "Small nets that this project trained itself, so that a photo is answered with no network.",
        "Written by `python -m benchmarks.export_offline_model card` from the files' own metadata.",
        "",
        f"**What they know**: the {len(main.classes)} classes of Tiny ImageNet and nothing else "
        f"(ImageNet has 1000). They see a picture at {size} x {size} "
        "pixels: expect the gist, not the breed.",
        "",
        f"| | {' | '.join(_LABELS[name] for name in columns)} |",
        f"|---|{'---|' * len(columns)}",
        *_row("top-1, validation", columns, infos, lambda v: _percent(v["validation"]["top1"])),
        *_row("top-5, validation", columns, infos, lambda v: _percent(v["validation"]["top5"])),
        *_row(
            "top-1 averaged with the mirror image",
            columns,
            infos,
            lambda v: _percent(v["validation"]["top1_with_mirror_image"]),
        ),
        *_row("validation pictures", columns, infos, lambda v: f"{v['validation']['n']:,}"),
        *_row("real photos of known classes, named", columns, infos, _photos),
        *_row(
            "calibration error, before and after",
            columns,
            infos,
            lambda v: (
                f"{v['validation']['calibration_error_raw']:.3f}, "
                f"{v['validation']['calibration_error_calibrated']:.3f}"
            ),
        ),
        *_row("temperature", columns, infos, lambda v: f"{v['temperature']:.2f}"),
        *_row(
            "updates, processor seconds",
            columns,
            infos,
            lambda v: f"{v['steps']:,} of {v['planned_steps']:,}, {v['cpu_seconds']:,}",
        ),
        "",
        "The twin is the same net trained the same way, with batch normalization in place of",
        "scaled weight standardization and without gradient clipping. It is here for comparison:",
        "in training mode its answer depends on the other pictures of the batch. One seed each, a",
        "rate that was tuned for neither and a threshold chosen from three: the difference between",
        "the accuracies is no finding.",
        "",
        "## When it does not know",
        "",
        f"Below a probability of {main.threshold:.2f} an answer is called a guess. The bound is",
        "set on held-out training pictures so that a tenth of the right answers fall below it. On",
        "pictures that had no say in it (`nfnet_mini`):",
        "",
        "| pictures | called a guess | n |",
        "|---|---|---|",
        *(
            f"| validation: {name.removeprefix('of the ')} | {_percent(share)} | {n:,} |"
            for name, (share, n) in doubts.items()
        ),
        *(
            f"| none of its classes: {name} | {_percent(share)} | {n:,} |"
            for name, (share, n) in said["doubted_strangers"].items()
        ),
        *_photo_doubts(said),
        "",
        "So a high probability is a hint and no proof: a net that knows 200 things calls a picture",
        "of anything else by one of those names, now and then with confidence.",
        "",
        "## How often it is right when it says so (validation, `nfnet_mini`)",
        "",
        "| it says | it is right | pictures |",
        "|---|---|---|",
        *(
            f"| {_percent(confidence)} | {_percent(accuracy)} | {count:,} |"
            for count, confidence, accuracy in validation["reliability"]
            if count
        ),
        "",
        "## How they were made",
        "",
        f"{said['training_pictures']:,} training pictures of Tiny ImageNet (those of each class "
        f"but the last {recipe['held_out']}, which choices and calibration use; validation "
        "pictures measure and do nothing else). "
        f"{recipe['epochs']} epochs in batches of {recipe['batch_size']}, pictures growing "
        f"{', '.join(map(str, recipe['sides']))} px; SGD with Nesterov momentum "
        f"{recipe['momentum']}, rate {recipe['lr']} with a warm-up of "
        f"{recipe['warmup_epochs']:g} epoch and half a cosine to zero, weight decay "
        f"{recipe['weight_decay']:g}, label smoothing {recipe['label_smoothing']}, AGC "
        f"{_clipping(recipe)} with eps {recipe['clipping_eps']:g}, averaged weights "
        f"({recipe['ema']}), random crops of {recipe['area'][0]:.0%} to {recipe['area'][1]:.0%} "
        f"of the picture, mirror images{_mixing(recipe)}. Seed {recipe['seed']}; "
        f"{said['environment']['processor']}, {said['environment']['threads']} thread, torch "
        f"{said['environment']['torch']}; {said['date']}.",
        "",
        "Held-out accuracy by epoch: "
        + ", ".join(f"{epoch}: {_percent(share)}" for epoch, share in said["curve"])
        + ".",
        "",
        "    python -m benchmarks.train_offline_model --data tiny-imagenet-200 --work build/mini"
        + _options(recipe),
        "    python -m benchmarks.export_offline_model export --data tiny-imagenet-200 "
        "--work build/mini",
        "    python -m benchmarks.export_offline_model check --data tiny-imagenet-200",
        "",
        *(_cifar10(infos["nf_cifar10"]) if "nf_cifar10" in infos else ()),
        "## Terms",
        "",
        said["terms"],
        said["licence"],
    ]
    return "\n".join(lines) + "\n"


def _cifar10(info: WeightsInfo) -> list[str]:
    said, recipe = info.provenance, info.provenance["recipe"]
    made = said["environment"]
    widths = ", ".join(map(str, info.config.widths))
    return [
        "## `nf_cifar10`",
        "",
        f"The small NF-ResNet of the labs (widths {widths}; {sum(info.config.depths)} blocks), "
        f"trained on all of CIFAR-10 at {recipe['resolution']} px so that a lab can start from a "
        f"net that knows something. It names {_percent(said['accuracy'])} of the {said['n']:,} "
        f"test pictures. {recipe['steps']:,} updates in batches of {recipe['batch_size']}, peak "
        f"rate {recipe['lr']} with {recipe['warmup_steps']} updates of warm-up and half a cosine, "
        f"weight decay {recipe['weight_decay']:g}, AGC {recipe['clipping']}, mirror images and "
        "shifts, mixed precision. One seed, the fourth run: a narrower net had reached 83.3 %, "
        "this one 84.7 % with 25 times the weight decay, and both were changed after that; "
        f"{made['processor']}, {made['threads']} thread, torch {made['torch']}; "
        f"{said['date']}. It is not used for photos.",
        "",
        "    NFNET_DATA=FOLDER python -m benchmarks.train_cifar10_model train",
        "",
        said["terms"],
        "",
    ]


def _clipping(recipe: dict) -> str:
    if recipe["first_clipping"] is None:
        return f"{recipe['clipping']}"
    updates, threshold = recipe["first_clipping"]
    return f"{threshold} for {updates:,} updates and then {recipe['clipping']}"


def _mixing(recipe: dict) -> str:
    share, layers = recipe["mixing"], recipe["rand_layers"]
    words = f", {share:.0%} of the batches mixed: half by mixup, half by CutMix" if share else ""
    if layers:
        words += f", RandAugment of {layers} operations at {recipe['rand_magnitude']}"
    return words


def _options(recipe: dict) -> str:
    """What the command says besides its defaults."""
    usual = asdict(Recipe())
    names = ("seed", "epochs", "lr", "weight_decay", "clipping", "mixing", "rand_layers")
    changed = [name for name in names if recipe[name] != usual[name]]
    words = [f" --{name.replace('_', '-')} {recipe[name]:g}" for name in changed]
    if recipe["first_clipping"] is not None:
        words.append(" --first-clipping {} {}".format(*recipe["first_clipping"]))
    return "".join(words)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _row(title, columns, infos, figure) -> list[str]:
    cells = (figure(infos[name].provenance) for name in columns)
    return [f"| {title} | {' | '.join(cells)} |"]


def _photos(said: dict) -> str:
    if "photos" not in said:
        return "not measured"
    known = said["photos"]["known"]
    return f"{known['right']} of {known['n']} ({known['among_five']} among its first five)"


def _photo_doubts(said: dict) -> list[str]:
    if "photos" not in said:
        return []
    return [
        f"| {title} | {_percent(part['doubted'] / part['n'])} | {part['n']} |"
        for title, part in (
            ("none of its classes: real photos", said["photos"]["unknown"]),
            ("real photos of its classes", said["photos"]["known"]),
        )
    ]
