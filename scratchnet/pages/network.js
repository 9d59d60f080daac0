// Networks of Dense layers and activations: one sample forward and backward.

// erf by its series of positive terms: 2 / sqrt(pi) exp(-x^2) sum_n 2^n x^(2n+1) / (1 3 5 ... (2n+1))
function erf(x) {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x, sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) { term *= 2 * x * x / (2 * n + 1); sum += term; }
  return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
}
const seluScale = 1.0507009873554805, seluSlope = 1.6732632423543772;
function geluP(x, layer) {
  return layer.approximate
    ? 0.5 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)))
    : 0.5 * (1 + erf(x / Math.SQRT2));
}

// y = f(x) and the derivative f'(x), from x and y.
const activations = {
  ReLU: { f: x => Math.max(x, 0), df: (x, y) => +(y > 0) },
  LeakyReLU: { f: (x, l) => x > 0 ? x : l.a * x, df: (x, y, l) => x > 0 ? 1 : l.a },
  ELU: { f: (x, l) => x > 0 ? x : l.a * Math.expm1(x), df: (x, y, l) => x > 0 ? 1 : y + l.a },
  SELU: {
    f: x => seluScale * (x > 0 ? x : seluSlope * Math.expm1(x)),
    df: (x, y) => x > 0 ? seluScale : y + seluScale * seluSlope },
  GELU: {
    f: (x, l) => x * geluP(x, l),
    df: (x, y, l) => {
      const P = geluP(x, l), c = Math.sqrt(2 / Math.PI);
      const p = l.approximate ? 2 * P * (1 - P) * c * (1 + 3 * 0.044715 * x * x)
        : Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
      return P + x * p;
    } },
  Softplus: { f: softplus, df: x => sigmoid(x) },
  Sigmoid: { f: sigmoid, df: (x, y) => y * (1 - y) },
  Tanh: { f: Math.tanh, df: (x, y) => 1 - y * y },
};

// Layers of describe() in network.py with arrays in place of their encoded form.
function readLayers(layers) {
  return layers.map(layer => {
    const made = { ...layer };
    for (const [name, value] of Object.entries(layer)) if (value && value.float32 !== undefined) made[name] = floats(value);
    return made;
  });
}

function softmaxOf(x) {
  const top = Math.max(...x), e = Array.from(x, v => Math.exp(v - top)), sum = e.reduce((s, v) => s + v, 0);
  return Float64Array.from(e, v => v / sum);
}

function layerForward(layer, x) {
  if (layer.kind === "Dense") return dense(x, layer.W, layer.b);
  if (layer.kind === "Scale") return Float64Array.from(x, (v, i) => v * layer.scale[i] + layer.shift[i]);
  if (layer.kind === "Softmax") return softmaxOf(x);
  return Float64Array.from(x, v => activations[layer.kind].f(v, layer));
}

// The output for one sample x.
function forward(layers, x) { return layers.reduce((value, layer) => layerForward(layer, value), x); }

// {dx, dW, db} of one sample, from dy = dL/dy and the layer's x and y.
function layerBackward(layer, x, y, dy) {
  if (layer.kind === "Dense") {
    const M = dy.length, dW = new Float64Array(x.length * M);
    for (let i = 0; i < x.length; i++) for (let j = 0; j < M; j++) dW[i * M + j] = x[i] * dy[j];
    return { dx: denseTransposed(dy, layer.W), dW, db: layer.b ? Float64Array.from(dy) : null };
  }
  if (layer.kind === "Softmax") {
    const sum = y.reduce((s, v, k) => s + v * dy[k], 0);
    return { dx: Float64Array.from(y, (v, j) => v * (dy[j] - sum)) };
  }
  const { df } = activations[layer.kind];
  return { dx: Float64Array.from(x, (v, i) => dy[i] * df(v, y[i], layer)) };
}
