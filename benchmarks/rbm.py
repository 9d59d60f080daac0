"""A tenth of an epoch of an RBM beside scikit-learn's and a loop in PyTorch.

6000 rows of 784 pixels, 256 hidden units, one persistent chain's step (PCD-1) for each batch of 100
rows. The rows of scratchnet and scikit-learn are the whole of ``fit``, checks included; PyTorch has
no RBM, so its row is a loop with the same formulas.
"""

import numpy as np

SHARED = {"n_components": 256, "learning_rate": 0.05, "batch_size": 100, "n_iter": 1}


class Pixels:
    """Random pixels of which 13 % are 1, as many as in MNIST."""

    title = "RBM 784-256, PCD-1, 6000 rows in batches of 100 (a step is all 60 updates)"

    def batch(self):
        """Draw (6000, 784) float32."""
        return (np.random.default_rng(0).random((6000, 784)) < 0.13).astype(np.float32)

    def scratchnet_step(self, rate):
        """`scratchnet.boltzmann.BernoulliRBM`."""
        from scratchnet.boltzmann import BernoulliRBM

        x = self.batch()
        return lambda: BernoulliRBM(**SHARED, random_state=0).fit(x)

    def scikit_learn_step(self):
        """`sklearn.neural_network.BernoulliRBM`."""
        from sklearn.neural_network import BernoulliRBM

        x = self.batch()
        return lambda: BernoulliRBM(**SHARED, random_state=0).fit(x)

    def torch_loop(self):
        """PCD-1 with the formulas of lesson 25, eager, every update in place."""
        import torch

        x = torch.from_numpy(self.batch())
        n, rate = SHARED["batch_size"], SHARED["learning_rate"]
        W = 0.01 * torch.randn(x.shape[1], SHARED["n_components"])
        a, b = torch.zeros(W.shape[0]), torch.zeros(W.shape[1])
        h = torch.zeros(n, W.shape[1])

        def step():
            nonlocal h
            for rows in torch.randperm(len(x)).split(n):
                v = x[rows]
                p = torch.sigmoid(torch.addmm(b, v, W))
                v_model = torch.bernoulli(torch.sigmoid(torch.addmm(a, h, W.t())))
                q = torch.sigmoid(torch.addmm(b, v_model, W))
                h = torch.bernoulli(q)
                W.add_(v.t() @ p - v_model.t() @ q, alpha=rate / n)
                a.add_((v - v_model).mean(dim=0), alpha=rate)
                b.add_((p - q).mean(dim=0), alpha=rate)

        return step
