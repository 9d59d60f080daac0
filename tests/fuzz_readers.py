"""Fuzzing of the readers: damaged files must give the library's own errors and take little memory.

    python -m tests.fuzz_readers --seconds 60

Valid files of each format are damaged at random: bits flipped, bytes replaced, removed, repeated or
cut off; for packed formats also inside of the packing. A find is an error other than DataError and
FileError, an array with values outside its range, and memory far beyond the size of the file. Finds
are printed with the path of the file that causes them, and the exit code is 1. Memory of Python and
NumPy is measured; Pillow's is limited by the operating system.
"""

import argparse
import collections
import gzip
import io
import resource
import shutil
import struct
import tempfile
import time
import traceback
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from scratchnet.callbacks import Checkpoint
from scratchnet.data import DataError, load_days, load_images, load_ratings, read_idx
from scratchnet.data.pictures import read_rgb
from scratchnet.layers import BatchNormalization, Dense, Sequential
from scratchnet.losses import MeanSquaredError
from scratchnet.optimizers import Adam
from scratchnet.saving import FileError, load, read, save
from scratchnet.training import fit

FREE = 12 << 20  # bytes of memory for any file
PER_BYTE = {"image": 8000}  # bytes of memory for each byte of the file, else 40
ADDRESS_SPACE = 1 << 30  # bytes of memory of the whole process, beyond those at the start
SLOW = 10  # seconds
NUMBERS = [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\x80", b"\x01\0\0\0"]
TEXTS = (
    "nan inf 1e999 -1 1e308 256 \" ' :: ; | , \t \r \n \0 \ufeff \x1c 1_0 2014-07-01 9999-12-31"
    " +01:00 label rating timestamp 0.5 \u0663 (1,) (99999999999,) <f8 |O -4"
).split(" ")


def damaged(rng, content):
    """A copy of some bytes with a few random changes."""
    content = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        n = max(len(content), 1)
        near_start = rng.random() < 0.5
        at = int(rng.integers(min(n, 200) if near_start else n))
        length = int(rng.choice([1, 2, 4, 16, 200]))
        match rng.integers(7):
            case 0 if content:
                content[at % len(content)] ^= 1 << int(rng.integers(8))
            case 1:
                content[at : at + length] = rng.integers(0, 256, length, np.uint8).tobytes()
            case 2:
                del content[at : at + length]
            case 3:
                content[at:at] = content[at : at + length] * int(rng.choice([1, 3, 50]))
            case 4:
                del content[at:]
            case 5:
                content[at : at + 4] = NUMBERS[rng.integers(len(NUMBERS))]
            case 6:
                text = TEXTS[rng.integers(len(TEXTS))].encode()
                content[at : at + (length if rng.random() < 0.5 else 0)] = text
    return bytes(content)


def damaged_gzip(rng, content):
    """A gzip file, damaged outside or inside of the packing."""
    if rng.random() < 0.5:
        return damaged(rng, content)
    return gzip.compress(damaged(rng, gzip.decompress(content)), 1)


def damaged_npz(rng, content):
    """A .npz file, damaged outside of the packing or in one of its entries."""
    if rng.random() < 0.4:
        return damaged(rng, content)
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old:
        names = old.namelist()
        chosen = names[rng.integers(len(names))]
        kind = zipfile.ZIP_DEFLATED if rng.random() < 0.5 else zipfile.ZIP_STORED
        with zipfile.ZipFile(written, "w", kind) as new:
            for name in names:
                entry = old.read(name)
                new.writestr(name, damaged(rng, entry) if name == chosen else entry)
    return written.getvalue()


def idx(array):
    """An array as the content of an IDX file."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def npz(**arrays):
    """Arrays as the content of a .npz file."""
    written = io.BytesIO()
    np.savez_compressed(written, **arrays)
    return written.getvalue()


def picture(mode, kind, **options):
    """A small image of a mode as the content of a file."""
    ramp = np.arange(40 * 30, dtype=np.uint8).reshape(30, 40)
    image = Image.fromarray(ramp.astype(np.uint16) * 257) if mode == "I;16" else None
    image = image or Image.fromarray(np.dstack([ramp] * 4)).convert(mode)
    written = io.BytesIO()
    image.save(written, kind, **options)
    return written.getvalue()


def built():
    """A small model with parameters and state."""
    model = Sequential([Dense(3), BatchNormalization(), Dense(2)])
    model.build((4,), 0)
    return model


def expect_images(path):
    """Read a file of images and check the range of its values."""
    found = load_images(path)
    assert 0 <= found.x_train.min() and found.x_train.max() <= 1
    assert max(found.y_train.max(), found.y_test.max()) < len(found.class_names)


def expect_finite(path):
    """Read a series and check its values."""
    assert np.isfinite(load_days(path).counts).all()


def expect_ratings(path):
    """Read ratings and check their values."""
    assert np.isfinite(load_ratings(path).triples).all()


def expect_picture(path):
    """Read an image file and check its mode."""
    assert read_rgb(path).mode == "RGB"


def expect_model(path):
    """Load a model file into a model."""
    load(built(), path)


def expect_checkpoint(path):
    """Read the arrays of a checkpoint."""
    read(path, kinds=("checkpoint",))


def readers():
    """[(name, reader, damaging function, valid contents)] of every reader."""
    images, labels = np.arange(4 * 784).reshape(4, 28, 28) % 256, np.arange(4)
    row = "3," + ",".join(map(str, images[0].ravel()))
    head = "label," + ",".join(f"pixel{i}" for i in range(784))
    hours = [f"2014-07-{1 + h // 24:02} {h % 24:02}:00:00,{h / 4}" for h in range(60)]
    with tempfile.TemporaryDirectory() as folder:
        save(built(), f"{folder}/model.npz")
        model = Path(folder, "model.npz").read_bytes()
        x = np.ones((4, 4), np.float32)
        settings = dict(loss=MeanSquaredError(), optimizer=Adam(), epochs=1, verbose=False)
        fit(built(), x, x[:, :2], callbacks=[Checkpoint(f"{folder}/run.npz")], **settings)
        checkpoint = Path(folder, "run.npz").read_bytes()
    tables = {
        "ratings": (
            "userId,movieId,rating,timestamp\n1,2,3.5,9\n2,2,4,9\n'a','b',1,1\n",
            "1\t2\t3\t9\n1\t3\t4\t9\n",
            "1::2::3::9\r\n1::3::4::9\r\n",
            '\ufeffuser;item;rating\n"J;o";x;3\n',
        ),
        "series": ("timestamp,value\n" + "\n".join(hours) + "\n",),
        "images": (f"{head}\n{row}\n{row}\n", f"{row}\n{row}\n{row}\n"),
    }
    uint8 = images.astype(np.uint8)
    archive = npz(x_train=uint8, y_train=labels, x_test=uint8, y_test=labels)
    pictures = [
        picture("RGB", "png"),
        picture("RGBA", "png"),
        picture("P", "png", transparency=0),
        picture("I;16", "png"),
        picture("I;16", "tiff"),
        picture("P", "gif", transparency=0),
        picture("RGB", "jpeg"),
        picture("CMYK", "tiff"),
        picture("LA", "png"),
        picture("RGBA", "webp"),
        picture("RGB", "bmp"),
    ]
    contents = {name: [text.encode() for text in texts] for name, texts in tables.items()}
    return [
        ("idx", read_idx, damaged, [idx(images), idx(labels)]),
        (
            "idx.gz",
            read_idx,
            damaged_gzip,
            [gzip.compress(idx(images)), gzip.compress(idx(labels))],
        ),
        ("ratings.csv", expect_ratings, damaged, contents["ratings"]),
        ("series.csv", expect_finite, damaged, contents["series"]),
        ("images.csv", expect_images, damaged, contents["images"]),
        ("images.npz", expect_images, damaged_npz, [archive]),
        ("image", expect_picture, damaged, pictures),
        ("model.npz", expect_model, damaged_npz, [model, checkpoint]),
        ("checkpoint.npz", expect_checkpoint, damaged_npz, [checkpoint]),
    ]


def problem(reader, path):
    """What is wrong with the reading of a file, or None."""
    begun = time.monotonic()
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", RuntimeWarning)
            reader(path)
    except (DataError, FileError):
        pass
    except Exception:  # every other error is a find
        return traceback.format_exc()
    used = tracemalloc.get_traced_memory()[1] - before
    if used > FREE + PER_BYTE.get(path.name, 40) * path.stat().st_size:
        return f"{used / 1e6:.0f} MB of memory for {path.stat().st_size} bytes"
    if time.monotonic() - begun > SLOW:
        return f"{time.monotonic() - begun:.0f} seconds"
    return None


def main():
    """Fuzz for some seconds; return 1 if there is a find."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng, formats = np.random.default_rng(options.seed), readers()
    folder = Path(tempfile.mkdtemp(prefix="fuzz_readers_"))
    counts, finds = collections.Counter(), {}
    for name, reader, _, contents in formats:  # valid files first, which also imports everything
        for content in contents:
            path = folder / f"valid {name}"
            path.write_bytes(content)
            reader(path)
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + ADDRESS_SPACE, resource.RLIM_INFINITY))
    tracemalloc.start()
    end = time.monotonic() + options.seconds
    while time.monotonic() < end:
        for name, reader, damage, contents in formats:
            path = folder / name
            path.write_bytes(damage(rng, contents[rng.integers(len(contents))]))
            found = problem(reader, path)
            counts[name] += 1
            key = (name, found.splitlines()[-1][:60]) if found else None
            if key and key not in finds:
                kept = path.rename(folder / f"find {len(finds)} {name}")
                finds[key] = kept
                print(f"{kept}\n{found}", flush=True)
    if not finds:
        shutil.rmtree(folder)
    print(", ".join(f"{n} {name}" for name, n in counts.items()), f"files: {len(finds)} finds")
    return 1 if finds else 0


if __name__ == "__main__":
    raise SystemExit(main())
