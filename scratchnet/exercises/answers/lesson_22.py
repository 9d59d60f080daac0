"""Answer to lesson 22: sines with a phase of their own.

The codes lie on a closed curve around a center. The only thing that differs from one sequence to
the next, besides the noise, is the phase, and phases form a circle: 0 and 2 pi give the same
sine. The map from the phase to the code is continuous, so the codes form a closed curve. In the
order of the phases the codes go round the center once.
"""

import numpy as np
from sklearn.decomposition import PCA

from scratchnet.exercises.answers.continued import lesson, shown


def main():
    """Train on sines of random phases, and look at the plane of the codes."""
    m = lesson("22", "history_reported = train", "--units", "16")
    phase = np.random.default_rng(0).uniform(0, 2 * np.pi, 1000)
    clean = np.sin(np.linspace(0, 2 * np.pi, m.T) + phase[:, None])[:, :, None]
    noise = m.cfg.sigma * np.random.default_rng(1).standard_normal(clean.shape)
    x = (clean + noise).astype("float32")
    m.x, m.x_val = x[:800], x[800:]
    history = m.train(m.repaired, 15, m.cfg.learning_rate, m.cfg.batch_size, 800)
    plane = PCA(2).fit_transform(np.asarray(m.repaired.layers[0](m.x_val)))
    radius = np.linalg.norm(plane, axis=1)
    angle = np.unwrap(np.arctan2(*plane[phase[800:].argsort()].T))
    return shown(
        {
            "validation MSE": history["validation"][-1],
            "smallest distance of a code from the center / mean": radius.min() / radius.mean(),
            "turns around the center, for phases from 0 to 2 pi": abs(angle[-1] - angle[0])
            / (2 * np.pi),
        }
    )
