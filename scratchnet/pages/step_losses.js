// Losses of one sample: the value and dL/dy. n is the number of outputs for the mean, else 1.

const losses = {
  MeanSquaredError: {
    value: (y, t, n) => y.reduce((s, v, k) => s + (v - t[k]) ** 2, 0) / n,
    gradient: (y, t, n) => y.map((v, k) => 2 / n * (v - t[k])),
    words: (y, t, n, k) => [`2/${n} (y${sub(k)} \u2212 t${sub(k)})`, `2/${n} (${num(y[k])} \u2212 ${num(t[k], true)})`],
    valueWords: n => `1/${n} sum (y \u2212 t)\u00b2`,
  },
  BinaryCrossEntropy: {
    value: (y, t, n, o) => y.reduce((s, v, k) => s + (o.from_logits ? softplus(v) - t[k] * v
      : -t[k] * Math.log(v) - (1 - t[k]) * Math.log(1 - v)), 0) / n,
    gradient: (y, t, n, o) => y.map((v, k) => o.from_logits ? (sigmoid(v) - t[k]) / n : (v - t[k]) / (n * v * (1 - v))),
    words: (y, t, n, k, o) => o.from_logits
      ? [`1/${n} (sigmoid(y${sub(k)}) \u2212 t${sub(k)})`, `1/${n} (${num(sigmoid(y[k]))} \u2212 ${num(t[k], true)})`]
      : [`1/${n} (y${sub(k)} \u2212 t${sub(k)}) / (y${sub(k)} (1 \u2212 y${sub(k)}))`, `1/${n} (${num(y[k])} \u2212 ${num(t[k], true)}) / (${num(y[k])} \u00b7 ${num(1 - y[k])})`],
    valueWords: (n, o) => o.from_logits ? `1/${n} sum log(1 + exp(y)) \u2212 t y` : `\u22121/${n} sum t log y + (1 \u2212 t) log(1 \u2212 y)`,
  },
  SoftmaxCrossEntropy: {
    value: (y, t) => { const p = softmaxOf(y); return -y.reduce((s, _, k) => s + (t[k] ? t[k] * Math.log(p[k]) : 0), 0); },
    gradient: (y, t) => softmaxOf(y).map((p, k) => p - t[k]),
    words: (y, t, n, k) => [`softmax(y)${sub(k)} \u2212 t${sub(k)}`, `${num(softmaxOf(y)[k])} \u2212 ${num(t[k], true)}`],
    valueWords: () => "\u2212sum t log softmax(y)",
  },
};

// A subscript counted from 1, and a number as the page writes it; negative ones in brackets.
const sub = k => String(k + 1).replace(/\d/g, d => String.fromCharCode(0x2080 + +d));
const num = (x, short = false) => {
  const words = short && Number.isInteger(x) ? String(x) : fixed(x, 3);
  return x < 0 && words !== "0.000" ? `(${words})` : words;
};
