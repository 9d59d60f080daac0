// The page of chains: 64 chains that start at the data every k sweeps, beside 64 that persist.

const data = readData(), { height, width } = data, size = height * width, N = 64, KEEP = 200;
const machine = readMachine(data), isDeep = depth(machine) > 1, exact = data.exact;
const exactMean = exact && floats(exact.mean), dataMean = data.data && floats(data.data.mean);
const random = makeRandom(1);
const images = readExamples(data.examples, size);
const low = machine.variance && data.examples ? data.examples.low : machine.variance ? -2 : 0;
const high = machine.variance && data.examples ? data.examples.high : machine.variance ? 2 : 1;
const toInk = v => (v - low) / (high - low);
const clamp = new Float64Array(size).fill(NaN);
const isClamped = () => clamp.some(v => !Number.isNaN(v));
let sweeps = 0, playing = null;

// ----------------------------------------------------------------------------------- the chains

const bits = p => p.map(v => +(random() < v));
const startAt = {
  noise: () => Float64Array.from({ length: size }, () => machine.variance ? low + (high - low) * random() : +(random() < 0.5)),
  data: k => machine.variance ? images[k % images.length].slice() : bits(images[k % images.length]),
  drawing: () => startAt.noise().map((v, i) => Number.isNaN(clamp[i]) ? v : clamp[i]),
};

function makeState(v) {
  const state = [v, ...machine.weights.map((_, i) => Float64Array.from(machine.biases[i + 1], () => +(random() < 0.5)))];
  for (let i = 1; i < state.length && isDeep; i++) state[i] = bits(mean(machine, i, state));
  return state;
}

// A set of 64 chains: their states, the means of v, the trace of F, and a running mean of v.
function makeChains(from) {
  const chains = { states: [], visible: [], F: NaN, trace: [], average: new Float64Array(size), weight: 0, age: 0 };
  restart(chains, from);
  return chains;
}

function restart(chains, from) {
  const shift = Math.floor(random() * Math.max(1, images.length));
  chains.states = Array.from({ length: N }, (_, k) => makeState(startAt[from](k + shift)));
  if (isClamped()) for (const state of chains.states) clamp.forEach((v, i) => { if (!Number.isNaN(v)) state[0][i] = v; });
  chains.visible = chains.states.map(state => state[0]);
  chains.age = 0;
  measure(chains);
}

function measure(chains) {
  chains.F = chains.states.reduce((sum, state) => sum + freeEnergy(machine, state), 0) / N;
}

function sweepChains(chains, T) {
  const held = isClamped() ? clamp : null;
  chains.visible = chains.states.map(state => {
    halfSweep(machine, state, 1, random, T);
    return halfSweep(machine, state, 0, random, T, held);
  });
  chains.age++;
  measure(chains);
}

function record(chains) {  // running mean over about 100 sweeps
  chains.trace.push(chains.F);
  if (chains.trace.length > KEEP) chains.trace.shift();
  chains.weight = 0.99 * chains.weight + 1;
  for (let i = 0; i < size; i++) {
    let sum = 0;
    for (const v of chains.visible) sum += v[i];
    chains.average[i] += (sum / N - chains.average[i]) / chains.weight;
  }
}
function forget() { for (const chains of [cd, pcd]) { chains.trace = []; chains.average.fill(0); chains.weight = 0; } }

const cdStart = images.length ? "data" : "noise";
const cd = makeChains(cdStart), pcd = makeChains("noise");

function sweep() {
  const T = +byId("temperature").value, k = Math.max(1, Math.round(+byId("k").value) || 1);
  if (cd.age >= k) restart(cd, cdStart);
  sweepChains(cd, T); sweepChains(pcd, T);
  if (cd.age === k) record(cd); else { cd.trace.push(cd.F); if (cd.trace.length > KEEP) cd.trace.shift(); }
  record(pcd);
  sweeps++;
}

// ---------------------------------------------------------------------------------------- display

function showChains(chains, name, words) {
  const shown = byId("show-means").checked ? chains.visible : chains.states.map(state => state[0]);
  const values = new Float64Array(N * size);
  shown.forEach((v, k) => values.set(v, k * size));
  drawImages(byId(name), values, height, width, size > width ? 8 : 1, v => ink(toInk(v)));
  byId(name).setAttribute("aria-label", `${N} images, one of each chain of ${name.toUpperCase()}. ${words}`);
  byId(`${name}-text`).textContent = words;
}

function drawTrace() {
  const { context, width: W, height: H } = sharp(byId("trace"), 190);
  const left = 56, right = W - 70, top = 12, bottom = H - 26;
  const reference = data.data && data.data.F !== null ? [data.data.F] : [];
  const values = [...cd.trace, ...pcd.trace, ...reference];
  if (!values.length) values.push(cd.F, pcd.F);
  let least = Math.min(...values), most = Math.max(...values);
  const margin = 0.06 * (most - least) + 0.5; least -= margin; most += margin;
  const X = i => left + (right - left) * i / (KEEP - 1), Y = v => bottom - (bottom - top) * (v - least) / (most - least);
  context.font = "12px system-ui, sans-serif"; context.fillStyle = color("muted"); context.strokeStyle = color("line"); context.lineWidth = 1;
  context.textAlign = "right"; context.textBaseline = "middle";
  const raw = (most - least) / 5, power = 10 ** Math.floor(Math.log10(raw)), step = power * (raw / power > 5 ? 10 : raw / power > 2 ? 5 : 2);
  for (let t = Math.ceil(least / step) * step; t <= most; t += step) {
    context.beginPath(); context.moveTo(left, Y(t)); context.lineTo(right, Y(t)); context.stroke();
    context.fillText(fixed(t, step < 1 ? 1 : 0), left - 6, Y(t));
  }
  context.textAlign = "center"; context.textBaseline = "top";
  const first = sweeps - pcd.trace.length;
  for (let i = 0; i < KEEP; i += 50) context.fillText(String(first + i), X(i), bottom + 8);
  context.fillText("sweep", right, bottom + 8);
  const line = (points, name, dash, label) => {
    context.strokeStyle = context.fillStyle = color(name); context.lineWidth = 2; context.setLineDash(dash);
    context.beginPath(); points.forEach(([x, y], i) => i ? context.lineTo(x, y) : context.moveTo(x, y)); context.stroke();
    context.setLineDash([]);
    context.textAlign = "left"; context.textBaseline = "middle"; context.font = "bold 12px system-ui, sans-serif";
    if (points.length) labels.push([points[points.length - 1][1], name, label]);
  };
  const labels = [];
  if (reference.length) line([[left, Y(reference[0])], [right, Y(reference[0])]], "text", [2, 4], "data");
  line(cd.trace.map((v, i) => [X(i), Y(v)]), "blue", [], "CD");
  line(pcd.trace.map((v, i) => [X(i), Y(v)]), "orange", [7, 4], "PCD");
  labels.sort((a, b) => a[0] - b[0]);
  labels.forEach((label, i) => { if (i && label[0] < labels[i - 1][0] + 14) label[0] = labels[i - 1][0] + 14; });
  for (const [y, name, words] of labels) { context.fillStyle = color(name); context.fillText(words, right + 8, y); }
  byId("trace").setAttribute("aria-label", `Free energy by sweep. Now: CD ${fixed(cd.F, 1)}, PCD ${fixed(pcd.F, 1)}`
    + (reference.length ? `, data ${fixed(reference[0], 1)}` : ""));
}

const rowsOf = {};
function makeTable() {
  for (const [key, name] of [["data", "data"], ["cd", "CD chains"], ["pcd", "PCD chains"]]) {
    if (key === "data" && (!data.data || data.data.F === null)) continue;
    const cells = [0, 1, 2].map(() => element("td"));
    byId("numbers").append(element("tr", {}, element("th", { scope: "row" }, name), ...cells));
    rowsOf[key] = cells;
  }
  for (const [key, name] of [["data", "data"], ["cd", "CD"], ["pcd", "PCD"], ["exact", "model, exact"]]) {
    if ((key === "data" && !data.data) || (key === "exact" && !exact)) continue;
    byId("means").append(element("figure", {}, element("canvas", { id: `mean-${key}`, class: "pixels", role: "img", "aria-label": `mean image: ${name}` }), element("figcaption", {}, name)));
  }
  const even = ["v", ...machine.weights.map((_, i) => `h${i + 1}`).filter((_, i) => i % 2)].join(", ");
  byId("trace-of").textContent = `F(${even})`;
  byId("log-p-head").textContent = `log p(${even})`;
  if (!exact) for (const line of document.querySelectorAll("#numbers tr, thead tr"))
    for (const cell of [...line.children].slice(2)) cell.hidden = true;
  byId("table-caption").textContent = "Means over the 64 chains; the last column and the images are running means of about 100 restarts (CD) or sweeps (PCD).";
  byId("explain").textContent = exact
    ? `Exact by enumeration in Python: log Z = ${fixed(exact.log_Z, 2)}` + (exact.data === null ? "" : `, mean log p(v) of the data = ${fixed(exact.data, 2)} nats`)
      + ", and the mean image of the model. They hold for temperature 1 without clamped pixels."
    : "This model has too many states to enumerate, so log Z, log p and the exact mean image are not known.";
}

function gap(values) { return exactMean.reduce((most, v, i) => Math.max(most, Math.abs(v - values[i])), 0); }

function showNumbers() {
  const comparable = exact && +byId("temperature").value === 1 && !isClamped();
  const put = (key, F, average, ready) => {
    drawImage(byId(`mean-${key}`), average, height, width, v => ink(toInk(v)));
    if (!rowsOf[key]) return;
    rowsOf[key][0].textContent = F === null ? "\u2013" : fixed(F, 2);
    rowsOf[key][1].textContent = exact && F !== null ? fixed(-F - exact.log_Z, 2) : "\u2013";
    rowsOf[key][2].textContent = comparable && ready ? fixed(gap(average), 3) : "\u2013";
  };
  if (data.data) put("data", data.data.F, dataMean, true);
  put("cd", cd.F, cd.average, cd.weight > 0); put("pcd", pcd.F, pcd.average, pcd.weight > 0);
  if (exact) drawImage(byId("mean-exact"), exactMean, height, width, v => ink(toInk(v)));
}

function show() {
  const k = Math.max(1, Math.round(+byId("k").value) || 1);
  showChains(cd, "cd", `Sweep ${cd.age} of ${k}, then the chains start at ${cdStart} again.`);
  showChains(pcd, "pcd", `${pcd.age} sweeps since the start.`);
  drawTrace(); showNumbers();
}

// -------------------------------------------------------------------------------------- operation

function setPlaying(on) {
  clearInterval(playing);
  playing = on ? setInterval(() => { for (let s = +byId("speed").value; s > 0; s--) sweep(); show(); }, 120) : null;
  byId("play").textContent = on ? "Pause" : "Play";
}
byId("play").addEventListener("click", () => setPlaying(!playing));
byId("sweep").addEventListener("click", () => { setPlaying(false); sweep(); show(); });
for (const name of ["speed", "temperature"])
  byId(name).addEventListener("input", () => { byId(`${name}-value`).textContent = byId(name).value; if (name === "temperature") forget(); show(); });
byId("k").addEventListener("input", () => { cd.average.fill(0); cd.weight = 0; show(); });
byId("show-means").addEventListener("change", show);
byId("start").addEventListener("click", () => { restart(pcd, byId("start-at").value); pcd.average.fill(0); pcd.weight = 0; show(); });
if (!images.length) { document.querySelector("#start-at [value=data]").remove(); byId("cd-title").lastChild.textContent = "CD: start anew every k sweeps"; }

function clampChanged() {
  for (const chains of [cd, pcd]) for (const state of chains.states)
    clamp.forEach((v, i) => { if (!Number.isNaN(v)) state[0][i] = v; });
  forget(); show();
}
const redrawEditor = pixelEditor(byId("drawing"), height, width, {
  write: (row, column, erase) => {
    const pen = document.querySelector("[name=pen]:checked").value;
    clamp[row * width + column] = erase || pen === "free" ? NaN : pen === "1" ? high : low;
    clampChanged();
  },
  colorOf: i => Number.isNaN(clamp[i]) ? [222, 226, 231] : ink(toInk(clamp[i])),
  nameOf: i => Number.isNaN(clamp[i]) ? "free" : `clamped at ${fixed(clamp[i], 2)}`,
  decorate: (context, cell) => {
    context.fillStyle = "#8a9099";
    clamp.forEach((v, i) => { if (Number.isNaN(v)) context.fillRect((i % width + 0.5) * cell - cell / 16, (Math.floor(i / width) + 0.5) * cell - cell / 16, cell / 8, cell / 8); });
  },
});
exampleSelect(byId("example"), images, data.examples && data.examples.labels, image => { clamp.set(image); redrawEditor(); clampChanged(); });
byId("free-all").addEventListener("click", () => { clamp.fill(NaN); redrawEditor(); clampChanged(); });
byId("free-half").addEventListener("click", () => { clamp.fill(NaN, Math.ceil(height / 2) * width); redrawEditor(); clampChanged(); });
addEventListener("theme", show);
addEventListener("resize", show);
makeTable();
show();
setPlaying(!matchMedia("(prefers-reduced-motion: reduce)").matches);

// ------------------------------------------------------------------------------------- self check

const rowsIn = encoded => { const all = floats(encoded), n = all.shape[1] || 1; return [0, 1, 2].map(k => Float64Array.from(all.subarray(k * n, (k + 1) * n))); };
const checkLayers = data.check.layers.map(rowsIn), checkMeans = data.check.means.map(rowsIn), checkF = rowsIn(data.check.F);
selfCheck([0, 1, 2].flatMap(n => {
  const state = checkLayers.map(layer => layer[n]);
  return [["free energy", freeEnergy(machine, state), checkF[n]],
    ...state.map((_, i) => [`mean of layer ${i}`, mean(machine, i, state, data.check.temperature), checkMeans[i][n]])];
}));
