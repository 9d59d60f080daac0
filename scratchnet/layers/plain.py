"""Plain reference implementations: each function is the formula of one layer, and nothing else.

A layer computes the same values, most of them faster, with options and checks; the tests compare
the two.

    plain function          optimized layer       file
    dense                   Dense                 layers/dense.py
    conv2d                  Conv2D                layers/conv/convolution.py
    conv2d_transpose        Conv2DTranspose       layers/conv/convolution.py
    max_pool                MaxPooling2D          layers/conv/pooling.py
    unpool                  MaxUnpooling2D        layers/conv/unpooling.py
    lstm_step               LSTM                  layers/lstm.py
    gru_step                GRU                   layers/gru.py
    gru_step_reset_before   GRU                   layers/gru.py
    embedding               Embedding             layers/embedding.py
    batch_norm              BatchNormalization    layers/normalization.py

f_backward takes the gradient dy = dL/dy of a loss L and the inputs of f that it needs (for a
maximum its indices), and returns the gradients by the inputs of f, in their order. What a layer
keeps in its cache is computed again.

``xp_of(x)`` is the module of the array x: NumPy, or CuPy for an array on a GPU.

``einsum("nuvc,uvcf->nf", x, W)`` is the sum over u, v, c of x[n, u, v, c] W[u, v, c, f]: it
multiplies, and sums over each letter that is missing after the arrow.

N batch, (H, W) and (OH, OW) size of x and y, C channels, F filters, (KH, KW) size of the kernel,
s stride, D features, M units. The caller pads the images, see `numpy.pad`.
"""

from scratchnet.backend import xp_of
from scratchnet.numerics import sigmoid


def dense(x, W, b):
    """Fully connected layer y = x W + b, for x (N, D), W (D, M) and b (M,). Optimized: `Dense`.

    >>> import numpy as np
    >>> dense(np.array([[1.0, 2.0]]), W=np.array([[3.0], [4.0]]), b=np.array([5.0]))
    array([[16.]])
    """
    return x @ W + b  # (N, D) (D, M) + (M,) -> (N, M)


def dense_backward(dy, x, W):
    """Gradients of `dense`: dx = dy W^T, dW = x^T dy, db = sum of dy over the batch.

    >>> import numpy as np
    >>> dense_backward(np.ones((1, 1)), x=np.ones((1, 2)), W=np.array([[3.0], [4.0]]))[0]
    array([[3., 4.]])
    """
    dx = dy @ W.T  # (N, M) (M, D) -> (N, D)
    dW = x.T @ dy  # (D, N) (N, M) -> (D, M)
    db = dy.sum(axis=0)  # (M,): all samples share b, so its gradient sums over the batch
    return dx, dW, db


def conv2d(x, W, b, stride=1):
    """Convolution of x (N, H, W, C) with W (KH, KW, C, F) and b (F,). Optimized: `Conv2D`.

    y[n, i, j, f] = b[f] + sum over u, v, c of x[n, i s + u, j s + v, c] W[u, v, c, f]

    >>> import numpy as np
    >>> x = np.arange(6.0).reshape(1, 2, 3, 1)  # pixels 0 1 2 / 3 4 5
    >>> conv2d(x, W=np.ones((2, 2, 1, 1)), b=np.zeros(1)).ravel()  # the sum of each 2 x 2 window
    array([ 8., 12.])
    """
    xp, (n, h, w, _), (kh, kw, _, f) = xp_of(x), x.shape, W.shape
    y = xp.zeros((n, (h - kh) // stride + 1, (w - kw) // stride + 1, f), x.dtype)
    for i, j in xp.ndindex(y.shape[1:3]):
        top, left = i * stride, j * stride
        window = x[:, top : top + kh, left : left + kw]  # (N, KH, KW, C)
        y[:, i, j] = xp.einsum("nuvc,uvcf->nf", window, W) + b  # (N, F)
    return y


def conv2d_backward(dy, x, W, stride=1):
    """Gradients of `conv2d`: dx, dW and db, which is the sum of dy over batch and pixels.

    dx[n, i s + u, j s + v, c] += sum over f of dy[n, i, j, f] W[u, v, c, f]     for each i, j
    dW[u, v, c, f] += sum over n of x[n, i s + u, j s + v, c] dy[n, i, j, f]     for each i, j

    >>> import numpy as np
    >>> dy, x, W = np.ones((1, 1, 2, 1)), np.zeros((1, 1, 3, 1)), np.ones((1, 2, 1, 1))
    >>> conv2d_backward(dy, x, W)[0].ravel()  # the number of windows that cover each pixel
    array([1., 2., 1.])
    """
    xp, (kh, kw, _, _) = xp_of(x), W.shape
    dx, dW = xp.zeros_like(x), xp.zeros_like(W)
    for i, j in xp.ndindex(dy.shape[1:3]):
        top, left = i * stride, j * stride
        dx[:, top : top + kh, left : left + kw] += xp.einsum("nf,uvcf->nuvc", dy[:, i, j], W)
        dW += xp.einsum("nuvc,nf->uvcf", x[:, top : top + kh, left : left + kw], dy[:, i, j])
    return dx, dW, dy.sum(axis=(0, 1, 2))


def conv2d_transpose(x, W, b, stride=1):
    """Transposed convolution with W (KH, KW, F, C) and b (F,). Optimized: `Conv2DTranspose`.

    y[n, i s + u, j s + v, f] += sum over c of x[n, i, j, c] W[u, v, f, c]       for each i, j

    >>> import numpy as np
    >>> conv2d_transpose(np.ones((1, 1, 2, 1)), np.ones((1, 2, 1, 1)), b=np.zeros(1)).ravel()
    array([1., 2., 1.])
    """
    xp, (n, h, w, _), (kh, kw, f, _) = xp_of(x), x.shape, W.shape
    y = xp.zeros((n, (h - 1) * stride + kh, (w - 1) * stride + kw, f), x.dtype) + b
    for i, j in xp.ndindex(h, w):  # the sum that is dx in conv2d_backward
        top, left = i * stride, j * stride
        y[:, top : top + kh, left : left + kw] += xp.einsum("nc,uvfc->nuvf", x[:, i, j], W)
    return y


def conv2d_transpose_backward(dy, x, W, stride=1):
    """Gradients of `conv2d_transpose`, from the functions of `conv2d` with x and dy exchanged.

    dx[n, i, j, c] = sum over u, v, f of dy[n, i s + u, j s + v, f] W[u, v, f, c]
    dW[u, v, f, c] += sum over n of dy[n, i s + u, j s + v, f] x[n, i, j, c]     for each i, j

    >>> import numpy as np
    >>> dy, x, W = np.ones((1, 1, 3, 1)), np.zeros((1, 1, 2, 1)), np.ones((1, 2, 1, 1))
    >>> conv2d_transpose_backward(dy, x, W)[0].ravel()  # the number of pixels that each window sums
    array([2., 2.])
    """
    dx = conv2d(dy, W, 0, stride)  # the transpose of the transpose
    _, dW, _ = conv2d_backward(x, dy, W, stride)
    return dx, dW, dy.sum(axis=(0, 1, 2))


def max_pool(x, size, stride):
    """Maximum of each window of size x size pixels, and its index. Optimized: `MaxPooling2D`.

    y[n, i, j, c] = max over u, v of x[n, i s + u, j s + v, c]
    indices[n, i, j, c] = row * W + column of the maximum in x (N, H, W, C); the first of equal ones

    >>> import numpy as np
    >>> y, indices = max_pool(np.array([1.0, 5.0, 7.0, 3.0]).reshape(1, 2, 2, 1), 2, 2)
    >>> y.item(), indices.item()
    (7.0, 2)
    """
    xp, (n, h, w, c) = xp_of(x), x.shape
    y = xp.zeros((n, (h - size) // stride + 1, (w - size) // stride + 1, c), x.dtype)
    indices = xp.zeros(y.shape, "int64")
    for i, j in xp.ndindex(y.shape[1:3]):
        top, left = i * stride, j * stride
        window = x[:, top : top + size, left : left + size].reshape(n, size * size, c)
        place = window.argmax(axis=1)  # u * size + v, (N, C)
        y[:, i, j] = window.max(axis=1)
        indices[:, i, j] = (top + place // size) * w + left + place % size
    return y, indices


def max_pool_backward(dy, indices, image_size):
    """Gradient of `max_pool`, (N, H, W, C) for an image_size (H, W).

    dx[n, indices[n, i, j, c], c] += dy[n, i, j, c]        each dy goes to the pixel of the maximum

    >>> import numpy as np
    >>> dy, indices = np.full((1, 1, 1, 1), 9.0), np.full((1, 1, 1, 1), 2)
    >>> max_pool_backward(dy, indices, (2, 2)).ravel()
    array([0., 0., 9., 0.])
    """
    xp, (h, w), (n, oh, ow, c) = xp_of(dy), image_size, dy.shape
    dx = xp.zeros((n, h * w, c), dy.dtype)
    for i, j in xp.ndindex(oh, ow):  # windows may overlap: one after the other
        dx[xp.arange(n)[:, None], indices[:, i, j], xp.arange(c)] += dy[:, i, j]  # (N, C)
    return dx.reshape(n, h, w, c)


def unpool(x, indices, image_size):
    """Values of x at the indices of `max_pool`, zeros elsewhere. Optimized: `MaxUnpooling2D`.

    y[n, indices[n, i, j, c], c] = x[n, i, j, c]        y is (N, OH, OW, C), image_size (OH, OW)

    >>> import numpy as np
    >>> unpool(np.full((1, 1, 1, 1), 9.0), np.full((1, 1, 1, 1), 2), (2, 2)).ravel()
    array([0., 0., 9., 0.])
    """
    xp, (oh, ow), (n, _, _, c) = xp_of(x), image_size, x.shape
    y = xp.zeros((n, oh * ow, c), x.dtype)
    xp.put_along_axis(y, indices.reshape(n, -1, c), x.reshape(n, -1, c), axis=1)
    return y.reshape(n, oh, ow, c)


def unpool_backward(dy, indices):
    """Gradient of `unpool`: dx[n, i, j, c] = dy[n, indices[n, i, j, c], c].

    >>> import numpy as np
    >>> unpool_backward(np.arange(4.0).reshape(1, 2, 2, 1), np.full((1, 1, 1, 1), 2)).item()
    2.0
    """
    n, oh, ow, c = dy.shape
    pixels, places = dy.reshape(n, oh * ow, c), indices.reshape(n, -1, c)
    return xp_of(dy).take_along_axis(pixels, places, axis=1).reshape(indices.shape)


def lstm_step(x, h, c, W, U, b):
    """Next state (h_new, c_new) of an LSTM, for x (N, D) and h, c (N, M). Optimized: `LSTM`.

    (a_i a_f a_g a_o) = x W + b + h U          W (D, 4M), U (M, 4M), b (4M,)
    i f o = sigmoid(a_i a_f a_o)               g = tanh(a_g)
    c_new = f c + i g                          h_new = o tanh(c_new)

    >>> import numpy as np
    >>> W, U, b, x, h, c = map(np.zeros, [(2, 4), (1, 4), 4, (1, 2), (1, 1), (1, 1)])
    >>> lstm_step(x, h, c + 1, W, U, b)[1]  # c_new = f c + i g, with f = 1/2 and g = 0
    array([[0.5]])
    """
    xp = xp_of(x)
    a_i, a_f, a_g, a_o = xp.split(x @ W + b + h @ U, 4, axis=1)  # (N, M) each
    i, f, g, o = sigmoid(a_i), sigmoid(a_f), xp.tanh(a_g), sigmoid(a_o)
    c_new = f * c + i * g
    return o * xp.tanh(c_new), c_new


def lstm_step_backward(dh_new, dc_new, x, h, c, W, U, b):
    """Gradients dx, dh, dc, dW, dU and db of `lstm_step`, from dL/dh_new and dL/dc_new.

    >>> import numpy as np
    >>> W, U, b, x, h, c = map(np.zeros, [(2, 4), (1, 4), 4, (1, 2), (1, 1), (1, 1)])
    >>> lstm_step_backward(np.zeros((1, 1)), np.ones((1, 1)), x, h, c, W, U, b)[2]  # dc = f dc_new
    array([[0.5]])
    """
    xp = xp_of(x)
    a_i, a_f, a_g, a_o = xp.split(x @ W + b + h @ U, 4, axis=1)  # as in lstm_step
    i, f, g, o = sigmoid(a_i), sigmoid(a_f), xp.tanh(a_g), sigmoid(a_o)
    tanh_c = xp.tanh(f * c + i * g)
    do = dh_new * tanh_c  # h_new = o tanh(c_new)
    dc_new = dc_new + dh_new * o * (1 - tanh_c**2)  # c_new acts on the loss also through h_new
    di, df, dg, dc = dc_new * g, dc_new * c, dc_new * i, dc_new * f  # c_new = f c + i g
    da_i, da_f, da_g, da_o = di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)
    da = xp.concatenate([da_i, da_f, da_g, da_o], axis=1)  # (N, 4M)
    return da @ W.T, da @ U.T, dc, x.T @ da, h.T @ da, da.sum(axis=0)


def gru_step(x, h, W, U, b):
    """Next state h_new of a GRU, for x (N, D) and h (N, M). Optimized: `GRU`.

    (a_z a_r a_g) = x W + b[0]                 (u_z u_r u_g) = h U + b[1]
    z = sigmoid(a_z + u_z)                     r = sigmoid(a_r + u_r)
    g = tanh(a_g + r u_g)                      h_new = z h + (1 - z) g

    >>> import numpy as np
    >>> W, U, b = map(np.zeros, [(2, 3), (1, 3), (2, 3)])  # (D, 3M), (M, 3M), (2, 3M)
    >>> gru_step(np.ones((1, 2)), np.ones((1, 1)), W, U, b)  # h_new = z h, with z = 1/2 and g = 0
    array([[0.5]])
    """
    xp = xp_of(x)
    a_z, a_r, a_g = xp.split(x @ W + b[0], 3, axis=1)  # (N, M) each
    u_z, u_r, u_g = xp.split(h @ U + b[1], 3, axis=1)
    z, r = sigmoid(a_z + u_z), sigmoid(a_r + u_r)
    g = xp.tanh(a_g + r * u_g)
    return z * h + (1 - z) * g


def gru_step_backward(dh_new, x, h, W, U, b):
    """Gradients dx, dh, dW, dU and db of `gru_step`, from dL/dh_new.

    >>> import numpy as np
    >>> dh_new, x, h, W, U, b = map(np.zeros, [(1, 1), (1, 2), (1, 1), (2, 3), (1, 3), (2, 3)])
    >>> gru_step_backward(dh_new + 1, x, h, W, U, b)[1]  # dh = z dh_new
    array([[0.5]])
    """
    xp = xp_of(x)
    a_z, a_r, a_g = xp.split(x @ W + b[0], 3, axis=1)  # as in gru_step
    u_z, u_r, u_g = xp.split(h @ U + b[1], 3, axis=1)
    z, r = sigmoid(a_z + u_z), sigmoid(a_r + u_r)
    g = xp.tanh(a_g + r * u_g)
    dz, dg = dh_new * (h - g), dh_new * (1 - z)  # h_new = z h + (1 - z) g
    da_g = dg * (1 - g**2)
    dr, du_g = da_g * u_g, da_g * r  # g = tanh(a_g + r u_g)
    da_z, da_r = dz * z * (1 - z), dr * r * (1 - r)  # equal to du_z and du_r
    da, du = xp.concatenate([da_z, da_r, da_g], axis=1), xp.concatenate([da_z, da_r, du_g], axis=1)
    db = xp.stack([da.sum(axis=0), du.sum(axis=0)])  # (2, 3M)
    return da @ W.T, du @ U.T + dh_new * z, x.T @ da, h.T @ du, db


def gru_step_reset_before(x, h, W, U, b):
    """Next state h_new of a GRU in the form of the paper, reset_after=False. Optimized: `GRU`.

    (a_z a_r a_g) = x W + b                    (u_z u_r) = h (U_z U_r)        b is (3M,)
    z = sigmoid(a_z + u_z)                     r = sigmoid(a_r + u_r)
    g = tanh(a_g + (r h) U_g)                  h_new = z h + (1 - z) g

    >>> import numpy as np
    >>> W, U, b = map(np.zeros, [(2, 3), (1, 3), 3])  # (D, 3M), (M, 3M), (3M,)
    >>> gru_step_reset_before(np.ones((1, 2)), np.ones((1, 1)), W, U, b)  # h_new = z h, z = 1/2
    array([[0.5]])
    """
    xp = xp_of(x)
    U_z, U_r, U_g = xp.split(U, 3, axis=1)  # (M, M) each
    a_z, a_r, a_g = xp.split(x @ W + b, 3, axis=1)  # (N, M) each
    z, r = sigmoid(a_z + h @ U_z), sigmoid(a_r + h @ U_r)
    g = xp.tanh(a_g + (r * h) @ U_g)
    return z * h + (1 - z) * g


def gru_step_reset_before_backward(dh_new, x, h, W, U, b):
    """Gradients dx, dh, dW, dU and db of `gru_step_reset_before`, from dL/dh_new.

    >>> import numpy as np
    >>> dh_new, x, h, W, U, b = map(np.zeros, [(1, 1), (1, 2), (1, 1), (2, 3), (1, 3), 3])
    >>> gru_step_reset_before_backward(dh_new + 1, x, h, W, U, b)[1]  # dh = z dh_new
    array([[0.5]])
    """
    xp = xp_of(x)
    U_z, U_r, U_g = xp.split(U, 3, axis=1)
    a_z, a_r, a_g = xp.split(x @ W + b, 3, axis=1)
    z, r = sigmoid(a_z + h @ U_z), sigmoid(a_r + h @ U_r)
    g = xp.tanh(a_g + (r * h) @ U_g)
    dz, dg = dh_new * (h - g), dh_new * (1 - z)  # h_new = z h + (1 - z) g
    da_g = dg * (1 - g**2)
    drh = da_g @ U_g.T  # g = tanh(a_g + (r h) U_g)
    da_z, da_r = dz * z * (1 - z), drh * h * r * (1 - r)
    dh = dh_new * z + drh * r + da_z @ U_z.T + da_r @ U_r.T
    da = xp.concatenate([da_z, da_r, da_g], axis=1)
    dU = xp.concatenate([h.T @ da_z, h.T @ da_r, (r * h).T @ da_g], axis=1)
    return da @ W.T, dh, x.T @ da, dU, da.sum(axis=0)


def embedding(x, W):
    """Rows W[x] of a table W (V, D), for integers x (N,) from 0 to V - 1. Optimized: `Embedding`.

    >>> import numpy as np
    >>> embedding(np.array([1, 0, 1]), W=np.array([[5.0], [7.0]])).ravel()
    array([7., 5., 7.])
    """
    return W[x]  # (N, D)


def embedding_backward(dy, x, W):
    """Gradient dW of `embedding`; the integers x have none.

    dW[x[n]] += dy[n]        for each n: rows that are not used have the gradient 0

    >>> import numpy as np
    >>> dy, x, W = np.ones((3, 1)), np.array([1, 0, 1]), np.zeros((3, 1))
    >>> embedding_backward(dy, x, W).ravel()
    array([1., 2., 0.])
    """
    dW = xp_of(dy).zeros_like(W)
    for n in range(len(x)):
        dW[x[n]] += dy[n]  # (D,)
    return dW


def batch_norm(x, gamma, beta, epsilon=1e-3):
    """Normalized columns of x (N, C), in training. Optimized: `BatchNormalization`.

    x_hat = (x - mean) / sqrt(var + epsilon)         y = gamma x_hat + beta

    >>> import numpy as np
    >>> batch_norm(np.array([[1.0], [3.0]]), np.ones(1), np.zeros(1), epsilon=0.0).ravel()
    array([-1.,  1.])
    """
    mean, var = x.mean(axis=0), x.var(axis=0)  # (C,); images enter as x.reshape(-1, C)
    x_hat = (x - mean) / xp_of(x).sqrt(var + epsilon)  # (N, C)
    return gamma * x_hat + beta


def batch_norm_backward(dy, x, gamma, epsilon=1e-3):
    """Gradients dx, dgamma and dbeta of `batch_norm`.

    >>> import numpy as np
    >>> dy, x, gamma = np.ones((3, 1)), np.array([[1.0], [3.0], [5.0]]), np.ones(1)
    >>> batch_norm_backward(dy, x, gamma)[0].ravel()  # the mean of y is beta, whatever x is
    array([0., 0., 0.])
    """
    centered = x - x.mean(axis=0)  # (N, C)
    std = xp_of(x).sqrt(x.var(axis=0) + epsilon)  # (C,)
    dx_hat = dy * gamma  # (N, C)
    dvar = -0.5 * (dx_hat * centered).sum(axis=0) / std**3  # x_hat = centered / sqrt(var + epsilon)
    dcentered = dx_hat / std + dvar * 2 * centered / len(x)  # x_hat, and var = mean of centered^2
    dx = dcentered - dcentered.mean(axis=0)  # centered = x - mean
    return dx, (dy * centered / std).sum(axis=0), dy.sum(axis=0)
