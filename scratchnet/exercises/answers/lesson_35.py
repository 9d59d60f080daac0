"""Answer to lesson 35: the letters of a word that cost most.

The first letter of a word: it costs about twice as many bits as the others, because many words may
follow. With each letter fewer words remain, and the letters from the fourth on cost less than half
as many bits as the first. One letter in seven is the first of a word, but these letters have more
than a quarter of all bits. A model that knew more about the meaning would save there.
"""

import numpy as np

from scratchnet.exercises.answers.continued import lesson, shown

LONGEST = 6


def places_in_words(text):
    """Place of each letter in its word, 1, 2, ...; 0 for all that is no letter of a to z."""
    places = np.zeros(len(text), dtype=int)
    for i, letter in enumerate(text):
        if "a" <= letter <= "z":
            places[i] = 1 + (places[i - 1] if i else 0)
    return places


def main():
    """Train the first model, and take the mean bits of the letters at each place in a word."""
    m = lesson("35", "history = train(carried", "--epochs", "5")
    m.train(m.carried, True)
    costs = np.asarray(m.bits(m.carried, m.x_val.shape[1]))  # (N, T), of the letters t_val
    streams = zip(m.x_val, m.t_val, strict=True)
    texts = ["".join(m.alphabet[k] for k in (x[0], *t)) for x, t in streams]
    places = np.array([places_in_words(text)[1:] for text in texts])  # (N, T)
    numbers = {"no letter": costs[places == 0].mean()}
    for place in range(1, LONGEST + 1):
        numbers[f"letter {place} of a word"] = costs[places == place].mean()
    first = places == 1
    numbers["share of the first letters in all bits"] = costs[first].sum() / costs.sum()
    numbers["share of the first letters in the text"] = first.mean()
    return shown(numbers)
