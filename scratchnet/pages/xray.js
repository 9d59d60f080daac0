// Heat map of one measure, a row for each layer and a column for each recorded step; the slider
// chooses the step whose numbers the table lists.

const data = readData();
const steps = data.steps, layers = data.layers, names = Object.keys(data.values);
const values = {};  // {measure: one array of layers x steps}
for (const name of names) values[name] = floats(data.values[name]);
const logarithmic = new Set(["deviation", "dL/dy", "gradient", "update"]);
const rowHeight = 24, axisHeight = 20;
let measure = names.includes("gradient") ? "gradient" : names[0];
let at = steps.length - 1;  // column of the chosen step

const value = (name, row, column) => values[name][row * steps.length + column];
const row = (name, layer) => values[name].slice(layer * steps.length, (layer + 1) * steps.length);

// Median of the numbers of a row that exist; NaN without any.
function median(numbers) {
  const sorted = [...numbers].filter(x => !Number.isNaN(x)).sort((a, b) => a - b), n = sorted.length;
  return n ? (sorted[Math.floor((n - 1) / 2)] + sorted[Math.floor(n / 2)]) / 2 : NaN;
}

// Smallest and largest number of a measure; of a logarithmic one the smallest above 0.
function range(name) {
  let low = Infinity, high = -Infinity;
  for (const x of values[name]) {
    if (!Number.isFinite(x) || (logarithmic.has(name) && x <= 0)) continue;
    low = Math.min(low, x); high = Math.max(high, x);
  }
  if (name === "dead" || name === "saturated") return [0, 1];
  if (name === "mean") { high = Math.max(Math.abs(low), Math.abs(high)); low = -high; }
  return low <= high ? [low, high] : [0, 1];
}

// Place of a number between the ends of the scale, 0 to 1.
function place(name, x, [low, high]) {
  const f = logarithmic.has(name) ? t => Math.log(Math.max(t, low)) : t => t;
  return high > low ? (f(x) - f(low)) / (f(high) - f(low)) : 0.5;
}

function text(x) {
  if (Number.isNaN(x)) return "\u2013";
  if (!Number.isFinite(x)) return "infinite";
  const size = Math.abs(x);
  const written = size !== 0 && (size < 0.001 || size >= 10000) ? x.toExponential(1) : String(+x.toPrecision(3));
  return written.replace(/-/g, "\u2212");
}

const rgb = t => `rgb(${(measure === "mean" ? signed(2 * t - 1) : cividis(t)).map(Math.round).join()})`;
let left = 0, cell = 0;  // of the heat map, in CSS pixels

function drawHeat() {
  const canvas = byId("heat"), { context, width } = sharp(canvas, layers.length * rowHeight + axisHeight);
  const limits = range(measure), small = width < 480;
  context.font = `${small ? 11 : 13}px system-ui, sans-serif`;
  left = Math.min(0.4 * width, 10 + Math.max(...layers.map(name => context.measureText(name).width)));
  cell = (width - left - 2) / steps.length;
  context.textBaseline = "middle";
  layers.forEach((name, i) => {
    context.fillStyle = color("text");
    context.fillText(name, 0, (i + 0.5) * rowHeight, left - 6);
    for (let k = 0; k < steps.length; k++) {
      const x = value(measure, i, k);
      if (Number.isNaN(x)) continue;
      context.fillStyle = Number.isFinite(x) ? rgb(place(measure, x, limits)) : color("orange");
      context.fillRect(left + k * cell, i * rowHeight + 1, Math.ceil(cell), rowHeight - 2);
    }
  });
  context.strokeStyle = color("orange"); context.lineWidth = 2;
  context.strokeRect(left + at * cell, 1, Math.max(cell, 3), layers.length * rowHeight - 2);
  context.fillStyle = color("muted");
  const bottom = layers.length * rowHeight + axisHeight / 2 + 2, last = "step " + steps.at(-1);
  context.fillText("step " + steps[0], left, bottom);
  if (steps.length > 1) context.fillText(last, width - context.measureText(last).width, bottom);
  canvas.setAttribute("aria-label", `Heat map of the measure ${measure}, ${layers.length} layers by `
    + `${steps.length} steps, from ${text(limits[0])} to ${text(limits[1])}. The table lists its numbers.`);
  byId("low").textContent = text(limits[0]); byId("high").textContent = text(limits[1])
    + (logarithmic.has(measure) ? " (logarithmic colours)" : "");
  drawImage(byId("scale"), Array.from({ length: 100 }, (_, i) => i / 99), 1, 100,
    measure === "mean" ? t => signed(2 * t - 1) : cividis);
}

function fillTable() {
  const head = element("tr", {}, element("th", { scope: "col" }, "layer"), element("th", { scope: "col" }, "output"));
  for (const name of names)
    head.append(element("th", { scope: "col", class: name === measure ? "chosen" : "" }, name));
  head.append(element("th", { scope: "col" }, `median of ${measure}`));
  const rows = layers.map((name, i) => {
    const line = element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, data.shapes[i]));
    for (const m of names)
      line.append(element("td", { class: m === measure ? "chosen" : "" }, text(value(m, i, at))));
    line.append(element("td", {}, text(median(row(measure, i)))));
    return line;
  });
  byId("table").replaceChildren(element("thead", {}, head), element("tbody", {}, ...rows));
  byId("here").textContent = byId("number").textContent = steps[at];
  byId("meaning").textContent = `${measure}: ${data.measures[measure]}.`;
}

function draw() { drawHeat(); fillTable(); }

function choose(column) {
  at = Math.min(steps.length - 1, Math.max(0, column));
  byId("step").value = at;
  byId("step").setAttribute("aria-valuetext", `step ${steps[at]}`);
  draw();
}

for (const sentence of data.verdicts) byId("verdicts").append(element("li", {}, sentence));
for (const name of names) byId("measure").append(element("option", { value: name }, name));
byId("measure").value = measure;
byId("measure").addEventListener("change", event => { measure = event.target.value; draw(); });
byId("step").max = steps.length - 1;
byId("step").addEventListener("input", event => choose(+event.target.value));
drag(byId("heat"), x => choose(Math.floor((x * byId("heat").clientWidth - left) / cell)));
keys(byId("heat"), { ArrowLeft: () => choose(at - 1), ArrowRight: () => choose(at + 1) });
addEventListener("resize", drawHeat);
addEventListener("theme", draw);
choose(at);

const pairs = [["steps", names.map(name => values[name].length), names.map(() => layers.length * steps.length)]];
for (const [name, expected] of Object.entries(data.medians)) {
  const finite = layers.map((_, i) => row(name, i)).filter(numbers => numbers.every(Number.isFinite));
  pairs.push([`median of ${name}`, finite.map(median), floats(expected)]);
}
selfCheck(pairs);
