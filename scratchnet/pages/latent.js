// The page of codes: planes of codes beside each other, and an image that the reader draws.

const data = readData(), { height, width } = data, size = height * width;
const examples = readExamples(data.examples, size);
const low = data.examples ? data.examples.low : 0, high = data.examples ? data.examples.high : 1;
const inkDrawn = new Float64Array(size);
const toInk = value => (value - low) / (high - low);
const models = data.models.map(model => ({
  ...model, encoder: readLayers(model.encoder), decoder: readLayers(model.decoder),
  codes: model.codes && floats(model.codes), axes: [0, 1], z: new Float64Array(model.size), drawn: null,
}));
const encode = (model, x) => forward(model.encoder, x);
const decode = (model, z) => forward(model.decoder, z);

// ----------------------------------------------------------------------------------- the planes

const CELLS = 9;  // decoded images along one side of a plane

function place(model, z, side) {  // of a code, in pixels of the plane
  const [a, b] = model.axes;
  return [side * (z[a] - model.low[a]) / (model.high[a] - model.low[a]),
    side * (1 - (z[b] - model.low[b]) / (model.high[b] - model.low[b]))];
}

function gridImage(model) {  // decoded images of the plane, as a canvas; kept until z or axes change
  const [a, b] = model.axes, rest = [...model.z].filter((_, i) => i !== a && i !== b);
  const dark = root.dataset.theme === "dark", key = [a, b, dark, ...rest].join();
  if (model.gridKey === key) return model.grid;
  const values = new Float64Array(CELLS * CELLS * size), z = Float64Array.from(model.z);
  for (let row = 0; row < CELLS; row++)
    for (let column = 0; column < CELLS; column++) {
      z[a] = model.low[a] + (model.high[a] - model.low[a]) * (column + 0.5) / CELLS;
      z[b] = model.high[b] - (model.high[b] - model.low[b]) * (row + 0.5) / CELLS;
      values.set(decode(model, z), (row * CELLS + column) * size);
    }
  model.grid = element("canvas");
  drawImages(model.grid, values, height, width, CELLS, v => dark ? ink(1 - 0.8 * toInk(v)) : ink(0.8 * toInk(v)), dark ? [0, 0, 0] : [255, 255, 255]);
  model.gridKey = key;
  return model.grid;
}

function ticks(from, to) {
  const step = 10 ** Math.floor(Math.log10((to - from) / 2)), best = (to - from) / step > 12 ? 5 * step : (to - from) / step > 5 ? 2 * step : step;
  const list = [];
  for (let k = Math.ceil(from / best); k * best <= to; k++) list.push(k * best);
  return list;
}

function drawPlane(model) {
  const side = model.canvas.clientWidth || 280, { context } = sharp(model.canvas, side);
  const [a, b] = model.axes, text = color("text");
  context.fillStyle = color("card"); context.fillRect(0, 0, side, side);
  const showGrid = byId("show-grid").checked, showCodes = byId("show-codes").checked && model.codes;
  if (showGrid) {
    context.imageSmoothingEnabled = false;
    context.globalAlpha = showCodes ? 0.4 : 1;
    context.drawImage(gridImage(model), 0, 0, side, side);
    context.globalAlpha = 1;
  }
  if (showCodes) {
    context.font = "bold 12px system-ui, sans-serif"; context.textAlign = "center"; context.textBaseline = "middle";
    const halo = color("card"), classes = [...new Set(data.labels || [])].sort();
    for (let i = 0; i < model.codes.length / model.size; i++) {
      const [x, y] = place(model, model.codes.subarray(i * model.size, (i + 1) * model.size), side);
      const label = data.labels ? String(data.labels[i]) : "\u2022";
      context.lineWidth = 3; context.strokeStyle = halo; context.strokeText(label, x, y);
      context.fillStyle = color(data.labels ? classColors[classes.indexOf(data.labels[i]) % classColors.length] : "blue");
      context.fillText(label, x, y);
    }
  }
  context.font = "12px system-ui, sans-serif"; context.fillStyle = text; context.strokeStyle = color("card"); context.lineWidth = 4;
  const write = (words, x, y) => { context.strokeText(words, x, y); context.fillText(words, x, y); };
  context.textAlign = "center"; context.textBaseline = "bottom";
  for (const t of ticks(model.low[a], model.high[a])) {
    const x = side * (t - model.low[a]) / (model.high[a] - model.low[a]);
    if (x > 24 && x < side - 34) write(fixed(t, Math.abs(t % 1) > 1e-9 ? 1 : 0), x, side - 3);
  }
  write(`z${a + 1}`, side - 14, side - 3);
  context.textAlign = "left"; context.textBaseline = "middle";
  for (const t of ticks(model.low[b], model.high[b])) {
    const y = side * (1 - (t - model.low[b]) / (model.high[b] - model.low[b]));
    if (y > 24 && y < side - 24) write(fixed(t, Math.abs(t % 1) > 1e-9 ? 1 : 0), 4, y);
  }
  write(`z${b + 1}`, 4, 12);
  if (model.drawn) {  // a diamond
    const [x, y] = place(model, model.drawn, side);
    context.beginPath(); context.moveTo(x, y - 8); context.lineTo(x + 8, y); context.lineTo(x, y + 8); context.lineTo(x - 8, y); context.closePath();
    context.fillStyle = color("blue"); context.fill(); context.lineWidth = 2; context.strokeStyle = "#ffffff"; context.stroke();
  }
  const [x, y] = place(model, model.z, side);
  for (const [width, style] of [[6, "#ffffff"], [3, "#d55e00"]]) {
    context.beginPath(); context.arc(x, y, 10, 0, 2 * Math.PI); context.lineWidth = width; context.strokeStyle = style; context.stroke();
  }
}

function show(model) {
  const image = decode(model, model.z);
  drawPlane(model);
  drawImage(model.image, image, height, width, v => ink(toInk(v)));
  const [a, b] = model.axes;
  model.inputs.forEach((input, k) => { if (document.activeElement !== input) input.value = model.z[model.axes[k]].toFixed(2); });
  const words = `z${a + 1} = ${fixed(model.z[a], 2)}, z${b + 1} = ${fixed(model.z[b], 2)}`;
  model.image.setAttribute("aria-label", `Image decoded by ${model.name} at ${words}`);
  model.text.textContent = `Decoded at ${words}.`;
  const x = Float64Array.from(inkDrawn, v => low + (high - low) * v);
  const same = model.drawn && model.drawn.every((v, i) => Math.abs(v - model.z[i]) < 1e-6);
  model.error.textContent = same
    ? `Mean squared error of your image: ${fixed(image.reduce((s, v, i) => s + (v - x[i]) ** 2, 0) / size, 4)}` : "";
}

function moveTo(model, values) {
  model.axes.forEach((axis, k) => { model.z[axis] = Math.min(model.high[axis], Math.max(model.low[axis], values[k])); });
  show(model);
}

function makeCard(model, number) {
  const [a, b] = model.axes, id = `plane-${number}`;
  model.canvas = element("canvas", { class: "plane", tabindex: "0", role: "application", id,
    "aria-label": `Plane of the codes of ${model.name}. Arrow keys move the point, Shift with an arrow moves it further.` });
  model.image = element("canvas", { class: "pixels", role: "img" });
  model.text = element("p", { class: "hidden", role: "status" });
  model.error = element("p", { class: "note" });
  model.inputs = [0, 1].map(() => element("input", { type: "number", step: "0.1" }));
  const selects = [0, 1].map(k => {
    const select = element("select", { "aria-label": `${k ? "vertical" : "horizontal"} axis of ${model.name}` });
    for (let i = 0; i < model.size; i++) select.append(element("option", { value: i }, `z${i + 1}`));
    select.value = model.axes[k];
    select.addEventListener("change", () => {
      if (+select.value === model.axes[1 - k]) { model.axes.reverse(); selects[1 - k].value = model.axes[1 - k]; } else model.axes[k] = +select.value;
      show(model);
    });
    return select;
  });
  const fields = [0, 1].map(k => {
    model.inputs[k].addEventListener("input", () => {
      const values = model.axes.map(axis => model.z[axis]);
      if (Number.isFinite(model.inputs[k].valueAsNumber)) { values[k] = model.inputs[k].valueAsNumber; moveTo(model, values); }
    });
    if (model.size === 2) return element("label", {}, `z${k + 1}`, model.inputs[k]);
    model.inputs[k].setAttribute("aria-label", `${k ? "vertical" : "horizontal"} coordinate of ${model.name}`);
    return element("div", { class: "row" }, selects[k], model.inputs[k]);
  });
  const by = (right, up) => event => {
    const step = event.shiftKey ? 0.1 : 0.02;
    moveTo(model, model.axes.map((axis, k) => model.z[axis] + (k ? up : right) * step * (model.high[axis] - model.low[axis])));
  };
  keys(model.canvas, { ArrowLeft: by(-1, 0), ArrowRight: by(1, 0), ArrowUp: by(0, 1), ArrowDown: by(0, -1) });
  drag(model.canvas, (x, y) => moveTo(model, [model.low[model.axes[0]] + x * (model.high[model.axes[0]] - model.low[model.axes[0]]),
    model.high[model.axes[1]] - y * (model.high[model.axes[1]] - model.low[model.axes[1]])]));
  byId("models").append(element("section", { class: "card", "aria-label": model.name },
    element("h2", {}, model.name), model.canvas,
    element("div", { class: "decoded" }, model.image,
      element("div", {}, model.text, element("div", { class: "coordinates" }, ...fields), model.error))));
}

// ----------------------------------------------------------------------------- the drawn image

function encodeDrawing() {
  const x = Float64Array.from(inkDrawn, v => low + (high - low) * v);
  for (const model of models) { model.drawn = encode(model, x); model.z.set(model.drawn); show(model); }
}

const redrawEditor = pixelEditor(byId("drawing"), height, width, {
  write: (row, column, erase) => { penStroke(inkDrawn, height, width, row, column, erase); encodeDrawing(); },
  colorOf: i => ink(inkDrawn[i]),
  nameOf: i => `${Math.round(100 * inkDrawn[i])} percent ink`,
});
const load = image => { image.forEach((v, i) => { inkDrawn[i] = toInk(v); }); redrawEditor(); encodeDrawing(); };
exampleSelect(byId("example"), examples, data.examples && data.examples.labels, load);
byId("clear").addEventListener("click", () => { inkDrawn.fill(0); redrawEditor(); encodeDrawing(); });
byId("show-codes").closest("label").hidden = !models.some(model => model.codes);
for (const name of ["show-codes", "show-grid"]) byId(name).addEventListener("change", () => models.forEach(show));
models.forEach(makeCard);
addEventListener("theme", () => models.forEach(show));
addEventListener("resize", () => models.forEach(show));
if (examples.length) load(examples[0]); else models.forEach(show);

// -------------------------------------------------------------------------------- self check

const rows = (array, n) => { const x = floats(array); return Array.from({ length: x.length / n }, (_, i) => x.subarray(i * n, (i + 1) * n)); };
selfCheck(models.flatMap(({ check, ...model }) => {
  const z = rows(check.z, model.size), decoded = rows(check.decoded, size);
  return [...rows(check.x, size).map((x, i) => [`${model.name}: encoder`, encode(model, x), z[i]]),
    ...rows(check.codes, model.size).map((code, i) => [`${model.name}: decoder`, decode(model, code), decoded[i]])];
}));
