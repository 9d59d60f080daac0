// An RBM or DBM: layers h_0 = v, h_1, ..., h_L of units, each connected to the next.

// The model of chains.py with arrays in place of their encoded form.
function readMachine(data) {
  return {
    weights: data.weights.map(floats), biases: data.biases.map(floats),
    variance: data.variance && floats(data.variance),  // of Gaussian visible units, or null
  };
}
const depth = machine => machine.weights.length;

// The value that multiplies W: h, or v / sigma^2 of Gaussian units.
function scaled(machine, i, h) {
  return i === 0 && machine.variance ? Float64Array.from(h, (v, k) => v / machine.variance[k]) : h;
}

// z_i = scaled(h_{i-1}) W_i + scaled(h_{i+1}) W_{i+1}^T + b_i, from a state [h_0, ..., h_L]
function preActivation(machine, i, state) {
  const z = i > 0 ? dense(scaled(machine, i - 1, state[i - 1]), machine.weights[i - 1], machine.biases[i])
    : Float64Array.from(machine.biases[i]);
  if (i < depth(machine)) {
    const above = denseTransposed(state[i + 1], machine.weights[i]);
    for (let k = 0; k < z.length; k++) z[k] += above[k];
  }
  return z;
}

// E[h_i | neighbours] at temperature T: s(z / T), or z of Gaussian units.
function mean(machine, i, state, T = 1) {
  const z = preActivation(machine, i, state);
  return i === 0 && machine.variance ? z : z.map(v => sigmoid(v / T));
}

// Draw the layers of one parity (0: v, h_2, ...; 1: h_1, h_3, ...) in place.
//   clamp   value of each visible unit that is fixed, NaN of the others
// Returns the means of the visible units if they were drawn.
function halfSweep(machine, state, parity, random, T = 1, clamp = null) {
  let visible = null;
  for (let i = parity; i <= depth(machine); i += 2) {
    const m = mean(machine, i, state, T);
    state[i] = i === 0 && machine.variance
      ? m.map((v, k) => v + Math.sqrt(T * machine.variance[k]) * random.normal())
      : m.map(p => +(random() < p));
    if (i === 0) {
      visible = m;
      if (clamp) clamp.forEach((v, k) => { if (!Number.isNaN(v)) state[0][k] = m[k] = v; });
    }
  }
  return visible;
}

// Free energy of the even layers, the odd ones summed out: F(v) of an RBM, F(v, h_2) of a DBM.
function freeEnergy(machine, state) {
  let F = 0;
  for (let i = 0; i <= depth(machine); i++) {
    const b = machine.biases[i], h = state[i];
    if (i % 2) for (const z of preActivation(machine, i, state)) F -= softplus(z);
    else for (let k = 0; k < b.length; k++)
      F += i === 0 && machine.variance ? (h[k] - b[k]) ** 2 / (2 * machine.variance[k]) : -h[k] * b[k];
  }
  return F;
}
