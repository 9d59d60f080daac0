// The playground: controls, requests to the server, and the loop that asks for one frame after another.
"use strict";

const token = new URLSearchParams(location.search).get("token");
const windowName = Math.random().toString(36).slice(2);
let state = null, numbers = null, units = [], shape = "", spoken = 0, frames = 0;
const cross = { x: 0, y: 0 };

async function post(action, sent = {}) {
  const response = await fetch(`/api/${action}?token=${encodeURIComponent(token)}`,
    { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(sent) });
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}

// Do an action; the session answers with its new state.
async function act(action, sent = {}) {
  try { showState(await post(action, sent)); } catch (problem) { lost(problem); }
}

function lost(problem) {
  const text = problem instanceof TypeError ? "The server does not answer: start scratchnet play again and open its new address." : problem.message;
  say(text);
}

function say(text) {
  const target = byId("message");
  if (target.textContent !== text) target.textContent = text;
  target.classList.toggle("shown", text !== "");
}

// ------------------------------------------------------------------------------------ controls

function options(select, names, value) {
  const wanted = names.map(String).join("\n");
  if (select.dataset.names !== wanted) {
    select.replaceChildren(...names.map(name => element("option", { value: name }, name)));
    select.dataset.names = wanted;
  }
  if (value !== undefined) select.value = value;
}

function showState(next) {
  const focused = document.activeElement && document.activeElement.id;
  state = next;
  document.querySelector("main").inert = false;
  state.points.x = floats(state.points.x);
  const { settings, choices, points } = state;
  options(byId("set"), ["choose", ...choices.sets]);
  byId("set").value = choices.sets.includes(points.title) ? points.title : "choose";
  const several = points.classes.length > 2;  // they need a unit for each class
  options(byId("output"), choices.outputs, several ? "softmax" : settings.output);
  byId("output").disabled = several;
  options(byId("optimizer"), choices.optimizers, settings.optimizer);
  for (const name of ["rate", "batch", "steps"]) byId(name).value = settings[name];
  const pens = [...points.classes];
  const free = [0, 1, 2, 3, 4].map(String).find(name => !pens.includes(name));
  const pen = byId("pen").value;
  const labels = pens.map((name, k) => `${name} (${signNames[k]})`);
  if (pens.length < choices.max_classes) { pens.push(free); labels.push(`${free} (new class)`); }
  pens.push("remove"); labels.push("remove the nearest point");
  byId("pen").replaceChildren(...pens.map((name, k) => element("option", { value: `${k === pens.length - 1 ? "-" : "+"}${name}` }, labels[k])));
  if ([...byId("pen").options].some(option => option.value === pen)) byId("pen").value = pen;
  const [first, second] = points.bounds;
  const range = bounds => bounds.map(v => Number(v.toPrecision(4))).join(" to ").replaceAll("-", "\u2212");
  byId("map-axes").textContent = `x1 to the right, data ${range(first)}; x2 upwards, data ${range(second)}`;
  byId("data-note").textContent = `${points.title}: ${points.c.length} points, classes ${points.classes.join(", ")}`;
  byId("reload").hidden = !state.layer_file;
  byId("add").disabled = settings.layers.length >= choices.max_layers;
  showRows(settings.layers, choices);
  showSwitches();
  byId("run").textContent = state.running ? "Pause" : "Start";
  byId("run").setAttribute("aria-pressed", String(state.running));
  say(state.message);
  if (focused && byId(focused) && document.activeElement !== byId(focused)) byId(focused).focus({ preventScroll: true });
}

function showRows(layers, choices) {
  byId("rows").replaceChildren(...layers.map((layer, i) => {
    const kind = element("select", { id: `kind-${i}`, "aria-label": `Kind of layer ${i + 1}` });
    options(kind, choices.kinds, layer.kind);
    const count = element("input", { id: `units-${i}`, type: "number", min: 1, max: choices.max_units, "aria-label": `Units of layer ${i + 1}` });
    count.value = layer.units;
    count.hidden = !choices.takes_units.includes(layer.kind);
    const activation = element("select", { id: `activation-${i}`, "aria-label": `Activation of layer ${i + 1}` });
    options(activation, choices.activations, layer.activation);
    activation.hidden = layer.kind !== "Dense";
    const remove = element("button", { type: "button", id: `remove-${i}`, "aria-label": `Remove layer ${i + 1}` }, "Remove");
    remove.addEventListener("click", () => sendSettings({ layers: layers.filter((_, j) => j !== i) }));
    const change = () => sendSettings({ layers: layers.map((other, j) => j === i
      ? { kind: kind.value, units: Number(count.value), activation: activation.value } : other) });
    for (const field of [kind, count, activation]) field.addEventListener("change", change);
    return element("li", {}, element("div", {}, kind, count, activation, remove));
  }));
}

function sendSettings(changed) { act("settings", { settings: { ...state.settings, ...changed } }); }

function showSwitches() {
  const groups = Map.groupBy ? Map.groupBy(state.switches, s => s.part) : grouped(state.switches);
  byId("switches").replaceChildren(...[...groups].map(([part, members]) => element("fieldset", {}, element("legend", {}, part),
    ...members.map(fault => {
      const box = element("input", { type: "checkbox", id: `fault-${fault.name}` });
      box.checked = state.faults.includes(fault.name);
      box.disabled = fault.needs !== "";
      box.addEventListener("change", () => act("faults", { faults: box.checked
        ? [...state.faults.filter(name => partOf(name) !== fault.part), fault.name]
        : state.faults.filter(name => name !== fault.name) }));
      const text = element("span", {}, fault.title);
      if (fault.needs) text.append(element("span", { class: "needs" }, ` (needs ${fault.needs})`));
      return element("label", {}, box, text);
    }))));
  const on = state.switches.filter(fault => state.faults.includes(fault.name));
  byId("codes").replaceChildren(...on.flatMap(fault => [element("h3", {}, `On: ${fault.title}`),
    element("p", { class: "note" }, "Right, and below it wrong:"),
    element("pre", { tabindex: 0, "aria-label": "Right code" }, fault.code[0]),
    element("pre", { tabindex: 0, class: "bad", "aria-label": "Wrong code" }, fault.code[1])]));
}

const partOf = name => state.switches.find(fault => fault.name === name).part;

function grouped(members) {
  const groups = new Map();
  for (const member of members) groups.set(member.part, [...(groups.get(member.part) || []), member]);
  return groups;
}

byId("run").addEventListener("click", () => act("run", { on: !(state && state.running) }));
byId("step").addEventListener("click", () => act("step"));
byId("restart").addEventListener("click", () => act("restart"));
byId("seed").addEventListener("click", () => act("restart", { new_seed: true }));
byId("clear").addEventListener("click", () => act("clear"));
byId("reload").addEventListener("click", () => act("reload"));
byId("add").addEventListener("click", () => sendSettings({ layers: [...state.settings.layers, { kind: "Dense", units: 8, activation: "Tanh" }] }));
const choose = () => { if (byId("set").value !== "choose") act("choose", { name: byId("set").value, noise: Number(byId("noise").value) }); };
byId("set").addEventListener("change", choose);
byId("noise").addEventListener("change", choose);
for (const name of ["output", "optimizer"]) byId(name).addEventListener("change", () => sendSettings({ [name]: byId(name).value }));
for (const name of ["rate", "batch", "steps"]) byId(name).addEventListener("change", () => sendSettings({ [name]: Number(byId(name).value) }));
byId("csv").addEventListener("change", async event => {
  const [file] = event.target.files;
  if (file && file.size > 1500000) say(`${file.name} is larger than 1.5 MB: use a part of its lines.`);
  else if (file) act("load", { text: await file.text(), name: file.name });
  event.target.value = "";
});

// Draw or remove a point at a place of the map in [-1.25, 1.25], as chosen in the list "Mouse".
function drawPoint(x, y) {
  const pen = byId("pen").value;
  act("draw", { x1: x, x2: y, label: pen[0] === "-" ? null : pen.slice(1) });
}
let drawn = null;
drag(byId("map"), (u, v) => {
  const edge = state.choices.edge, x = edge * (2 * u - 1), y = edge * (1 - 2 * v);
  if (drawn && Math.hypot(x - drawn[0], y - drawn[1]) < 0.12) return;
  drawn = [x, y];
  drawPoint(x, y);
}, () => { drawn = null; });
const move = (dx, dy) => {
  const edge = state.choices.edge, inside = v => Math.min(edge, Math.max(-edge, v));
  cross.x = inside(cross.x + dx); cross.y = inside(cross.y + dy);
  show();
};
keys(byId("map"), {
  ArrowLeft: () => move(-0.05, 0), ArrowRight: () => move(0.05, 0), ArrowUp: () => move(0, 0.05), ArrowDown: () => move(0, -0.05),
  Enter: () => drawPoint(cross.x, cross.y), " ": () => drawPoint(cross.x, cross.y),
});
for (const name of ["focus", "blur"]) byId("map").addEventListener(name, () => show());
addEventListener("theme", () => show());
addEventListener("resize", () => show());

// --------------------------------------------------------------------------------------- frames

function titles() {
  const rows = state.settings.layers.map((layer, i) => `Layer ${i + 1}: ${layer.kind}`
    + (layer.kind === "Dense" && layer.activation !== "none" ? `, ${layer.activation}` : ""));
  return [...rows, "Output"];
}

function show() {
  if (!state || !numbers) return;
  const focused = document.activeElement === byId("map") && byId("map").matches(":focus-visible");
  drawMap(byId("map"), numbers.regions, state.points, state.choices.edge, focused ? [cross.x, cross.y] : null);
  drawCurve(byId("curve"), numbers.curve);
  const names = titles(), wanted = JSON.stringify([names, numbers.layers.map(layer => layer.gradient.length)]);
  if (wanted !== shape) { shape = wanted; units = makeUnits(byId("layers"), numbers.layers, names); spoken = 0; }
  const speak = !numbers.running || performance.now() - spoken > 1000;
  if (speak) {
    spoken = performance.now();
    byId("map").setAttribute("aria-label", `Decision map with ${state.points.c.length} points, `
      + (numbers.accuracy === null ? "no accuracy" : `${Math.round(100 * numbers.accuracy)} % of them in their class`)
      + (focused ? `; cross at x1 ${fixed(cross.x, 2)}, x2 ${fixed(cross.y, 2)}` : ""));
  }
  numbers.layers.forEach((layer, l) => drawUnits(units[l], layer, names[l] || "Layer", speak));
  byId("numbers").textContent = `step ${numbers.step}, loss ${numbers.loss === null ? "\u2013" : fixed(numbers.loss, 4)}, accuracy `
    + (numbers.accuracy === null ? "\u2013" : `${Math.round(100 * numbers.accuracy)} %`);
}

const askForFrame = () => post("frame", { window: windowName });
let pending = null;  // the next frame: the server trains while the page draws

async function nextFrame() {
  const asked = pending || askForFrame();
  pending = null;
  const next = await asked;
  if (next.running && next.drives) {
    pending = askForFrame();
    pending.catch(() => {});  // reported by the next call
  }
  if (!state || next.revision !== state.revision) showState(await post("state"));
  for (const layer of next.layers) for (const name of ["maps", "gradient", "spread"]) layer[name] = floats(layer[name]);
  if (next.regions) next.regions = floats(next.regions);
  numbers = next;
  if (state.running !== next.running) { state.running = next.running; byId("run").textContent = next.running ? "Pause" : "Start"; byId("run").setAttribute("aria-pressed", String(next.running)); }
  say(next.message || (next.drives ? "" : "Another window drives the training; this window shows the same session."));
  show();
  frames++;
  root.dataset.result = JSON.stringify({ frames, step: next.step, loss: next.loss, problems });
}

async function loop() {
  let wait = 0;
  try {
    await nextFrame();
    if (!numbers.running) wait = 250;
  } catch (problem) {
    lost(problem);
    wait = 2000;
  }
  if (wait) setTimeout(loop, wait); else requestAnimationFrame(loop);
}
loop();
