// Drawing of the playground: the decision map with its points, the maps of units, the loss curve.

const REGIONS = 60, MAP = 30;  // sizes of the arrays of session.py

const channels = hex => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));
const mixed = (a, b, t) => a.map((v, i) => v + t * (b[i] - v));

// Colours of signed numbers in [-1, 1], in 257 steps: a frame has thousands of pixels.
const signedTable = Array.from({ length: 257 }, (_, i) => signed(i / 128 - 1));
const signedColor = v => signedTable[Number.isFinite(v) ? Math.round(128 * (1 + v)) : 128];

// The sign of each class, so that a class is readable without its colour.
const signNames = ["circle", "square", "triangle", "diamond", "plus"];
function drawSign(context, k, x, y, r) {
  context.beginPath();
  if (k === 0) context.arc(x, y, r, 0, 2 * Math.PI);
  else if (k === 1) context.rect(x - r, y - r, 2 * r, 2 * r);
  else if (k === 2) { context.moveTo(x, y - 1.2 * r); context.lineTo(x + 1.2 * r, y + r); context.lineTo(x - 1.2 * r, y + r); context.closePath(); }
  else if (k === 3) { context.moveTo(x, y - 1.4 * r); context.lineTo(x + 1.4 * r, y); context.lineTo(x, y + 1.4 * r); context.lineTo(x - 1.4 * r, y); context.closePath(); }
  else { const t = r / 2.2; context.rect(x - t, y - 1.3 * r, 2 * t, 2.6 * r); context.rect(x - 1.3 * r, y - t, 2.6 * r, 2 * t); }
  context.fill();
  context.stroke();
}

// Decision map: `regions` holds class + confidence; a dark line separates the classes.
const regionCanvas = document.createElement("canvas");
function drawMap(canvas, regions, points, edge, cross) {
  const side = Math.min(canvas.clientWidth || 300, 460);
  const { context } = sharp(canvas, side);
  const paper = channels(color("card")), line = channels(color("text"));
  const shades = classColors.map(name => channels(color(name)))
    .map(shade => Array.from({ length: 33 }, (_, i) => mixed(paper, shade, 0.15 + 0.45 * i / 32)));
  if (regions) {
    const kinds = regions.map(Math.floor), places = regions.map((_, i) => i);
    drawImage(regionCanvas, places, REGIONS, REGIONS, i => {
      const k = kinds[i], right = i % REGIONS < REGIONS - 1 && kinds[i + 1] !== k;
      const below = i + REGIONS < kinds.length && kinds[i + REGIONS] !== k;
      return right || below ? line : shades[k][Math.round(32 * (regions[i] - k))];
    });
    context.imageSmoothingEnabled = false;
    context.drawImage(regionCanvas, 0, 0, side, side);
  }
  const place = v => (v / edge + 1) / 2 * side;
  const fills = classColors.map(color);
  context.lineWidth = 1;
  context.strokeStyle = color("text");
  for (let i = 0; i < points.c.length; i++) {
    context.fillStyle = fills[points.c[i]];
    drawSign(context, points.c[i], place(points.x[2 * i]), side - place(points.x[2 * i + 1]), 3.5);
  }
  if (cross) {
    const x = place(cross[0]), y = side - place(cross[1]);
    context.lineWidth = 3;
    context.beginPath();
    context.moveTo(x - 11, y); context.lineTo(x + 11, y); context.moveTo(x, y - 11); context.lineTo(x, y + 11);
    context.stroke();
  }
}

// Elements of the units of all layers: [[{canvas, bar, caption, figure}, ...], ...].
function makeUnits(target, layers, titles) {
  target.replaceChildren();
  return layers.map((layer, l) => {
    const box = element("div", { class: "units" });
    target.append(element("h3", {}, titles[l]), box);
    return Array.from({ length: layer.gradient.length }, () => {
      const canvas = element("canvas", { class: "pixels", "aria-hidden": "true", width: MAP, height: MAP });
      const bar = element("div"), caption = element("p", { "aria-hidden": "true" });
      const figure = element("div", { class: "unit", role: "img", "aria-label": "Unit" }, canvas, element("div", { class: "bar" }, bar), caption);
      box.append(figure);
      return { canvas, bar, caption, figure };
    });
  });
}

// Draw the units of a layer; `speak` also renews their text alternatives.
function drawUnits(units, layer, title, speak) {
  const size = MAP * MAP;
  let largest = 1e-12;
  for (const v of layer.maps) if (Number.isFinite(v)) largest = Math.max(largest, Math.abs(v));
  units.forEach((unit, j) => {
    drawImage(unit.canvas, layer.maps.subarray(j * size, (j + 1) * size), MAP, MAP,
      v => signedColor(v / largest));
    const g = layer.gradient[j], low = layer.spread[2 * j], high = layer.spread[2 * j + 1];
    const width = Math.min(1, Math.max(0, (Math.log10(g) + 8) / 8));
    unit.bar.style.width = 100 * (Number.isFinite(width) ? width : 0) + "%";
    const constant = high - low < 1e-6, gradient = scientific(g);
    unit.caption.textContent = constant ? `${gradient} constant` : gradient;
    if (speak) unit.figure.setAttribute("aria-label", `${title}, unit ${j + 1}: gradient ${gradient}, `
      + (constant ? `constant activation ${fixed(low, 2)}` : `activation from ${fixed(low, 2)} to ${fixed(high, 2)}`));
  });
}

const scientific = v => (v === 0 ? "0" : Number.isFinite(v) ? v.toExponential(0) : "NaN").replace("-", "\u2212");

// Loss curve with a logarithmic axis; `curve` holds pairs [step, loss].
function drawCurve(canvas, curve) {
  const { context, width, height } = sharp(canvas, 170);
  const left = 46, bottom = 22, W = width - left - 10, H = height - bottom - 10;
  context.font = "12px system-ui, sans-serif";
  context.fillStyle = color("muted");
  context.strokeStyle = color("line");
  const shown = curve.filter(pair => pair[1] > 0);
  const logs = shown.map(pair => Math.log10(pair[1]));
  const low = Math.floor(Math.min(-1, ...logs)), high = Math.ceil(Math.max(0, ...logs));
  const last = shown.length ? shown[shown.length - 1][0] : 1;
  const stride = Math.ceil((high - low) / 5);
  context.textAlign = "right";
  for (let d = low; d <= high; d += stride) {
    const y = 10 + H * (high - d) / (high - low);
    context.beginPath(); context.moveTo(left, y); context.lineTo(left + W, y); context.stroke();
    context.fillText(d >= -3 && d <= 3 ? String(+(10 ** d).toFixed(3)) : "1e" + String(d).replace("-", "\u2212"), left - 6, y + 4);
  }
  context.fillText(`${last} steps`, left + W, height - 6);
  context.textAlign = "left";
  context.fillText("0", left, height - 6);
  context.strokeStyle = color("blue");
  context.lineWidth = 2;
  context.beginPath();
  shown.forEach((pair, i) => {
    const x = left + W * pair[0] / last, y = 10 + H * (high - logs[i]) / (high - low);
    if (i) context.lineTo(x, y); else context.moveTo(x, y);
  });
  context.stroke();
  canvas.setAttribute("aria-label", shown.length
    ? `Loss curve: ${scientific(shown[0][1])} at step ${shown[0][0]}, ${scientific(shown[shown.length - 1][1])} at step ${last}`
    : "Loss curve: no training step yet");
}
