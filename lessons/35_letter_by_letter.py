r"""
35 - Letter by letter
=====================

Learn to write text in the style of a manual, one letter after the other, with an LSTM.

**You will see**

- a text as parallel streams, read in parts, with the state carried from part to part;
- the bits that a model needs for each letter, with and without the state of the part
  before;
- text that the model writes, at three temperatures.

**Facts**: 60 s on a laptop; the texts of Python's ``help``, part of every installation.
Before this: 34, which digit is where. Next: your own model. Paper: Graves (2013),
Generating sequences with recurrent neural networks.

.. math:: H = -\frac{1}{T} \sum_t \log_2 p(x_{t+1} | x_1, \ldots, x_t)
"""

# %%
# Knobs
# -----
# The settings of this lesson. Each is also a flag of the command line: ``--units 48``.

import inspect
import math
from pydoc_data.topics import topics

import numpy as np

from scratchnet.backend import RNG, to_device, to_numpy
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import LSTM, Dense, Embedding, Sequential, TimeDistributed
from scratchnet.layers.plain import embedding, embedding_backward
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.losses import SoftmaxCrossEntropy
from scratchnet.numerics import softmax
from scratchnet.optimizers import Adam
from scratchnet.plots import curves, heat_map
from scratchnet.sequence_training import truncated_bptt

cfg = knobs(
    "35_letter_by_letter",
    letters=200_000, streams=32, part=16, units=96, vector=16, epochs=8,
    learning_rate=0.005, seed=0,
    datasets={"topics": {}},
    breaks={"state_not_carried": "the first model starts each part at the state 0, too",
            "same_letter": "the target of a letter is the letter, not the next one"},
    quick={"letters": 16_000, "units": 24, "epochs": 3},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------
# The text consists of what ``help("if")`` and the like print: the chapters of Python's
# reference manual, which are in the module ``pydoc_data.topics`` of the standard
# library. The chapters share many paragraphs. Each is used once, because a paragraph in
# both parts of the data would make the validation too good. All letters are lower
# case, and white space within a paragraph is one space. Every version of Python has a
# slightly different text. "Letter" means any character here, also a space or a comma.

words = [
    paragraph.split() for k in sorted(topics) for paragraph in topics[k].split("\n\n")
]
once = dict.fromkeys(
    " ".join(w).encode("ascii", "ignore").decode().lower() for w in words
)
text = "\n".join(filter(None, once))[: cfg.letters]
alphabet = sorted(set(text))
index = {letter: k for k, letter in enumerate(alphabet)}
codes = np.array([index[letter] for letter in text])  # (letters,), integers
V, VAL_STREAMS, WINDOW = len(alphabet), 8, 64


def streams(codes, n, multiple):
    """Streams x (n, T), T a multiple of a number, and the next letters t."""
    T = (len(codes) - 1) // (n * multiple) * multiple
    return codes[: n * T].reshape(n, T), codes[1 : n * T + 1].reshape(n, T)


first, last = codes[: len(codes) * 7 // 8], codes[len(codes) * 7 // 8 :]
x, t = map(to_device, streams(first, cfg.streams, cfg.part))
pieces = math.lcm(WINDOW, cfg.part)  # each stream is read in pieces of both lengths
x_val, t_val = map(to_device, streams(last, VAL_STREAMS, pieces))
print(f"{V} different letters, training {x.shape}, validation {x_val.shape}")
print(text[:200])

pairs = np.zeros((V, V))
np.add.at(pairs, (first[:-1], first[1:]), 1)
frequent = np.argsort(-pairs.sum(axis=1))[:16]
shares = pairs / np.maximum(pairs.sum(axis=1, keepdims=True), 1)
names = [repr(alphabet[k]) for k in frequent]
rows = dict(zip(names, shares[np.ix_(frequent, frequent)], strict=True))
title = "Share of each letter (columns) after a letter (rows)"
figure = heat_map(rows, title, "next letter", names, "share", numbers="{:.2f}")
show(cfg, figure, "pairs", "how often each of the frequent letters follows another")

# %%
# Idea
# ----
# A model of a text answers one question again and again: after all these letters, which
# letter is next? The answer is a probability for each letter. The logarithm of the
# probability of the letter that really comes next, to base 2 and with the sign changed,
# is the number of bits that a program for compression would need for this letter with
# this model. The mean over a text that was not used for training measures the model.
#
# A recurrent network fits the question. It reads one letter per step and keeps in its
# state what may be of use later: the beginning of the word, whether a quotation mark
# is open, the subject of the paragraph. An embedding turns each letter into a learned
# vector first.
#
# The gradient cannot go back through two hundred thousand steps. Therefore the text is
# read in parts of a few steps, with an update after each part. The gradient ends at the
# start of a part, but the state need not: the state at the end of a part is the initial
# state of the next one. Only then does the model know at the start of a part what came
# before. To keep the products of matrices large, the text is cut into 32 streams, which
# are read side by side.
#
# A model that predicts the next letter can also write: draw a letter from its answer,
# give it the letter as the next input, and so on.

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol    in the code    shape        meaning
#    x         x              (N, T)       letters of N streams, integers below V
#    E         layers[0].W    (V, D)       a vector for each letter
#    e         e              (N, T, D)    e[n, t] = E[x[n, t]]
#    h, c      state          (N, M)       state of the LSTM, see lesson 21
#    a         logits         (N, T, V)    a = h W + b at each step
#    p         p              (N, T, V)    softmax(a / tau); tau = 1 in training
#
#    L = -1/(N T) sum over n, t of log p[n, t, x[n, t+1]]        bits = L / log 2
#
# The temperature tau changes how a letter is drawn. Below 1 the probable letters become
# more probable; near 0 the most probable one is always taken. Above 1 all become more
# alike. The training on parts, with the state s and the parameters w:
#
# .. code-block:: text
#
#    s = 0
#    for each part:
#        a, s' = model(x of the part, s)
#        w = w - step along dL/dw          s is a constant: the gradient ends here
#        s = s'                            carried to the next part

# %%
# The embedding and its gradient as functions. ``Embedding`` computes the same, faster.

print(inspect.getsource(embedding))
print(inspect.getsource(embedding_backward))

# %%
# Build
# -----
# Any number of steps: the shape of a stream is (None,).


def build(seed, units=cfg.units):
    lstm = LSTM(units, return_sequences=True)
    model = Sequential([Embedding(V, cfg.vector), lstm, TimeDistributed(Dense(V))])
    model.build((None,), seed)
    return model


carried, restarted = build(cfg.seed), build(cfg.seed)
loss = SoftmaxCrossEntropy()
print(carried.summary())

# %%
# Check before you train
# ----------------------
# The gradients, the embedding beside its plain form, and the state: a stream that is
# read in two parts must give the same output as in one. Before training each letter
# costs about log2 V bits.

few, next_few = to_numpy(x_val[:2, :6]), to_numpy(t_val[:2, :6])
print(gradcheck(build(0, units=3), few, next_few, loss=loss, samples=10))
layer, row = carried.layers[0], x_val[0]
e, cache = layer.forward(row[None])
dE = layer.backward(e, cache)[1]["W"]  # de = e: any upstream gradient will do
dE_plain = embedding_backward(e[0], row, layer.W)
difference_E = float(
    max(abs(e[0] - embedding(row, layer.W)).max(), abs(dE - dE_plain).max())
)
whole, _ = carried.run(x_val[:, :WINDOW])
_, state = carried.run(x_val[:, :40])
rest, _ = carried.run(x_val[:, 40:WINDOW], state)
difference = float(abs(rest - whole[:, 40:]).max())
print(f"embedding - plain {difference_E:.1e}, two parts - one {difference:.1e}")


def bits(model, length):
    """Bits of each letter (n, length), read from the state 0 in pieces of a length."""
    pieces, targets = x_val.reshape(-1, length), t_val.reshape(-1, length)
    return loss.costs(model(pieces), targets) / math.log(2)


print(f"bits {float(bits(carried, WINDOW).mean()):.2f}, log2 V {math.log2(V):.2f}")

# %%
# Break it on purpose
# -------------------
# ``--break NAME`` changes the training of the first model or the targets.

carry_state = True
if cfg.broken == "state_not_carried":
    carry_state = False
elif cfg.broken == "same_letter":
    t, t_val = x, x_val

# %%
# Run
# ---
# Two models with equal initial weights. The first carries the state from part to part
# through the whole text. The second starts each part at the state 0, in training and
# validation, as ``fit`` with samples of 16 letters would.


def train(model, carry):
    optimizer = Adam(cfg.learning_rate)
    T = x.shape[1]
    length = T if carry else cfg.part  # of what is read before the state returns to 0
    history = {"training": [], "validation": []}
    for _ in range(cfg.epochs):
        values = []
        for start in range(0, T, length):
            s = slice(start, start + length)
            part = x[:, s], t[:, s]
            value, _ = truncated_bptt(model, loss, optimizer, *part, cfg.part)
            values.append(float(value) / math.log(2))
        history["training"].append(sum(values) / len(values))
        read = bits(model, x_val.shape[1] if carry else cfg.part)
        history["validation"].append(float(read.mean()))
    return history


history = train(carried, carry_state)
history_restarted = train(restarted, False)

single = (pairs.sum(axis=0) + 1) / (pairs.sum() + V)  # 1 added: no probability is 0
double = (pairs + single) / (pairs.sum(axis=1, keepdims=True) + 1)
levels = {
    "frequency of letters": float(-np.log2(single[last[1:]]).mean()),
    "frequency of pairs": float(-np.log2(double[last[:-1], last[1:]]).mean()),
}
found = {
    "LSTM, state carried": history["validation"][-1],
    "LSTM, state 0 at each part": history_restarted["validation"][-1],
}
print(table(("model", "bits per letter"), (levels | found).items()))

# %%
# Look
# ----
# The bits of a letter, by the number of letters read since the state was 0. Both models
# are measured on the same pieces of 64 letters; where both lines rise together, the
# pieces have difficult letters. The first letters after a state of 0 cost most, and in
# parts of 16 letters they are a large share. A carried state avoids this. The model
# trained with a carried state has met the state 0 once in an epoch only, and predicts
# poorly from it. After about ten letters the two are equal: so small a model uses no
# more of the past.

GROUP = 4
both = {"state carried in training": carried, "state 0 at each part": restarted}
series = {}
for name, model in both.items():
    position = to_numpy(bits(model, WINDOW)).mean(axis=0)  # (WINDOW,)
    series[name] = position.reshape(-1, GROUP).mean(axis=1)
read = list(range(GROUP, WINDOW + 1, GROUP))
title = "Bits by the number of letters read, means of four letters"
figure = curves(series, title, "letters read since the state was 0", "bits", x=read)
show(cfg, figure, "position", "bits per letter fall with the number of letters read")

# %%
# The bits on validation, epoch by epoch.

series = {
    "state carried": history["validation"],
    "state 0 at each part": history_restarted["validation"],
}
title = "Bits per letter on validation"
figure = curves(series, title, "epoch", "bits per letter", levels=levels)
show(cfg, figure, "epochs", "bits per letter in each epoch, below those of pairs")

# %%
# And the text that the first model writes. At a low temperature it repeats the most
# frequent words; at 1 it draws as it has learned, with words that do not exist.


def write(model, beginning, temperature, n, rng):
    """Text of n more letters, each drawn from the answer to all letters before."""
    letters = [index[letter] for letter in beginning]
    logits, state = model.run(to_device(np.array([letters])))
    for _ in range(n):
        a = to_numpy(logits[0, -1]).astype("float64")  # (V,)
        letters.append(int(rng.choice(V, p=softmax(a / temperature))))
        logits, state = model.run(to_device(np.array([letters[-1:]])), state)
    return "".join(alphabet[k] for k in letters)


rng = RNG(cfg.seed).host
for temperature in (0.2, 0.6, 1.0):
    written = write(carried, "the ", temperature, 300, rng)
    print(f"\ntemperature {temperature}\n{written}")

# %%
# Expected against reference
# --------------------------
# The reference is the same model in PyTorch, with the same text and the same initial
# weights. Other versions of Python have another text and differ by some hundredths.

metrics = {
    "bits, state carried": history["validation"][-1],
    "bits, state 0 at each part": history_restarted["validation"][-1],
    "bits, frequency of pairs": levels["frequency of pairs"],
    "embedding - plain": difference_E,
    "two parts - one": difference,
}
print()
print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                              cause                     look at
#    no better than with short samples    the state returns to 0    --break
#                                         at each part              state_not_carried,
#                                                                   02_position.png
#    bits near 0, and a text that         the target is the input   --break same_letter,
#    repeats one letter                                             the written text

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --part 4                 the gradient goes back over four letters only
#    --units 192 --epochs 12  a larger model: fewer bits, better words
#    --letters 60000          less text: when does the error on validation rise?

# %%
# Exercise
# --------
# Which letters are expensive? Compute the mean bits of the first letter of a word, of
# the second, and so on, for the trained model on the validation text. The answer:
# ``scratchnet answer 35``.

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(carried, loss, truncated_bptt))

# sphinx_gallery_thumbnail_number = 2
