"""Pairs of a framework's call and our object with the same result, compared by test_golden.py.

The calls are the names of the cases in torch.npz and keras.npz, and the code that made them.

To compare a new layer with PyTorch (or Keras), if the framework has it:

    1. add the pair to LAYERS here:                  "F.selu(x)": SELU(),
    2. add the call, with its inputs, at the end of  make_torch.py (or make_keras.py):
       layer("F.selu(x)", kinked(4, 5)); parameters are keyword arguments: gamma=normal(5)
    3. run that script, which needs the framework and writes the .npz file.

Until then the test of completeness is skipped, with the layer's name.
"""

import numpy as np

from scratchnet.layers import (
    ELU,
    GELU,
    SELU,
    ActivityRegularization,
    BatchNormalization,
    Dense,
    Embedding,
    Flatten,
    GroupNormalization,
    LayerNormalization,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Reshape,
    Sequential,
    Sigmoid,
    Skip,
    Softmax,
    Softplus,
    Tanh,
    WeightRegularization,
)
from scratchnet.losses import (
    BinaryCrossEntropy,
    GaussianNLL,
    Huber,
    KLToStandardNormal,
    MeanAbsoluteError,
    MeanSquaredError,
    NegativeLogLikelihood,
    SoftmaxCrossEntropy,
    WeightedLoss,
)
from scratchnet.optimizers import SGD, Adagrad, Adam, AdamW, ClipByGlobalNorm, ClipByValue, RMSprop
from scratchnet.schedules import CosineDecay, ExponentialDecay, StepDecay, WarmUp

WEIGHTS = "torch.tensor([0.2, 1.0, 3.0, 0.5], dtype=torch.float64)"
CLASS_WEIGHTS = [0.2, 1.0, 3.0, 0.5]

# x.permute(...) takes a channels-last image to PyTorch's channels first, and back.
LAYERS = {
    "F.linear(x, W.T, b)": Dense(4),
    "F.linear(x, W.T)": Dense(3, use_bias=False),
    "keras.layers.Dense(4)(x)": Dense(4),
    "keras.layers.Dense(3, use_bias=False)(x)": Dense(3, use_bias=False),
    # activations
    "F.relu(x)": ReLU(),
    "F.leaky_relu(x, 0.01)": LeakyReLU(0.01),
    "F.leaky_relu(x, 0.3)": LeakyReLU(0.3),
    "F.elu(x)": ELU(),
    "F.elu(x, alpha=0.4)": ELU(alpha=0.4),
    "F.gelu(x)": GELU(),
    "F.gelu(x, approximate='tanh')": GELU(approximate=True),
    "F.softplus(x, threshold=100)": Softplus(),
    "torch.sigmoid(x)": Sigmoid(),
    "torch.tanh(x)": Tanh(),
    "F.softmax(x, dim=-1)": Softmax(),
    "F.softmax(x, dim=1)": Softmax(axis=1),
    "F.log_softmax(x, dim=-1)": LogSoftmax(),
    "F.log_softmax(x, dim=1)": LogSoftmax(axis=1),
    "keras.layers.ReLU()(x)": ReLU(),
    "keras.layers.LeakyReLU()(x)": LeakyReLU(),
    "keras.layers.ELU()(x)": ELU(),
    "keras.layers.Softmax()(x)": Softmax(),
    "keras.layers.Softmax(axis=1)(x)": Softmax(axis=1),
    "keras.activations.gelu(x)": GELU(),
    "keras.activations.gelu(x, approximate=True)": GELU(approximate=True),
    "keras.activations.softplus(x)": Softplus(),
    "keras.activations.sigmoid(x)": Sigmoid(),
    "keras.activations.tanh(x)": Tanh(),
    "F.selu(x)": SELU(),
    "keras.activations.selu(x)": SELU(),
    # reshaping
    "x.flatten(1)": Flatten(),
    "x.reshape(3, 4, 2, 5)": Reshape((4, 2, 5)),
    "keras.layers.Flatten()(x)": Flatten(),
    "keras.layers.Reshape((4, -1, 2))(x)": Reshape((4, -1, 2)),
    # batch normalization
    "F.batch_norm(x, None, None, gamma, beta, training=True, eps=1e-3)": BatchNormalization(),
    "F.batch_norm(x, None, None, gamma, training=True, eps=0.1)": (
        BatchNormalization(epsilon=0.1, center=False)
    ),
    "F.batch_norm(x, None, None, None, beta, training=True)": (
        BatchNormalization(epsilon=1e-5, scale=False)
    ),
    "F.batch_norm(x, None, None, training=True)": (
        BatchNormalization(epsilon=1e-5, center=False, scale=False)
    ),
    "F.batch_norm(x.permute(0, 3, 1, 2), None, None, gamma, beta, training=True)"
    ".permute(0, 2, 3, 1)": BatchNormalization(epsilon=1e-5),
    "F.batch_norm(x, moving_mean, moving_variance, gamma, beta, training=False)": (
        BatchNormalization(epsilon=1e-5)
    ),
    "F.batch_norm(x.permute(0, 3, 1, 2), moving_mean, moving_variance, gamma, beta, training=False)"
    ".permute(0, 2, 3, 1)": BatchNormalization(epsilon=1e-5),
    "keras.layers.BatchNormalization()(x, training=True)": BatchNormalization(),
    "keras.layers.BatchNormalization()(x, training=False)": BatchNormalization(),
    "keras.layers.BatchNormalization(epsilon=0.1)(x, training=True)": (
        BatchNormalization(epsilon=0.1)
    ),
    "keras.layers.BatchNormalization(epsilon=0.1)(x, training=False)": (
        BatchNormalization(epsilon=0.1)
    ),
    "keras.layers.BatchNormalization(center=False)(x, training=True)": (
        BatchNormalization(center=False)
    ),
    "keras.layers.BatchNormalization(scale=False)(x, training=True)": (
        BatchNormalization(scale=False)
    ),
    # layer normalization
    "F.layer_norm(x, (4,), gamma, beta)": LayerNormalization(epsilon=1e-5),
    "F.layer_norm(x, (5,), gamma, eps=0.1)": LayerNormalization(epsilon=0.1, center=False),
    "F.layer_norm(x, (5,), None, beta)": LayerNormalization(epsilon=1e-5, scale=False),
    "F.layer_norm(x, (3,))": LayerNormalization(epsilon=1e-5, center=False, scale=False),
    "F.layer_norm(x, (4,), gamma, beta, eps=1e-3)": LayerNormalization(),
    "keras.layers.LayerNormalization()(x)": LayerNormalization(),
    "keras.layers.LayerNormalization(epsilon=0.1)(x)": LayerNormalization(epsilon=0.1),
    "keras.layers.LayerNormalization(center=False)(x)": LayerNormalization(center=False),
    "keras.layers.LayerNormalization(scale=False)(x)": LayerNormalization(scale=False),
    # group normalization
    "F.group_norm(x.movedim(3, 1), 2, gamma, beta, eps=1e-3).movedim(1, 3)": GroupNormalization(2),
    "F.group_norm(x, 4)": GroupNormalization(4, epsilon=1e-5, center=False, scale=False),
    "keras.layers.GroupNormalization(2)(x)": GroupNormalization(2),
    # integers, and layers made of layers: the parameter inner/W is inner_W in a call
    "F.embedding(x, W)": Embedding(7, 3),
    "x + F.linear(x, inner_W.T, inner_b)": Skip(Dense(4)),
    "torch.cat([F.linear(x, shortcut_W.T, shortcut_b), F.linear(x, inner_W.T, inner_b)], dim=-1)": (
        Skip(Dense(3), "concatenate", shortcut=Dense(2))
    ),
}

RUNNING = {
    "keras.layers.BatchNormalization()": BatchNormalization(),
    "keras.layers.BatchNormalization(momentum=0.7)": BatchNormalization(momentum=0.7),
}

PENALTIES = {
    "(0.1 * x.abs().sum() + 0.02 * x.square().sum()) / len(x)": ActivityRegularization(0.1, 0.02),
    "0.1 * x.abs().sum() + 0.02 * x.square().sum()": ActivityRegularization(0.1, 0.02, "sum"),
    "0.1 * x.abs().sum() / len(x)": ActivityRegularization(l1=0.1),
    "0.02 * x.square().sum()": ActivityRegularization(l2=0.02, reduction="sum"),
    "keras.layers.ActivityRegularization(l1=0.1, l2=0.02)": ActivityRegularization(0.1, 0.02),
    "keras.layers.ActivityRegularization(l1=0.1)": ActivityRegularization(l1=0.1),
    "keras.layers.ActivityRegularization(l2=0.02)": ActivityRegularization(l2=0.02),
}

LOSSES = {
    "F.mse_loss(y, t)": MeanSquaredError(),
    "F.mse_loss(y, t, reduction='sum') / len(y)": MeanSquaredError("per_sample"),
    "-Normal(y, 0.2).log_prob(t).mean()": GaussianNLL(0.2),
    "-Normal(y, 1.5).log_prob(t).sum() / len(y)": GaussianNLL(1.5, "per_sample"),
    "F.l1_loss(y, t)": MeanAbsoluteError(),
    "F.l1_loss(y, t, reduction='sum') / len(y)": MeanAbsoluteError("per_sample"),
    "F.huber_loss(y, t)": Huber(),
    "F.huber_loss(y, t, reduction='sum') / len(y)": Huber(reduction="per_sample"),
    "F.huber_loss(y, t, delta=0.3)": Huber(0.3),
    "F.huber_loss(y, t, reduction='sum', delta=2.5) / len(y)": Huber(2.5, "per_sample"),
    "keras.losses.MeanSquaredError()(t, y)": MeanSquaredError(),
    "keras.losses.MeanAbsoluteError()(t, y)": MeanAbsoluteError(),
    "keras.losses.Huber()(t, y)": Huber(),
    "keras.losses.Huber(delta=0.3)(t, y)": Huber(delta=0.3),
    # yes/no, from probabilities p and from logits x
    "F.binary_cross_entropy(p, t)": BinaryCrossEntropy(),
    "F.binary_cross_entropy(p, t, reduction='sum') / len(p)": (
        BinaryCrossEntropy(reduction="per_sample")
    ),
    "F.binary_cross_entropy_with_logits(x, t)": BinaryCrossEntropy(from_logits=True),
    "F.binary_cross_entropy_with_logits(x, t, reduction='sum') / len(x)": (
        BinaryCrossEntropy(from_logits=True, reduction="per_sample")
    ),
    "keras.losses.BinaryCrossentropy()(t, p)": BinaryCrossEntropy(),
    "keras.losses.BinaryCrossentropy(from_logits=True)(t, x)": BinaryCrossEntropy(from_logits=True),
    # one of K classes
    "F.cross_entropy(x, index)": SoftmaxCrossEntropy(),
    "F.cross_entropy(x, one_hot)": SoftmaxCrossEntropy(),
    "F.cross_entropy(x, soft)": SoftmaxCrossEntropy(),
    "F.cross_entropy(x[:1], index[:1])": SoftmaxCrossEntropy(),
    "keras.losses.SparseCategoricalCrossentropy(from_logits=True)(index, x)": SoftmaxCrossEntropy(),
    "keras.losses.CategoricalCrossentropy(from_logits=True)(one_hot, x)": SoftmaxCrossEntropy(),
    "keras.losses.CategoricalCrossentropy(from_logits=True)(soft, x)": SoftmaxCrossEntropy(),
    # a class for each step or pixel, class weights, ignored labels
    "F.cross_entropy(x.movedim(-1, 1), steps)": SoftmaxCrossEntropy(),
    "F.cross_entropy(x.movedim(-1, 1), steps, reduction='sum') / len(x)": (
        SoftmaxCrossEntropy("per_sample")
    ),
    "F.cross_entropy(x.movedim(-1, 1), soft.movedim(-1, 1))": SoftmaxCrossEntropy(),
    "F.cross_entropy(x.movedim(-1, 1), pixels, ignore_index=-1)": (
        SoftmaxCrossEntropy(ignore_index=-1)
    ),
    f"F.cross_entropy(x, index, weight={WEIGHTS})": (
        SoftmaxCrossEntropy(class_weights=CLASS_WEIGHTS)
    ),
    f"F.cross_entropy(x.movedim(-1, 1), pixels, weight={WEIGHTS}, ignore_index=-1)": (
        SoftmaxCrossEntropy(class_weights=CLASS_WEIGHTS, ignore_index=-1)
    ),
    "F.nll_loss(y, index)": NegativeLogLikelihood(),
    f"F.nll_loss(y, index, weight={WEIGHTS})": NegativeLogLikelihood(class_weights=CLASS_WEIGHTS),
    "F.nll_loss(y.movedim(-1, 1).contiguous(), pixels, ignore_index=-1)": (
        NegativeLogLikelihood(ignore_index=-1)
    ),
    "F.nll_loss(y.movedim(-1, 1).contiguous(), pixels, reduction='sum') / len(y)": (
        NegativeLogLikelihood("per_sample")
    ),
    f"F.nll_loss(y.movedim(-1, 1).contiguous(), pixels, weight={WEIGHTS}, ignore_index=-1)": (
        NegativeLogLikelihood(class_weights=CLASS_WEIGHTS, ignore_index=-1)
    ),
    f"({WEIGHTS} * (y - t).square().mean(dim=(1, 2))).sum() / {WEIGHTS}.sum()": (
        WeightedLoss(MeanSquaredError(), np.array(CLASS_WEIGHTS))
    ),
    # v = log s^2
    "kl_divergence(Normal(m, torch.exp(v / 2)), Normal(0.0, 1.0)).sum() / len(m)": (
        KLToStandardNormal()
    ),
}

OPTIMIZERS = {
    "torch.optim.SGD([w], lr=0.1)": SGD(0.1),
    "torch.optim.SGD([w], lr=0.01, momentum=0.9)": SGD(0.01, momentum=0.9),
    "torch.optim.SGD([w], lr=0.01, momentum=0.8, nesterov=True)": SGD(0.01, 0.8, nesterov=True),
    "torch.optim.RMSprop([w], lr=0.01, alpha=0.9, eps=1e-7)": RMSprop(0.01),
    "torch.optim.RMSprop([w], lr=0.01, alpha=0.99, eps=0.1)": RMSprop(0.01, rho=0.99, epsilon=0.1),
    "torch.optim.Adagrad([w], lr=0.1)": Adagrad(0.1),
    "torch.optim.Adagrad([w], lr=0.1, initial_accumulator_value=0.5, eps=0.1)": (
        Adagrad(0.1, initial_accumulator_value=0.5, epsilon=0.1)
    ),
    "torch.optim.Adam([w])": Adam(),
    "torch.optim.Adam([w], lr=0.1, betas=(0.5, 0.9), eps=0.1)": Adam(0.1, 0.5, 0.9, epsilon=0.1),
    "torch.optim.AdamW([w])": AdamW(),
    "torch.optim.AdamW([w], lr=0.01, betas=(0.8, 0.99), eps=0.01, weight_decay=0.3)": (
        AdamW(0.01, 0.8, 0.99, epsilon=0.01, weight_decay=0.3)
    ),
    "keras.optimizers.SGD()": SGD(),
    "keras.optimizers.SGD(0.01, momentum=0.9)": SGD(0.01, momentum=0.9),
    "keras.optimizers.SGD(0.01, momentum=0.8, nesterov=True)": SGD(0.01, 0.8, nesterov=True),
    "keras.optimizers.RMSprop(epsilon=1e-30)": RMSprop(epsilon=1e-30),
    "keras.optimizers.Adagrad(0.1, initial_accumulator_value=0.5, epsilon=1e-30)": (
        Adagrad(0.1, initial_accumulator_value=0.5, epsilon=1e-30)
    ),
    "keras.optimizers.Adam(epsilon=1e-30)": Adam(epsilon=1e-30),
    "keras.optimizers.Adam(0.1, beta_1=0.5, beta_2=0.9, epsilon=1e-30)": (
        Adam(0.1, beta_1=0.5, beta_2=0.9, epsilon=1e-30)
    ),
    "keras.optimizers.AdamW(0.01, weight_decay=0.3, epsilon=1e-30)": (
        AdamW(0.01, weight_decay=0.3, epsilon=1e-30)
    ),
}

CLIPS = {
    "clip_grad_norm_(w, max_norm=2.5)": ClipByGlobalNorm(2.5),
    "clip_grad_norm_(w, max_norm=100)": ClipByGlobalNorm(100),
    "clip_grad_value_(w, 0.5)": ClipByValue(0.5),
}

SCHEDULES = {
    "StepLR(sgd, step_size=10, gamma=0.5)": StepDecay(0.1, 0.5, every=10),
    "ExponentialLR(sgd, gamma=0.5 ** (1 / 7))": ExponentialDecay(0.1, 0.5, steps=7),
    "CosineAnnealingLR(sgd, T_max=20)": CosineDecay(0.1, steps=20),
    "CosineAnnealingLR(sgd, T_max=20, eta_min=0.01)": CosineDecay(0.1, 20, final=0.01),
    "LinearLR(sgd, 1 / 6, total_iters=5)": WarmUp(0.1, steps=5),
    "SequentialLR(sgd, [LinearLR(sgd, 1 / 6, total_iters=5), CosineAnnealingLR(sgd, 20)], "
    "milestones=[5])": WarmUp(CosineDecay(0.1, steps=20), steps=5),
    "keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5, staircase=True)": (
        StepDecay(0.1, 0.5, every=10)
    ),
    "keras.optimizers.schedules.ExponentialDecay(0.1, 7, 0.5)": ExponentialDecay(0.1, 0.5, steps=7),
    "keras.optimizers.schedules.CosineDecay(0.1, 20)": CosineDecay(0.1, steps=20),
    "keras.optimizers.schedules.CosineDecay(0.1, 20, alpha=0.1)": CosineDecay(0.1, 20, final=0.01),
}

# (model, loss, optimizer), trained for three steps
MODELS = {
    # F.cross_entropy, torch.optim.Adam(lr=0.05)
    "nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))": (
        Sequential([Dense(5), ReLU(), Dense(3)]),
        SoftmaxCrossEntropy(),
        Adam(0.05),
    ),
    # F.cross_entropy, torch.optim.Adam(lr=0.05), weight_decay=0.2 for the weights alone
    "nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))": (
        WeightRegularization(Sequential([Dense(5), Tanh(), Dense(3)]), l2=0.1),
        SoftmaxCrossEntropy(),
        Adam(0.05),
    ),
    # loss="mse", keras.optimizers.SGD(0.1)
    "keras.Sequential([layers.Dense(5), layers.BatchNormalization(momentum=0.9), "
    "layers.ReLU(), layers.Dense(2)])": (
        Sequential([Dense(5), BatchNormalization(momentum=0.9), ReLU(), Dense(2)]),
        MeanSquaredError(),
        SGD(0.1),
    ),
}

TABLES = (LAYERS, RUNNING, PENALTIES, LOSSES, OPTIMIZERS, CLIPS, SCHEDULES, MODELS)
