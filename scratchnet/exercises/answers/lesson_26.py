"""Answer to lesson 26: features of an RBM before a logistic regression.

No, not for these digits: the pixels, 64 numbers of 0 or 1, are better for every number of labels,
by three to six percent for 100 and 300 labels and by two percent for all. An RBM in the Pipeline
is trained on the labelled digits only. Trained on all digits, without labels, it comes closer to
the pixels. For larger pictures, such as MNIST, features of an RBM are better than pixels.
"""

from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from scratchnet.boltzmann import BernoulliRBM
from scratchnet.exercises.answers.continued import shown


def main():
    """Test accuracy from pixels and from hidden units, for 100, 300 and all labels."""
    x, t = load_digits(return_X_y=True)
    x = (x / 16 > 0.5).astype("float32")
    x, x_test, t, t_test = train_test_split(x, t, test_size=360, random_state=0, stratify=t)
    numbers = {}
    for n in (100, 300, len(x)):
        rbm = BernoulliRBM(100, learning_rate=0.1, n_iter=15, batch_size=20, random_state=0)
        classifier = LogisticRegression(max_iter=2000)
        pipeline = make_pipeline(rbm, classifier).fit(x[:n], t[:n])
        all_pictures = rbm.fit(x)  # without labels
        on_all = LogisticRegression(max_iter=2000)
        on_all.fit(all_pictures.transform(x[:n]), t[:n])
        numbers[f"pixels, {n} labels"] = (
            LogisticRegression(max_iter=2000).fit(x[:n], t[:n]).score(x_test, t_test)
        )
        numbers[f"RBM in the Pipeline, {n} labels"] = pipeline.score(x_test, t_test)
        numbers[f"RBM of all pictures, {n} labels"] = on_all.score(
            all_pictures.transform(x_test), t_test
        )
    return shown(numbers)
