"""Pictures from files that nobody vouches for: right pixels, or one sentence, at a bounded cost."""

import json
import os
import random
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from nfnet.images import WORKING_SIDE, read_file, read_image, shade, turn
from nfnet.photo import Perturbation
from nfnet.run import UserError
from tests.nfnet import picture_files as files

ROOT = Path(__file__).parents[2]
FOLDER = os.environ.get("NFNET_BAD_IMAGES")
MEGABYTES, SECONDS = 500, 2.0  # of its own that one picture may cost
KINDS = ("JPEG", "PNG", "WEBP")

# reads one file in a process of bounded memory, where every warning is an error
CHILD = """
import json, pathlib, re, resource, sys, time, warnings
warnings.simplefilter("error")
from nfnet.images import read_image
from nfnet.run import UserError
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
data = pathlib.Path(sys.argv[1]).read_bytes()
def peak():  # MB; ru_maxrss would begin with the parent's
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\\s*(\\d+)", status)[1]) / 1024
before, began = peak(), time.process_time()
try:
    image = read_image(data)
    outcome = [image.mode, image.size]
except UserError as error:
    outcome = str(error)
print(json.dumps([outcome, time.process_time() - began, peak() - before]))
"""


def read_in_child(path: Path) -> tuple[object, float, float]:
    """Outcome, CPU seconds, extra MB of reading one file in a process of its own."""
    if not Path("/proc/self/status").exists():
        pytest.skip("the peak memory of a process is read from Linux's /proc")
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path)], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0 and done.stderr == "", f"{path.name}: {done.stderr}"
    return tuple(json.loads(done.stdout))


def test_there_are_sixty_files_and_more() -> None:
    assert len(files.good()) + len(files.refused()) >= 60


@pytest.mark.parametrize("name", files.good())
def test_good_files_become_pictures(name: str) -> None:
    image = read_image(files.good()[name])
    assert image.mode == "RGB" and min(image.size) >= 1
    assert min(image.size) < 2 * WORKING_SIDE


@pytest.mark.parametrize("name", files.refused())
def test_other_files_get_a_sentence(name: str) -> None:
    data, words = files.refused()[name]
    with pytest.raises(UserError) as refusal:
        read_image(data)
    assert words in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "name",
    [
        *("png, 23 megapixels", "jpeg, 12 megapixels"),
        *("png, 400 megapixels", "png, 144 megapixels", "png, text bomb", "png, a million chunks"),
        *("jpeg, 100 scans of 40 megapixels", "jpeg, a million comments", "webp, 25 megapixels"),
    ],
)
def test_what_a_large_file_may_cost(name: str, tmp_path: Path) -> None:
    data = files.good().get(name) or files.refused()[name][0]
    (tmp_path / "file").write_bytes(data)
    _, seconds, megabytes = read_in_child(tmp_path / "file")
    assert seconds < SECONDS and megabytes < MEGABYTES
    assert megabytes > 20 or name in files.refused(), "the measurement sees nothing"


@pytest.mark.skipif(not FOLDER, reason="set NFNET_BAD_IMAGES to a folder of hostile files")
def test_a_folder_of_hostile_files() -> None:
    paths = sorted(p for p in Path(FOLDER or "").iterdir() if p.suffix not in (".csv", ".md"))
    read = {path: read_in_child(path) for path in paths}
    accepted = [path for path, (outcome, _, _) in read.items() if not isinstance(outcome, str)]
    slowest = max(seconds for _, seconds, _ in read.values())
    largest = max(megabytes for _, _, megabytes in read.values())
    print(
        f"{len(paths)} files, {len(accepted)} accepted, "
        f"at most {slowest:.2f} s of CPU time and {largest:.0f} MB"
    )
    assert slowest < SECONDS and largest < MEGABYTES
    for path in accepted:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert Image.open(path).format in (*KINDS, "MPO"), path


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Some bytes changed, removed, doubled or cut off, mostly where the headers are."""
    damaged = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        place = chance.randrange(min(len(damaged), chance.choice((60, 600, 10**6))))
        kind = chance.randrange(5)
        if kind == 0:
            damaged[place] = chance.randrange(256)
        elif kind == 1:
            damaged[place] ^= 1 << chance.randrange(8)
        elif kind == 2:
            damaged[place : place + 4] = chance.choice(
                (b"\xff" * 4, b"\0\0\0\0", b"\x7f\xff\xff\xff")
            )
        elif kind == 3:
            del damaged[place : place + chance.randrange(1, 50)]
        else:
            damaged[place:place] = damaged[place : place + chance.randrange(1, 50)]
        if not damaged:
            break
    return bytes(damaged)


def test_damaged_files_are_pictures_or_sentences() -> None:
    chance = random.Random(0)
    sources = [data for data in files.good().values() if len(data) < 30_000]
    began, outcomes = time.process_time(), {"picture": 0, "sentence": 0}
    for _ in range(2000):
        try:
            image = read_image(mutate(chance.choice(sources), chance))
        except UserError as error:
            outcomes["sentence"] += 1
            assert "\n" not in str(error)
        else:
            outcomes["picture"] += 1
            assert image.mode == "RGB"
    assert min(outcomes.values()) > 200, outcomes  # the damage is neither nothing nor everything
    assert time.process_time() - began < 2000 * SECONDS


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_to_the_pixel(orientation: int) -> None:
    upright = np.asarray(files.picture())
    stored = {  # how a camera stores an upright scene, by EXIF's table
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = files.save(Image.fromarray(np.ascontiguousarray(stored)), "PNG", exif=exif)
    assert np.array_equal(np.asarray(read_image(data)), upright)


def test_sixteen_bits_exactly() -> None:
    values = np.arange(65536).reshape(256, 256)
    image = np.asarray(read_image(files.grey16(values)))
    assert np.array_equal(image[..., 0], np.round(values / 257)) and (image == image[..., :1]).all()
    see_through = files.chunk(b"tRNS", (1000).to_bytes(2, "big"))
    image = np.asarray(read_image(files.grey16(values, see_through)))
    assert image.reshape(-1, 3)[1000].tolist() == [255] * 3
    assert image.reshape(-1, 3)[1001].tolist() == [4] * 3


def test_transparency_is_put_on_white() -> None:
    image = Image.new("RGBA", (2, 1), (200, 0, 0, 0))
    image.putpixel((1, 0), (200, 0, 0, 51))
    for kind in ("PNG", "WEBP"):
        options = {} if kind == "PNG" else {"lossless": True}
        seen = read_image(files.save(image, kind, **options))
        assert seen.getpixel((0, 0)) == (255, 255, 255)
        assert seen.getpixel((1, 0)) == (244, 204, 204)  # 51 / 255 of the colour


def test_cmyk_keeps_its_colours() -> None:
    data = files.save(Image.new("CMYK", (16, 16), (255, 0, 0, 0)), "JPEG", quality=95)
    red, green, blue = read_image(data).getpixel((8, 8))
    assert red < 10 and green > 245 and blue > 245


def test_a_profile_is_applied_and_a_bad_one_ignored() -> None:
    image = Image.new("RGB", (8, 8), (100, 150, 200))
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for useless in (bytes(200), lab):
        assert read_image(files.save(image, "PNG", icc_profile=useless)).getpixel((0, 0)) == (
            *(100, 150, 200),
        )
    # sRGB with red and blue swapped: a profile's colorant tags can be renamed in place
    swapped = bytearray(files.profile())
    table = {bytes(swapped[p : p + 4]): p for p in range(132, 132 + 12 * swapped[131], 12)}
    swapped[table[b"rXYZ"] : table[b"rXYZ"] + 4] = b"bXYZ"
    swapped[table[b"bXYZ"] : table[b"bXYZ"] + 4] = b"rXYZ"
    seen = read_image(files.save(image, "PNG", icc_profile=bytes(swapped))).getpixel((0, 0))
    assert np.abs(np.subtract(seen, (200, 150, 100))).max() <= 1


def test_nothing_but_pixels_comes_through() -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"  # GPS
    exif[0x010E] = "a secret"
    image = files.picture()
    for data in (
        files.save(image, "JPEG", exif=exif, comment=b"a secret", icc_profile=files.profile()),
        files.save(image, "WEBP", exif=exif),
    ):
        assert read_image(data).info == {}
        assert b"secret" in data and b"secret" not in files.save(read_image(data), "JPEG")


def test_the_first_frame_counts() -> None:
    first, second = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    for kind in ("PNG", "WEBP", "MPO"):
        data = files.save(first, kind, save_all=True, append_images=[second])
        red, _, blue = read_image(data).getpixel((4, 4))
        assert red > 240 and blue < 15


def test_a_large_photo_is_reduced_and_stays_the_same_scene() -> None:
    large = read_image(files.good()["jpeg, 12 megapixels"])
    assert large.size == (2000, 1500)
    small = np.asarray(files.picture(400, 300), float)
    assert np.abs(np.asarray(large.resize((400, 300)), float) - small).mean() < 2


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="this is a folder"):
        read_file(tmp_path)
    with pytest.raises(UserError, match="no such file"):
        read_file(tmp_path / "missing.jpg")
    with pytest.raises(UserError, match="cannot be read"):
        read_file("a\0b")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(UserError, match="no ordinary file"):
            read_file(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(bytes(20 << 20))
    assert len(read_file(tmp_path / "large")) == (8 << 20) + 1


def test_turning() -> None:
    image = files.picture()
    same = turn(image, Perturbation(), (0, 0, 0))
    assert np.array_equal(np.asarray(same), np.asarray(image))
    half = turn(image, Perturbation(crop=0.5), (0, 0, 0))
    assert np.array_equal(np.asarray(half), np.asarray(image)[20:60, 30:90])
    flipped = turn(image, Perturbation(rotation=180), (0, 0, 0))
    assert np.array_equal(np.asarray(flipped), np.asarray(image)[::-1, ::-1])
    tilted = turn(image, Perturbation(rotation=45), (1, 2, 3))
    assert tilted.size == image.size and tilted.getpixel((0, 0)) == (1, 2, 3)


def test_shading() -> None:
    image = Image.new("RGB", (100, 100), (100, 100, 100))
    assert shade(image, Perturbation(brightness=2.0)).getpixel((0, 0)) == (200, 200, 200)
    noisy = np.asarray(shade(image, Perturbation(noise=0.1)), float)
    assert abs(noisy.mean() - 100) < 1 and abs(noisy.std() - 25.5) < 0.5
    assert np.array_equal(noisy, np.asarray(shade(image, Perturbation(noise=0.1)), float))


def test_reading_leaves_the_warnings_as_they_were() -> None:
    before = list(warnings.filters)
    read_image(files.good()["png"])
    assert warnings.filters == before


def test_no_torch_is_needed() -> None:
    code = "import nfnet.images, nfnet.photo, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_a_wrong_name_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(files.good()["png"])
    assert read_image(read_file(tmp_path / "photo.jpg")).size == (120, 80)
