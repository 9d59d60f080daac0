"""Answer to lesson 28: a belief network that reads digits itself.

The class with the highest probability is wrong for about one test digit in seven after training
layer by layer, and for somewhat fewer after up-down, with 128 units a layer and few epochs. The
perceptron of the lesson is better: it is trained for the answer alone, while the belief network
models pixels and labels together.
"""

from scratchnet.boltzmann import DBN
from scratchnet.exercises.answers.continued import lesson, shown


def main():
    """Test error of `label_probabilities`, without and with up-down."""
    m = lesson("28", "def build_dbn")
    numbers = {}
    for name, fine_tune in (("layer by layer", None), ("up-down", "up-down")):
        dbn = DBN(
            (128, 128),
            labels=True,
            learning_rate=0.3,
            n_iter=30,
            batch_size=20,
            fine_tune=fine_tune,
            fine_tune_iter=30,
            fine_tune_rate=0.1,
            weight_scale=0.01,
            random_state=0,
        ).fit(m.x, m.t)
        found = dbn.classes_[dbn.label_probabilities(m.x_test).argmax(axis=1)]
        numbers[f"test error, {name} (%)"] = 100 * (found != m.t_test).mean()
    return shown(numbers)
