// Images of a few pixels: examples, and a canvas on which the reader draws.

// Images of example_images() in images.py: [Float64Array, ...].
function readExamples(examples, size) {
  if (!examples) return [];
  const bytes = Uint8Array.from(atob(examples.bytes), c => c.charCodeAt(0)), images = [];
  for (let start = 0; start < bytes.length; start += size)
    images.push(Float64Array.from(bytes.subarray(start, start + size),
      b => examples.low + (examples.high - examples.low) * b / 255));
  return images;
}

// Fill a <select> with the examples and call f(image) when one is chosen.
function exampleSelect(select, images, labels, f) {
  images.forEach((_, i) => select.append(element("option", { value: i },
    labels ? `image ${i + 1}: ${labels[i]}` : `image ${i + 1}`)));
  select.closest("label").hidden = images.length === 0;
  select.addEventListener("change", () => { if (select.value !== "") f(images[+select.value]); });
}

// A soft pen: raise the ink (0 to 1) of the pixels around (row, column), or remove it.
function penStroke(ink, height, width, row, column, erase) {
  const radius = Math.max(height, width) / 14;
  for (let r = 0; r < height; r++)
    for (let c = 0; c < width; c++) {
      const amount = Math.min(1, 1.15 - Math.hypot(r - row, c - column) / (radius + 0.5));
      if (amount <= 0) continue;
      const i = r * width + c;
      ink[i] = erase ? Math.min(ink[i], 1 - amount) : Math.max(ink[i], amount);
    }
}

// Draw with the mouse, a finger or the keyboard; returns a function that draws the canvas anew.
//   write(row, column, erase)   a pixel was reached with the pen
//   colorOf(i)                  colour of pixel i, [red, green, blue]
//   nameOf(i)                   what a screen reader says of pixel i
//   decorate(context, cell)     optional: more marks, with `cell` canvas pixels for each pixel
function pixelEditor(canvas, height, width, { write, colorOf, nameOf, decorate = () => {} }) {
  let row = Math.floor(height / 2), column = Math.floor(width / 2);
  const cell = Math.max(4, Math.floor(336 / Math.max(height, width)));
  const status = element("span", { class: "hidden", role: "status" });
  canvas.after(status);
  canvas.width = width * cell; canvas.height = height * cell;
  const redraw = () => {
    const context = canvas.getContext("2d");
    for (let i = 0; i < height * width; i++) {
      context.fillStyle = `rgb(${colorOf(i).map(Math.round).join(" ")})`;
      context.fillRect(i % width * cell, Math.floor(i / width) * cell, cell, cell);
    }
    decorate(context, cell);
    if (document.activeElement === canvas) {
      context.lineWidth = 4; context.strokeStyle = "#d55e00";
      context.strokeRect(column * cell + 2, row * cell + 2, cell - 4, cell - 4);
    }
  };
  const pen = erase => { write(row, column, erase); redraw(); say(); };
  const say = () => { status.textContent = `row ${row + 1}, column ${column + 1}: ${nameOf(row * width + column)}`; };
  const move = (down, right) => event => {
    row = Math.min(height - 1, Math.max(0, row + down));
    column = Math.min(width - 1, Math.max(0, column + right));
    if (event.shiftKey) pen(false); else { redraw(); say(); }
  };
  keys(canvas, {
    ArrowUp: move(-1, 0), ArrowDown: move(1, 0), ArrowLeft: move(0, -1), ArrowRight: move(0, 1),
    " ": () => pen(false), Enter: () => pen(false), Backspace: () => pen(true), Delete: () => pen(true),
  });
  canvas.addEventListener("contextmenu", event => event.preventDefault());
  drag(canvas, (x, y, event) => {
    row = Math.floor(y * height); column = Math.floor(x * width);
    pen(event.buttons === 2);
  });
  canvas.addEventListener("focus", redraw);
  canvas.addEventListener("blur", redraw);
  redraw();
  return redraw;
}
