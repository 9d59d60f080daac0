// The page of one step: every number of forward and backward, in the order of computation.

const data = readData(), names = data.names, loss = losses[data.loss.kind];
let layers = readLayers(data.layers), now = 0, playing = null, x = data.x[0].slice(), t = data.t[0].slice(), run;

// All numbers of one sample: outputs[l] of layer l, dys[l] = dL/doutput, and dx, dW, db.
function worked(layers, x, t) {
  const outputs = [];
  for (const layer of layers) outputs.push(layerForward(layer, outputs.length ? outputs[outputs.length - 1] : Float64Array.from(x)));
  const y = outputs[outputs.length - 1], n = data.loss.mean ? y.length : 1;
  const backward = [], dys = [];
  let dy = loss.gradient(y, t, n, data.loss);
  for (let l = layers.length - 1; l >= 0; l--) {
    dys[l] = dy;
    backward[l] = layerBackward(layers[l], l ? outputs[l - 1] : x, outputs[l], dy);
    dy = backward[l].dx;
  }
  return { x, t, n, outputs, loss: loss.value(y, t, n, data.loss), dys, backward };
}

// The steps: {layer, part, index}; layer is L at the loss. part: y, loss, dy, dW, db or dx.
const L = layers.length, steps = [{ layer: 0, part: "start", index: 0 }];
run = worked(layers, x, t);
const times = (n, f) => { for (let i = 0; i < n; i++) f(i); };
layers.forEach((_, l) => times(run.outputs[l].length, i => steps.push({ layer: l, part: "y", index: i })));
steps.push({ layer: L, part: "loss", index: 0 });
times(run.dys[L - 1].length, i => steps.push({ layer: L, part: "dy", index: i }));
for (let l = L - 1; l >= 0; l--) {
  const { dW, db, dx } = run.backward[l];
  if (dW) times(dW.length, i => steps.push({ layer: l, part: "dW", index: i }));
  if (db) times(db.length, i => steps.push({ layer: l, part: "db", index: i }));
  times(dx.length, i => steps.push({ layer: l, part: "dx", index: i }));
}
const orderOf = new Map(steps.map((s, i) => [`${s.layer} ${s.part} ${s.index}`, i]));
const known = (layer, part, index) => orderOf.get(`${layer} ${part} ${index}`) <= now;

// ----------------------------------------------------------------------------------- the words

const inputOf = l => l ? run.outputs[l - 1] : run.x;

// [left side, formula, numbers, result] of a step.
function equation({ layer: l, part, index: i }) {
  const y = run.outputs[Math.min(l, L - 1)];
  if (part === "loss") return ["L", loss.valueWords(run.n, data.loss), null, run.loss];
  if (part === "dy") return [`dy${sub(i)}`, ...loss.words(y, run.t, run.n, i, data.loss), run.dys[L - 1][i]];
  const layer = layers[l], xs = inputOf(l), dy = run.dys[l], M = y.length;
  if (layer.kind === "Dense") {
    const W = (r, c) => layer.W[r * M + c], sum = parts => parts.join(" + ");
    const r = Math.floor(i / M), c = i % M, pair = (a, b) => `${sub(a)}${a > 8 || b > 8 ? "," : ""}${sub(b)}`;
    if (part === "y") {
      const terms = [...xs].map((_, k) => `x${sub(k)} W${pair(k, i)}`), values = [...xs].map((v, k) => `${num(v)}\u00b7${num(W(k, i))}`);
      if (layer.b) { terms.push(`b${sub(i)}`); values.push(num(layer.b[i])); }
      return [`y${sub(i)}`, sum(terms), sum(values), y[i]];
    }
    if (part === "dW") return [`dW${pair(r, c)}`, `x${sub(r)} dy${sub(c)}`, `${num(xs[r])}\u00b7${num(dy[c])}`, run.backward[l].dW[i]];
    if (part === "db") return [`db${sub(i)}`, `dy${sub(i)}`, null, dy[i]];
    return [`dx${sub(i)}`, sum([...dy].map((_, k) => `dy${sub(k)} W${pair(i, k)}`)),
      sum([...dy].map((v, k) => `${num(v)}\u00b7${num(W(i, k))}`)), run.backward[l].dx[i]];
  }
  if (layer.kind === "Softmax") {
    if (part === "y") return [`y${sub(i)}`, `exp(x${sub(i)}) / sum exp(x)`, null, y[i]];
    const inner = y.reduce((s, v, k) => s + v * dy[k], 0);
    return [`dx${sub(i)}`, `y${sub(i)} (dy${sub(i)} \u2212 sum dy y)`, `${num(y[i])} (${num(dy[i])} \u2212 ${num(inner)})`, run.backward[l].dx[i]];
  }
  if (part === "y") return [`y${sub(i)}`, `${layer.kind}(x${sub(i)})`, `${layer.kind}(${fixed(xs[i])})`, y[i]];
  const slope = activations[layer.kind].df(xs[i], y[i], layer);
  return [`dx${sub(i)}`, `dy${sub(i)} f\u2032(x${sub(i)})`, `${num(dy[i])}\u00b7${num(slope)}`, run.backward[l].dx[i]];
}

function place({ layer, part }) {
  if (part === "start") return "Before the first step";
  if (part === "loss") return `Loss: ${data.loss.kind}`;
  if (part === "dy") return `Backward: ${data.loss.kind}, dL/dy of the last layer`;
  const unused = part === "dx" && layer === 0 ? "; training leaves out this dx, see weight_gradients" : "";
  return `${part === "y" ? "Forward" : "Backward"}: ${layers[layer].kind} (${names[layer]})${unused}`;
}

function showWords() {
  const step = steps[now], line = byId("now");
  line.classList.toggle("backward", !["y", "start", "loss"].includes(step.part));
  line.textContent = "";
  line.append(place(step), element("br"));
  if (step.part === "start") { line.append("The input x is known. Every other number is computed step by step."); return; }
  const [left, words, values, result] = equation(step);
  line.append(`${left} = ${words}`, element("br"));
  if (values) line.append(`${left} = ${values}`, element("br"));
  line.append(`${left} = `, element("b", {}, fixed(result, 4)));
}

// ---------------------------------------------------------------------------------- the tables

function table(caption, values, rows, columns, l, part, used) {
  const step = steps[now], body = element("tbody");
  times(rows, r => {
    const line = element("tr");
    times(columns, c => {
      const i = r * columns + c, cell = element("td");
      cell.textContent = part === null || known(l, part, i) ? fixed(values[i]) : "\u00b7";
      const active = step.layer === l && step.part === part && step.index === i;
      if (active) cell.className = "active"; else if (used(r, c)) cell.className = "used";
      line.append(cell);
    });
    body.append(line);
  });
  byId("tables").append(element("table", {}, element("caption", {}, caption), body));
}

function showTables() {
  const step = steps[now], l = Math.min(step.layer, L - 1), { part, index: i } = step;
  byId("tables").textContent = "";
  const layer = layers[l], xs = inputOf(l), y = run.outputs[l], M = y.length, D = xs.length, none = () => false;
  if (part === "start") return;
  if (step.layer === L) {
    table("y", y, 1, M, l, "y", (_, c) => part === "loss" || c === i || data.loss.kind === "SoftmaxCrossEntropy");
    table("t", run.t, 1, M, l, null, (_, c) => part === "loss" || c === i);
    table("dy", run.dys[l], 1, M, L, "dy", none);
    return;
  }
  const dense = layer.kind === "Dense", r = Math.floor(i / M), c = i % M;
  const back = part !== "y";
  const xUsed = (_, k) => dense ? part === "y" || (part === "dW" && k === r) : k === i || layer.kind === "Softmax";
  table("x", xs, 1, D, l - 1, l ? "y" : null, xUsed);
  if (dense) {
    table("W", layer.W, D, M, l, null, (a, b) => (part === "y" && b === i) || (part === "dx" && a === i));
    if (layer.b) table("b", layer.b, 1, M, l, null, (_, b) => part === "y" && b === i);
  }
  table("y", y, 1, M, l, "y", (_, k) => back && !dense && (k === i || layer.kind === "Softmax"));
  if (!back) return;
  const dyUsed = (_, k) => dense ? part === "dx" || (part === "dW" ? k === c : k === i) : k === i || layer.kind === "Softmax";
  table("dy", run.dys[l], 1, M, l + 1, l === L - 1 ? "dy" : "dx", dyUsed);
  if (dense) { table("dW", run.backward[l].dW, D, M, l, "dW", none); if (layer.b) table("db", run.backward[l].db, 1, M, l, "db", none); }
  table("dx", run.backward[l].dx, 1, D, l, "dx", none);
}

// --------------------------------------------------------------------------------- the diagram

const svg = (tag, attributes, ...children) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
};

function showDiagram() {
  const columns = [run.x, ...run.outputs], most = Math.max(...columns.map(c => c.length));
  const gapX = 128, gapY = 62, width = gapX * (columns.length + 1), height = 52 + gapY * most;
  const X = k => 50 + k * gapX, Y = (k, i) => 58 + gapY * (i + (most - columns[k].length) / 2);
  const picture = svg("svg", { viewBox: `0 0 ${width - 20} ${height}`, role: "img", "aria-label": "" });
  const step = steps[now], { layer: l, part, index: i } = step;
  const largest = Math.max(1e-9, ...layers.flatMap(layer => layer.W ? [...layer.W].map(Math.abs) : []));
  layers.forEach((layer, k) => {
    const D = columns[k].length, M = columns[k + 1].length, dense = layer.kind === "Dense";
    for (let a = 0; a < D; a++) for (let b = 0; b < M; b++) {
      if (!dense && a !== b && layer.kind !== "Softmax") continue;
      const w = dense ? layer.W[a * M + b] : 1;
      const used = l === k && (part === "y" ? b === i : part === "dW" ? a * M + b === i : part === "dx" && a === i);
      const line = svg("line", { x1: X(k) + 24, y1: Y(k, a), x2: X(k + 1) - 24, y2: Y(k + 1, b),
        "stroke-width": dense ? 0.8 + 3.6 * Math.abs(w) / largest : 1.2 });
      if (dense && w < 0) line.setAttribute("stroke-dasharray", "5 4");
      if (used) { line.classList.add("used"); line.setAttribute("stroke-width", 4); }
      picture.append(line);
    }
  });
  columns.forEach((values, k) => {
    picture.append(svg("text", { x: X(k), y: 18, class: "title" }, k ? layers[k - 1].kind : "x"));
    for (let u = 0; u < values.length; u++) {
      const forwardActive = k === l + 1 && part === "y" && u === i;
      const backwardActive = (part === "dx" && k === l && u === i) || (part === "dy" && k === L && u === i);
      const node = svg("g", forwardActive || backwardActive ? { class: "active" } : {}, svg("circle", { cx: X(k), cy: Y(k, u), r: 24 }));
      if (k === 0 || known(k - 1, "y", u)) node.append(svg("text", { x: X(k), y: Y(k, u) - 1, class: "value" }, fixed(values[u], 2)));
      const gradient = k === columns.length - 1 ? known(L, "dy", u) && run.dys[L - 1][u] : known(k, "dx", u) && run.backward[k].dx[u];
      if (gradient !== false) node.append(svg("text", { x: X(k), y: Y(k, u) + 14, class: "gradient" }, fixed(gradient, 2)));
      picture.append(node);
    }
  });
  const k = columns.length, y = 58 + gapY * (most - 1) / 2;
  picture.append(svg("text", { x: X(k), y: 18, class: "title" }, "loss"));
  for (let u = 0; u < columns[k - 1].length; u++) picture.append(svg("line", { x1: X(k - 1) + 24, y1: Y(k - 1, u), x2: X(k) - 28, y2: y, "stroke-width": 1.2 }));
  const box = svg("g", part === "loss" ? { class: "active" } : {}, svg("rect", { class: "node", x: X(k) - 28, y: y - 18, width: 56, height: 36, rx: 6 }));
  box.append(svg("text", { x: X(k), y: y + 5, class: "value" }, known(L, "loss", 0) ? fixed(run.loss, 3) : "L"));
  picture.append(box);
  picture.setAttribute("aria-label", `Network ${columns.map(c => c.length).join("-")} with a loss. ${place(step)}.`);
  const scroll = byId("diagram"), left = scroll.scrollLeft;
  scroll.replaceChildren(picture);
  scroll.scrollLeft = left;
  const column = part === "y" ? l + 1 : part === "loss" ? L + 1 : Math.min(l, L);
  const wanted = X(column) * picture.clientWidth / (width - 20) - scroll.clientWidth / 2;
  if (scroll.scrollWidth > scroll.clientWidth) scroll.scrollLeft = wanted;
}

// ----------------------------------------------------------------------------------- the source

function showSource() {
  const { layer: l, part } = steps[now], kind = l === L ? data.loss.kind : layers[l].kind;
  const { file, formula, methods } = data.sources[kind];
  const name = ["y", "loss", "start"].includes(part) ? "forward" : "backward";
  byId("source-title").textContent = `Source of ${kind}`;
  byId("source-file").textContent = file;
  byId("formula").textContent = formula;
  byId("method-title").textContent = `${kind}.${name}`;
  const target = part === "loss" ? /return .*/ : new RegExp(`^\\s*(return )?${part}\\b.* = `);
  const lines = methods[name].source.split("\n");
  let marked = part === "start" ? -1 : lines.findIndex(line => target.test(line));
  if (marked < 0 && part !== "start") marked = lines.findLastIndex(line => /^\s*return\b/.test(line));
  byId("method").replaceChildren(...lines.flatMap((line, i) => [i === marked ? element("mark", {}, line) : line, "\n"]));
  const others = Object.keys(methods).filter(other => other !== name);
  const key = kind + name;
  if (byId("methods").dataset.key !== key) {
    byId("methods").dataset.key = key;
    byId("methods").replaceChildren(...others.map(other => element("details", {},
      element("summary", {}, `${other}` + (methods[other].owner === kind ? "" : ` (of the base class ${methods[other].owner})`)),
      element("pre", { tabindex: "0", "aria-label": `Source of ${other}` }, methods[other].source))));
  }
}

// ------------------------------------------------------------------------------------ operation

function show() {
  byId("step").value = now;
  byId("step").setAttribute("aria-valuetext", `step ${now} of ${steps.length - 1}, ${place(steps[now])}`);
  byId("step-value").textContent = `${now} of ${steps.length - 1}`;
  byId("back").disabled = now === 0; byId("next").disabled = now === steps.length - 1;
  showWords(); showTables(); showDiagram(); showSource();
}
const sameGroup = (a, b) => a.layer === b.layer && (a.part === b.part || (a.part[0] === "d" && b.part[0] === "d"));
function move(by) {
  let next = now + by;
  if (byId("by").value === "layer") while (steps[next] && steps[next + 1] && sameGroup(steps[next], steps[next + 1])) next += by;
  now = Math.min(steps.length - 1, Math.max(0, next));
  if (now === steps.length - 1) setPlaying(false);
  show();
}
function setPlaying(on) {
  clearInterval(playing);
  if (on && now === steps.length - 1) now = 0;
  playing = on ? setInterval(() => move(1), 2400 / +byId("speed").value) : null;
  byId("play").textContent = on ? "Pause" : "Play";
  byId("now").setAttribute("aria-live", on ? "off" : "polite");
}
function recompute() { run = worked(layers, x, t); show(); }
byId("play").addEventListener("click", () => { setPlaying(!playing); show(); });
byId("back").addEventListener("click", () => { setPlaying(false); move(-1); });
byId("next").addEventListener("click", () => { setPlaying(false); move(1); });
byId("step").max = steps.length - 1;
byId("step").addEventListener("input", () => { setPlaying(false); now = +byId("step").value; show(); });
byId("speed").addEventListener("input", () => setPlaying(!!playing));
document.addEventListener("keydown", event => {
  if (event.target.closest("input, select, .scroll, .tables, pre") || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "ArrowRight" || event.key === "ArrowLeft") { event.preventDefault(); setPlaying(false); move(event.key === "ArrowRight" ? 1 : -1); }
});

const fields = [];
function showFields() {
  [...x, ...t].forEach((v, i) => { if (document.activeElement !== fields[i]) fields[i].value = +v.toFixed(3); });
}
[...x, ...t].forEach((_, i) => {
  const isInput = i < x.length, k = isInput ? i : i - x.length;
  const field = element("input", { type: "number", step: "0.1" });
  field.addEventListener("input", () => {
    if (!Number.isFinite(field.valueAsNumber)) return;
    (isInput ? x : t)[k] = field.valueAsNumber; recompute();
  });
  fields.push(field);
  byId("inputs").append(element("label", {}, (isInput ? "x" : "t") + sub(k), field));
});
data.x.forEach((_, n) => byId("sample").append(element("option", { value: n }, String(n + 1))));
byId("sample").addEventListener("change", () => {
  const n = +byId("sample").value;
  x = data.x[n].slice(); t = data.t[n].slice(); showFields(); recompute();
});
byId("update").addEventListener("click", () => {
  const rate = byId("rate").valueAsNumber || 0;
  layers.forEach((layer, l) => {
    if (layer.kind !== "Dense") return;
    run.backward[l].dW.forEach((g, i) => { layer.W[i] -= rate * g; });
    if (layer.b) run.backward[l].db.forEach((g, i) => { layer.b[i] -= rate * g; });
  });
  recompute();
});
byId("reset").addEventListener("click", () => {
  layers = readLayers(data.layers); byId("sample").value = "0";
  x = data.x[0].slice(); t = data.t[0].slice(); now = 0; setPlaying(false); showFields(); recompute();
});
showFields();
show();
if (location.hash) { now = Math.min(steps.length - 1, +location.hash.slice(1) || 0); show(); }

// -------------------------------------------------------------------------------------- self check

selfCheck(data.x.flatMap((sample, n) => {
  const computed = worked(readLayers(data.layers), sample, data.t[n]), expected = data.check[n];
  return [["loss", computed.loss, expected.loss], ["dy", computed.dys[L - 1], expected.dy],
    ...computed.outputs.map((y, l) => [`output of ${names[l]}`, y, expected.outputs[l]]),
    ...computed.backward.flatMap((grads, l) => [[`dx of ${names[l]}`, grads.dx, expected.backward[l].dx],
      ...(grads.dW ? [[`dW of ${names[l]}`, grads.dW, expected.backward[l].W]] : []),
      ...(grads.db ? [[`db of ${names[l]}`, grads.db, expected.backward[l].b]] : [])])];
}));
