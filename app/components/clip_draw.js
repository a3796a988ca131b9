// The two drawings of clip_canvas, on a canvas each. Lengths are CSS pixels; `look` has the page's
// colours, the size of a letter, and the font.

// Makes the canvas as fine as the screen, also in a slide that is drawn smaller.
function surface(canvas, look) {
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!width || !height) return null;
  const scale = devicePixelRatio * (canvas.getBoundingClientRect().width / width);
  const [across, down] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== across || canvas.height !== down) {
    [canvas.width, canvas.height] = [across, down];
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = `${look.size}px ${look.font}`;
  pen.lineJoin = "round";
  return { pen, width, height };
}

const EAR = 20; // px from the circle to its handle

// Where the bars stand: x of a rank, y of a ratio, and back.
function barsFrame(width, height, size, range, count) {
  const left = 3.3 * size;
  const [top, bottom, right] = [2.2 * size, height - 1.6 * size, width - 0.4 * size];
  const [low, high] = range; // powers of ten
  const decade = (bottom - top) / (high - low);
  return {
    left, right, top, bottom, decade, step: (right - left) / count,
    y: (ratio) => Math.min(bottom, Math.max(top, top + (high - Math.log10(ratio)) * decade)),
    ratio: (y) => 10 ** (high - (y - top) / decade),
    rank: (x) => Math.min(count - 1, Math.max(0, Math.floor(((x - left) / (right - left)) * count))),
  };
}

// view: {order, before, after (ratios, by unit), range, clipping, line, chosen, layerRatio}
function drawBars(canvas, view, look) {
  const on = surface(canvas, look);
  if (!on) return null;
  const { pen, width, height } = on;
  const frame = barsFrame(width, height, look.size, view.range, view.order.length);
  const { left, right, bottom, step } = frame;
  // One outline for all bars: a path of as many rectangles is a hundred times slower to fill.
  const bars = (from, to) => {
    const stairs = (ratio) => view.order.flatMap((unit, rank) => {
      const [x, y] = [left + rank * step, ratio ? frame.y(ratio[unit]) : bottom];
      return [[x, y], [x + step, y]];
    });
    polygon(pen, [...stairs(to), ...stairs(from).reverse()]);
  };
  const { before, after } = view;
  if (view.clipping === null) {
    bars(null, before);
    pen.fillStyle = look.colours.nf;
    pen.fill();
  } else {
    bars(after, before);
    pen.fillStyle = look.colours.cut;
    pen.fill();
    pen.fillStyle = hatch(pen, look.colours.nf); // told apart without colour too
    pen.fill();
    bars(null, after);
    pen.fillStyle = look.colours.agc;
    pen.fill();
  }
  for (let rank = 1; step > 4 && rank < view.order.length; rank++) {
    pen.clearRect(left + rank * step - 1, frame.top - 1, 1, bottom - frame.top + 1);
  }
  scale(pen, frame, view, look, width);
  pen.strokeStyle = pen.fillStyle = look.colours.text;
  if (view.pieceRatio && view.clipping !== null) {
    // what is compared with the threshold in place of the unit's own ratio
    view.order.forEach((unit, rank) => {
      pen.fillRect(left + rank * step, frame.y(view.pieceRatio[unit]) - 1, Math.max(1.5, step), 2);
    });
  }
  if (view.chosen !== null) {
    const x = left + (view.order.indexOf(view.chosen) + 0.5) * step;
    polygon(pen, [[x, bottom + 2], [x - 6, bottom + 12], [x + 6, bottom + 12]]);
    pen.fill();
  }
  if (view.clipping !== null) thresholdLine(pen, frame, view.clipping, look, width);
  return frame;
}

function scale(pen, frame, view, look, width) {
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  pen.lineWidth = 1;
  const every = Math.ceil((1.5 * look.size) / frame.decade);
  for (let power = view.range[0]; power <= view.range[1]; power++) {
    const y = frame.y(10 ** power);
    pen.strokeStyle = look.colours.grid;
    line(pen, [[frame.left, y], [frame.right, y]]);
    pen.fillStyle = look.colours.text;
    if (power % every === 0) pen.fillText(`10${raised(power)}`, frame.left - 6, y);
  }
  pen.textBaseline = "alphabetic";
  pen.textAlign = "left";
  pen.fillText("‖G‖ / ‖W‖*", 0, look.size);
  pen.textAlign = "right";
  const long = `${view.order.length} units, largest ratio first`;
  const fits = pen.measureText(long).width < width - frame.left;
  pen.fillText(fits ? long : `${view.order.length} units`, frame.right, frame.bottom + 1.3 * look.size);
}

function thresholdLine(pen, frame, clipping, look) {
  const y = frame.y(clipping);
  const text = `λ = ${written(clipping, 3)}`;
  pen.lineWidth = 2.5;
  pen.strokeStyle = look.colours.text;
  line(pen, [[frame.left, y], [frame.right, y]], [8, 5]);
  pen.font = `600 ${look.size}px ${look.font}`;
  const across = pen.measureText(text).width + 1.2 * look.size;
  const high = 1.7 * look.size;
  const x = frame.right - across - 1.6 * look.size;
  pen.fillStyle = look.colours.page;
  pen.beginPath();
  pen.roundRect(x, y - high / 2, across, high, high / 2);
  pen.fill();
  pen.lineWidth = 2;
  pen.stroke();
  pen.fillStyle = look.colours.text;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(text, x + across / 2, y + 1);
  knob(pen, frame.right - 0.8 * look.size, y, look);
  pen.font = `${look.size}px ${look.font}`;
}

// A handle with two arrowheads, up and down.
function knob(pen, x, y, look) {
  const r = 0.75 * look.size;
  pen.fillStyle = look.colours.text;
  disc(pen, x, y, r);
  pen.fill();
  pen.fillStyle = look.colours.page;
  for (const way of [-1, 1]) {
    const [tip, foot] = [y + way * 0.6 * r, y + way * 0.15 * r];
    polygon(pen, [[x, tip], [x - 0.4 * r, foot], [x + 0.4 * r, foot]]);
    pen.fill();
  }
}

// One unit's weight W and gradient G in the plane that they span, at their own lengths and angle:
// large, what happens at the tip of W; small, W as a whole.
// view: {weight, gradient (norms), cosine, factor, radius (of the circle), clipping}
function drawPlane(canvas, view, look) {
  const on = surface(canvas, look);
  if (!on) return null;
  const { pen, width, height } = on;
  const { colours, size } = look;
  const tip = [0.42 * width, 0.62 * height];
  const unit = view.gradient ? (0.5 * height) / view.gradient : 0.3 * height / (view.radius || 1);
  const angle = Math.acos(Math.min(1, Math.max(-1, view.cosine)));
  const way = [Math.cos(angle), -Math.sin(angle)];
  const at = (length) => [tip[0] + way[0] * length, tip[1] + way[1] * length];
  const radius = view.radius === null ? null : view.radius * unit;
  const most = 0.3 * Math.min(width, height); // so far from the tip the handle goes
  if (radius !== null) {
    disc(pen, ...tip, radius);
    pen.fillStyle = colours.circle;
    pen.fill();
    pen.lineWidth = 2.5;
    pen.strokeStyle = colours.agc;
    pen.stroke();
    const [inner, outer] = [Math.min(radius, most), Math.min(radius, most) + EAR];
    pen.lineWidth = 1.5;
    pen.strokeStyle = colours.text; // to the handle, which lies outside a small circle
    line(pen, [inner, outer].map((r) => [tip[0] + r * Math.SQRT1_2, tip[1] + r * Math.SQRT1_2]));
  }
  if (view.weight) {
    const end = tip[0] - view.weight * unit; // where W begins; mostly far outside
    pen.strokeStyle = pen.fillStyle = colours.text;
    arrow(pen, [Math.max(-20, end), tip[1]], tip, 4);
    // under the arrow's tail, or left of it where the arrow is short and the handle is near
    const short = tip[0] - end < 3 * size;
    pen.textAlign = short ? "right" : "left";
    pen.textBaseline = short ? "middle" : "top";
    pen.fillText("W", short ? end - 6 : Math.max(4, end), tip[1] + (short ? 0 : 8));
  }
  const [long, kept] = [view.gradient * unit, view.gradient * unit * view.factor];
  if (view.gradient) {
    if (view.factor < 1) {
      pen.strokeStyle = pen.fillStyle = colours.nf;
      arrow(pen, at(kept), at(long), 3, [3, 4]);
    }
    pen.strokeStyle = pen.fillStyle = view.clipping === null ? colours.nf : colours.agc;
    arrow(pen, tip, at(kept), 6);
    pen.fillStyle = colours.text;
    const [x, y] = at(long);
    pen.textAlign = x > 0.75 * width ? "right" : "left";
    pen.textBaseline = "middle";
    pen.fillText("G", x + (pen.textAlign === "left" ? 10 : -10), y + 4);
  }
  wholeWeight(pen, view, look, width, height, way, unit);
  return { tip, unit, most };
}

// The same at its true proportions, in the corner.
function wholeWeight(pen, view, look, width, height, way, unit) {
  const { size, colours } = look;
  const across = 0.3 * width;
  const [x, y] = [width - across - 0.6 * size, height - 1.6 * size];
  const longest = Math.max(view.weight, view.radius ?? 0, view.gradient, 1e-12);
  const per = (0.75 * across) / longest;
  const tip = [x + view.weight * per, y];
  pen.strokeStyle = pen.fillStyle = colours.text;
  if (view.weight) arrow(pen, [x, y], tip, 2.5);
  if (view.radius !== null) {
    pen.strokeStyle = colours.agc;
    pen.lineWidth = 1.5;
    disc(pen, ...tip, Math.max(0.75, view.radius * per));
    pen.stroke();
  }
  pen.strokeStyle = colours.nf;
  pen.lineWidth = 2;
  const length = view.gradient * per;
  line(pen, [tip, [tip[0] + way[0] * length, tip[1] + way[1] * length]]);
  pen.fillStyle = colours.muted;
  pen.textAlign = "right";
  pen.textBaseline = "alphabetic";
  const times = `magnified × ${written(unit / per, 2)} above`;
  const long = `whole, at one scale; ${times}`;
  pen.fillText(pen.measureText(long).width < width - 8 ? long : times, width - 4, height - 2);
}

const tiles = new Map();

function hatch(pen, colour) {
  if (!tiles.has(colour)) tiles.set(colour, hatched(colour));
  return pen.createPattern(tiles.get(colour), "repeat");
}

function hatched(colour) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 8;
  const stroke = tile.getContext("2d");
  stroke.strokeStyle = colour;
  stroke.lineWidth = 1.4;
  for (const shift of [-8, 0, 8]) line(stroke, [[shift, 8], [shift + 8, 0]]);
  return tile;
}

function line(pen, points, dash = []) {
  pen.setLineDash(dash);
  pen.beginPath();
  for (const point of points) pen.lineTo(...point);
  pen.stroke();
  pen.setLineDash([]);
}

function polygon(pen, points) {
  pen.beginPath();
  for (const point of points) pen.lineTo(...point);
  pen.closePath();
}

function disc(pen, x, y, radius) {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
}

function arrow(pen, [x0, y0], [x1, y1], thick, dash = []) {
  const length = Math.hypot(x1 - x0, y1 - y0);
  if (length < 0.5) return;
  const [x, y] = [(x1 - x0) / length, (y1 - y0) / length];
  const head = Math.min(3.5 * thick, length);
  pen.lineWidth = thick;
  line(pen, [[x0, y0], [x1 - x * head * 0.8, y1 - y * head * 0.8]], dash);
  const [bx, by] = [x1 - x * head, y1 - y * head];
  polygon(pen, [[x1, y1], [bx - y * head * 0.5, by + x * head * 0.5], [bx + y * head * 0.5, by - x * head * 0.5]]);
  pen.fill();
}
