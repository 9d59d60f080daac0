// Functions that every page shares. Arrays are flat and row by row, as NumPy's in C order.

const byId = id => document.getElementById(id);
const root = document.documentElement;

// ---------------------------------------------------------------------------------------- data

// The data of this page, as write_page() was given it.
function readData() { return JSON.parse(byId("data").textContent); }

// An array that encode() of html.py has written: a Float32Array with the property shape.
function floats(encoded) {
  const bytes = Uint8Array.from(atob(encoded.float32), c => c.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const array = new Float32Array(bytes.length / 4);
  for (let i = 0; i < array.length; i++) array[i] = view.getFloat32(4 * i, true);
  array.shape = encoded.shape;
  return array;
}

// ------------------------------------------------------------------------------------ formulas

const sigmoid = x => 0.5 * (Math.tanh(0.5 * x) + 1);
const softplus = x => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

// y = x W + b for one sample x (D), with W (D, M) and b (M) or null.
function dense(x, W, b, M = W.shape[1]) {
  const y = new Float64Array(M);
  if (b) for (let j = 0; j < M; j++) y[j] = b[j];
  for (let i = 0; i < x.length; i++) {
    const xi = x[i];
    if (xi !== 0) for (let j = 0, w = i * M; j < M; j++) y[j] += xi * W[w + j];
  }
  return y;
}

// dL/dx = dL/dy W^T for one sample dy (M), with W (D, M); it is also W times a vector.
function denseTransposed(dy, W, D = W.shape[0]) {
  const dx = new Float64Array(D), M = dy.length;
  for (let i = 0; i < D; i++) {
    let sum = 0;
    for (let j = 0, w = i * M; j < M; j++) sum += dy[j] * W[w + j];
    dx[i] = sum;
  }
  return dx;
}

// Random numbers from a seed: random() is uniform in [0, 1), random.normal() standard normal.
function makeRandom(seed) {  // mulberry32
  const random = () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  random.normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return random;
}

// --------------------------------------------------------------------------------- self check

// Problems that the browser has reported since the page was opened.
const problems = [];
addEventListener("error", event => problems.push(event.message));
addEventListener("unhandledrejection", event => problems.push(String(event.reason)));
addEventListener("securitypolicyviolation", event => problems.push("request of " + event.blockedURI));

// Compare what this page computes with values of NumPy.
//   pairs   [[name, computed, expected], ...], each a number or an array of numbers
// The difference is divided by the size of the expected number where that is larger than 1. The
// result is shown in the footer and written to <html data-check>, where tests read it.
function selfCheck(pairs, limit = 1e-5) {
  let largest = 0, worst = "", count = 0;
  for (const [name, computed, expected] of pairs) {
    const a = [computed].flat(), b = [expected].flat();
    const x = a.flatMap(v => ArrayBuffer.isView(v) ? [...v] : v);
    const y = b.flatMap(v => ArrayBuffer.isView(v) ? [...v] : v).flat(9);
    if (x.length !== y.length) { largest = Infinity; worst = name; }
    y.forEach((value, i) => {
      const difference = Math.abs(x[i] - value) / Math.max(1, Math.abs(value));
      count++;
      if (!(difference <= largest)) { largest = Number.isNaN(difference) ? Infinity : difference; worst = name; }
    });
  }
  const requests = performance.getEntriesByType("resource").length;
  const ok = largest <= limit && count > 0 && requests === 0;
  root.dataset.check = JSON.stringify({ largest: String(largest), worst, count, requests, ok, problems });
  const line = byId("check");
  line.textContent = `Self-check: ${count} numbers computed by this page differ from those of NumPy `
    + `by at most ${largest.toExponential(1).replace("-", "\u2212")}` + (ok ? "." : `, more than ${limit} (${worst}).`);
  line.classList.toggle("wrong", !ok);
  return ok;
}

// ----------------------------------------------------------------------------------- drawing

// Colours of the current theme by name: color("blue").
const color = name => getComputedStyle(root).getPropertyValue("--" + name).trim();

// Ten colours and ten signs for classes; the sign makes a class readable without its colour.
const classColors = ["blue", "orange", "green", "purple", "yellow"];

// Cividis, from dark blue to yellow, for t in [0, 1]: [red, green, blue], 0 to 255.
const cividisStops = [[0, 34, 78], [18, 53, 112], [59, 73, 108], [87, 93, 109], [112, 113, 115],
  [138, 134, 120], [165, 156, 116], [195, 179, 105], [225, 204, 85], [254, 232, 56]];
function cividis(t) { return between(cividisStops, t); }

// Vermilion (-1), gray (0), blue (1), for signed numbers.
const signedStops = [[213, 94, 0], [240, 228, 220], [0, 114, 178]];
function signed(t) { return between(signedStops, 0.5 + 0.5 * t); }

// White (0) to black (1), as ink on paper.
function ink(t) { const g = 255 * (1 - Math.min(1, Math.max(0, t))); return [g, g, g]; }

function between(stops, t) {
  const place = Math.min(1, Math.max(0, t)) * (stops.length - 1);
  const i = Math.min(Math.floor(place), stops.length - 2), f = place - i;
  return stops[i].map((c, k) => c + f * (stops[i + 1][k] - c));
}

// Draw values (height, width) into a canvas of that many pixels; CSS enlarges it.
//   colors   function from a value to [red, green, blue]
function drawImage(canvas, values, height, width, colors = ink) {
  if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
  const context = canvas.getContext("2d"), image = context.createImageData(width, height);
  putPixels(image, values, height, width, colors, 0, 0, 0);
  context.putImageData(image, 0, 0);
}

// Draw many images (height, width), one after another in `values`, in a grid with gaps of a pixel.
function drawImages(canvas, values, height, width, columns, colors = ink, gap = [168, 173, 180]) {
  const n = values.length / (height * width), rows = Math.ceil(n / columns);
  const W = columns * (width + 1) + 1, H = rows * (height + 1) + 1;
  if (canvas.width !== W || canvas.height !== H) { canvas.width = W; canvas.height = H; }
  const context = canvas.getContext("2d"), image = context.createImageData(W, H);
  for (let i = 0; i < W * H; i++) image.data.set([...gap, 255], 4 * i);
  for (let k = 0; k < n; k++) {
    const top = 1 + Math.floor(k / columns) * (height + 1), left = 1 + (k % columns) * (width + 1);
    putPixels(image, values, height, width, colors, k * height * width, top, left);
  }
  context.putImageData(image, 0, 0);
}

function putPixels(image, values, height, width, colors, start, top, left) {
  for (let r = 0; r < height; r++)
    for (let c = 0; c < width; c++) {
      const [red, green, blue] = colors(values[start + r * width + c]);
      const place = 4 * ((top + r) * image.width + left + c);
      image.data[place] = red; image.data[place + 1] = green; image.data[place + 2] = blue;
      image.data[place + 3] = 255;
    }
}

// A canvas context in CSS pixels, sharp on every screen: {context, width, height}.
function sharp(canvas, height) {
  const ratio = devicePixelRatio || 1, width = canvas.clientWidth || 300;
  canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio);
  canvas.style.height = height + "px";
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

// A new element: element("p", {class: "note"}, "text", child, ...).
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// A number with a fixed number of digits and a true minus sign.
const fixed = (x, digits = 3) => (Object.is(+x.toFixed(digits), -0) ? 0 : x).toFixed(digits).replace("-", "\u2212");

// ---------------------------------------------------------------------------------- operation

// Keys of an element: keys(canvas, {ArrowLeft: event => ..., " ": event => ...}).
function keys(target, actions) {
  target.addEventListener("keydown", event => {
    const action = actions[event.key];
    if (action && !event.ctrlKey && !event.metaKey && !event.altKey) { event.preventDefault(); action(event); }
  });
}

// Call f(x, y, event) with the place of the mouse or finger in [0, 1) while it is down.
function drag(target, f, end = () => {}) {
  const place = event => {
    const box = target.getBoundingClientRect(), inside = t => Math.min(0.999999, Math.max(0, t));
    f(inside((event.clientX - box.left) / box.width), inside((event.clientY - box.top) / box.height), event);
  };
  target.addEventListener("pointerdown", event => {
    target.setPointerCapture(event.pointerId); target.focus({ preventScroll: true }); place(event);
  });
  target.addEventListener("pointermove", event => { if (event.buttons) place(event); });
  target.addEventListener("pointerup", end);
}

// Theme: that of the system, until the button changes it. Pages redraw on the event "theme".
function setTheme(dark) {
  root.dataset.theme = dark ? "dark" : "light";
  byId("theme").setAttribute("aria-pressed", String(dark));
  dispatchEvent(new Event("theme"));
}
byId("theme").addEventListener("click", () => setTheme(root.dataset.theme !== "dark"));
setTheme(matchMedia("(prefers-color-scheme: dark)").matches);
