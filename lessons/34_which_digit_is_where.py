r"""
34 - Which digit is where
=========================

Name the digit at each pixel of a cluttered picture, with a small U-Net.

**You will see**

- pictures composed of several digits and of pieces of digits, with a class per pixel;
- a network that makes a picture small and large again, with and without skip
  connections, and what each path of it carries;
- why the share of correct pixels says little here, and intersection over union more.

**Facts**: 60 s on a laptop; scikit-learn's digits, 8x8, bundled. Before this: 33, many
workers. Next: 35, letter by letter. Paper: Ronneberger et al. (2015), U-Net:
convolutional networks for biomedical image segmentation.

.. math:: IoU_k = \frac{|P_k \cap T_k|}{|P_k \cup T_k|}
"""

# %%
# Knobs
# -----
# The settings of this lesson. Each is also a flag of the command line: ``--filters 4``.

import numpy as np

from scratchnet.backend import RNG, to_device, to_numpy, xp_of
from scratchnet.data import load_images
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import (
    BatchNormalization,
    Conv2D,
    MaxPooling2D,
    ReLU,
    Sequential,
    Skip,
    UpSampling2D,
)
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.losses import SoftmaxCrossEntropy
from scratchnet.metrics import accuracy
from scratchnet.optimizers import Adam
from scratchnet.plots import bars, curves, image_rows
from scratchnet.plots.style import CLASSES
from scratchnet.training import fit, predict

cfg = knobs(
    "34_which_digit_is_where",
    pictures=1000, filters=8, epochs=12, batch_size=16, learning_rate=0.01, seed=0,
    datasets={"digits": {}},
    breaks={"no_skip": "the first model has no skip connections either",
            "shifted": "the classes are two pixels to the lower right of the pixels"},
    quick={"pictures": 120, "filters": 4, "epochs": 3},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------
# A picture has 24x24 pixels. Digits of 8x8 pixels are placed at random where their ink
# touches no other ink, then pieces of 4x4 pixels of other digits as clutter. The class
# of a pixel is that of the digit whose ink covers it, or 10 for the background: the
# paper, the clutter, and the palest ink of a digit. Pictures for validation consist of
# digits that no picture for training contains.

SIZE, BACKGROUND = 24, 10
images = load_images("digits")


def compose(digits, labels, n, rng):
    """Pictures (n, SIZE, SIZE, 1) and the class of each pixel (n, SIZE, SIZE)."""
    x = np.zeros((n, SIZE, SIZE, 1), "float32")
    t = np.full((n, SIZE, SIZE), BACKGROUND)
    for picture, classes in zip(x[..., 0], t, strict=True):
        for attempt in range(15):
            k = rng.integers(len(digits))
            stamp = digits[k, :, :, 0]
            is_digit = attempt < 9
            if not is_digit:
                row, column = rng.integers(0, 5, 2)
                stamp = stamp[row : row + 4, column : column + 4]
            top, left = rng.integers(0, SIZE - len(stamp) + 1, 2)
            box = slice(top, top + len(stamp)), slice(left, left + len(stamp))
            if picture[box][stamp > 0.2].any():
                continue
            picture[box] = np.maximum(picture[box], stamp)
            if is_digit:
                classes[box][stamp > 0.3] = labels[k]
    return x, t


rng = RNG(cfg.seed).host
made = compose(images.x_train, images.y_train, cfg.pictures, rng)
x, t = to_device(made[0]), to_device(made[1])
made_val = compose(images.x_test, images.y_test, max(cfg.pictures // 4, 10), rng)
x_val, t_val = to_device(made_val[0]), to_device(made_val[1])
background = float((t_val == BACKGROUND).mean())
print(f"train {x.shape}, {x.dtype}, {t.dtype} classes, validation {x_val.shape}")
print(f"{100 * background:.0f} % of the pixels are background")

hexadecimal = (*CLASSES, "#FFFFFF")  # of the ten digits, and white for the background
palette = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in hexadecimal])


def coloured(classes):
    """Colours (N, H, W, 3), 0 to 1, of classes (N, H, W)."""
    return palette[to_numpy(classes)] / 255


one_of_each = np.array([images.x_train[images.y_train == k][0] for k in range(10)])
key = np.where(one_of_each[..., 0] > 0.3, np.arange(10)[:, None, None], BACKGROUND)
shown = {
    "colours": coloured(key),
    "pictures": x_val[:10],
    "classes": coloured(t_val[:10]),
}
figure = image_rows(shown, "Pictures, and the class of each pixel")
show(cfg, figure, "samples", "ten pictures and their coloured classes")

# %%
# Idea
# ----
# A classifier answers one question about a picture. Here the question is asked at each
# pixel: which digit covers it, if any? This is called semantic segmentation. It needs
# two kinds of information. To know which digit a stroke belongs to, the network must
# see the whole digit, far beyond the pixel. To know where the stroke ends, it needs the
# pixel itself.
#
# Pooling provides the first. Each pooling halves the number of rows and columns, so
# that a small convolution covers a larger part of the picture, at little cost. But the
# result is coarse: after two poolings one position represents 4x4 pixels, while the
# strokes of these digits are one or two pixels wide. Enlarging the maps again gives the
# right size, but not the lost position of the edges.
#
# The U-Net keeps both. At each size the maps before the pooling are put beside the
# maps that return from the smaller sizes, as additional channels. The coarse channels
# say which digit is near, the fine channels say where there is ink, and the next
# convolution combines them. The path around the smaller sizes is called a skip
# connection.

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol    in the code        shape             meaning
#    x         x                  (N, H, W, C)      maps at some size
#    f(x)      inner              (N, H, W, C')     as large, computed at H/2, W/2
#    y         y                  (N, H, W, C + C') both, as channels
#    a         logits             (N, H, W, 11)     numbers before the softmax
#    c         t                  (N, H, W)         the class of each pixel
#
#    y = [x f(x)]        dx = dy[..., :C] + f'(dy[..., C:])       f': backward of f
#    L = -1/(N H W) sum over pixels of log p_c          p = softmax(a)
#    dL/da = (p - one_hot(c)) / (N H W)
#
# The gradient of x is a sum, because x acts on the loss through both paths. The loss is
# that of a classifier, with each pixel as a sample.
#
# With the pixels P_k that are predicted to be of class k, and T_k that are, the
# intersection over union of k is the number of pixels in both, divided by the number of
# pixels in at least one. The score of a model is the mean over the 11 classes. The
# background, which is most of the picture, then counts as much as a single digit.

# %%
# Build
# -----
# From the inside to the outside: the bottom works at 6x6 pixels, the middle at 12x12
# around it, and the whole at 24x24. Without skip connections the same layers follow one
# another. Batch normalization makes the training of either faster; it has a bias of its
# own, beta, so that the convolutions before it need none.


def conv(filters):
    convolution = Conv2D(filters, 3, padding="same", use_bias=False)
    return [convolution, BatchNormalization(momentum=0.9), ReLU()]


def build(skips, seed, f=cfg.filters, size=SIZE):
    def beside(inner):
        return [Skip(inner, "concatenate")] if skips else inner

    bottom = [MaxPooling2D(2), *conv(4 * f), *conv(4 * f), UpSampling2D(2)]
    middle = [*conv(2 * f), *beside(bottom), *conv(2 * f)]
    inner = [MaxPooling2D(2), *middle, UpSampling2D(2)]
    model = Sequential([*conv(f), *beside(inner), *conv(f), Conv2D(11, 1)])
    model.build((size, size, 1), seed)
    return model


unet, plain = build(True, cfg.seed), build(False, cfg.seed)
loss = SoftmaxCrossEntropy()
print(unet.summary())

# %%
# Check before you train
# ----------------------
# The gradients of a smaller model, and the two lines of the maths beside the layer
# ``Skip``. An untrained model should cost about log 11 = 2.40 for each pixel. On white
# paper all maxima of the pooling are ties, at which there is no derivative, so that
# the gradients are checked on pieces of pictures with a little noise.

small = build(True, 0, f=1, size=8)
few, few_classes = (a[:2, 8:16, 8:16] for a in made_val)
noisy = few + rng.uniform(0, 0.2, few.shape)
print(gradcheck(small, noisy, few_classes, loss=loss, samples=10))
block = Skip(
    [MaxPooling2D(2), Conv2D(3, 3, padding="same"), UpSampling2D(2)], "concatenate"
)
block.build((SIZE, SIZE, 1), 0)
y, cache = block.forward(x_val)
dx, _ = block.backward(y, cache)  # dy = y: any upstream gradient will do
f, f_cache = block.inner.forward(x_val)
y_plain = xp_of(x).concatenate([x_val, f], axis=-1)
dx_plain = (
    y[..., :1]
    + block.inner.backward(xp_of(x).ascontiguousarray(y[..., 1:]), f_cache)[0]
)
difference = float(max(abs(y - y_plain).max(), abs(dx - dx_plain).max()))
print(f"Skip against the two lines: {difference:.1e}")
print(f"loss before training: {float(loss.forward(unet(x_val), t_val)[0]):.2f}")

# %%
# Break it on purpose
# -------------------
# ``--break NAME`` changes the first model or the training data.

if cfg.broken == "no_skip":
    unet = build(False, cfg.seed)
elif cfg.broken == "shifted":
    t = to_device(np.roll(made[1], (2, 2), axis=(1, 2)))

# %%
# Run
# ---
# Both models learn from the same pictures in the same order.


def overlaps(logits, target):
    """Intersection over union of each class."""
    p, t = to_numpy(logits.argmax(axis=-1)), to_numpy(target)
    both = [((p == k) & (t == k)).sum() for k in range(11)]
    any_of_them = [((p == k) | (t == k)).sum() for k in range(11)]
    return np.array(both) / np.maximum(any_of_them, 1)


def mean_overlap(logits, target):
    return float(overlaps(logits, target).mean())


def train(model):
    return fit(
        model,
        x,
        t,
        loss=loss,
        optimizer=Adam(cfg.learning_rate),
        epochs=cfg.epochs,
        batch_size=cfg.batch_size,
        validation=(x_val, t_val),
        metrics={"IoU": mean_overlap},
        seed=cfg.seed,
        verbose=False,
    )


names = ("with skips", "without skips")
models = dict(zip(names, (unet, plain), strict=True))
histories = {name: train(model) for name, model in models.items()}
history = {"training": histories["with skips"]["loss"]}
logits = {name: predict(model, x_val) for name, model in models.items()}
scores = {name: overlaps(a, t_val) for name, a in logits.items()}
correct = {name: float(accuracy(a, t_val)) for name, a in logits.items()}
rows = [(name, correct[name], float(scores[name].mean())) for name in names]
rows.append(("all background", background, background / 11))
print(table(("model", "correct pixels", "mean IoU"), rows))

# %%
# Look
# ----
# The predictions for the first pictures. Without skip connections the digits are found,
# but their edges are not.

predicted = {name: coloured(a[:5].argmax(axis=-1)) for name, a in logits.items()}
shown = {"pictures": x_val[:5], "classes": coloured(t_val[:5])} | predicted
figure = image_rows(shown, "Predicted class of each pixel")
show(cfg, figure, "predictions", "predictions of the models with and without skips")

# %%
# The intersection over union of each class. The background has the number 10, and its
# overlap is high in both models.

title = "Intersection over union of each digit, and of the background (10)"
figure = bars(scores, title, "class", "IoU on validation", first=0)
show(cfg, figure, "classes", "intersection over union of each class for both models")

# %%
# And the mean over the classes, epoch by epoch.

series = {name: h["val_IoU"] for name, h in histories.items()}
levels = {"all background": background / 11}
title = "Mean intersection over union on validation"
figure = curves(series, title, "epoch", "mean IoU", levels=levels)
show(cfg, figure, "epochs", "the model with skips overlaps more in every epoch")

# %%
# Expected against reference
# --------------------------
# The reference is the same model in PyTorch, with the same pictures and the initial
# weights of three seeds. So short a training ends at a score that varies by some
# hundredths with the order of the pictures, and the tolerance is as wide.

metrics = {
    "mean IoU, with skips": float(scores["with skips"].mean()),
    "mean IoU, without skips": float(scores["without skips"].mean()),
    "correct pixels, with skips": correct["with skips"],
    "correct pixels, without skips": correct["without skips"],
    "Skip - the two lines": difference,
}
print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                               cause                   look at
#    digits are found, edges are blurred   no path around the      --break no_skip,
#                                          pooling                 02_predictions.png
#    training loss as usual, a low IoU     pictures and classes    --break shifted,
#                                          are cropped or          02_predictions.png
#                                          enlarged differently
#    83 % of the pixels correct, a mean    all is background       the last line of
#    IoU below 0.1                                                 the table

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --epochs 30             do the two models come closer?
#    --filters 4             less than a third of the weights
#    --pictures 4000         more arrangements of the same 1437 digits

# %%
# Exercise
# --------
# The first convolution after the outer ``Skip`` reads the channels of both paths. In
# the trained U-Net, replace the channels of one path by their means over all pictures
# and pixels, then those of the other. Which path knows where there is a digit, and
# which path knows which digit it is? The answer: ``scratchnet answer 34``.

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(unet, loss, fit))

# sphinx_gallery_thumbnail_number = 2
