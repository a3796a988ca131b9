// Every unit of a net as a bar, and the threshold as a line that one drags: what it cuts off is
// counted and drawn at each frame, here. Only where the line comes to rest is sent to the server,
// with a growing number, so that an answer to an older place cannot move it back.

const [LEAST, MOST] = [1e-4, 1]; // of the threshold
const SMALLEST = 1e-7; // ratios below are drawn here: a logarithmic axis has no zero
const KEYS = { ArrowUp: 0.05, ArrowRight: 0.05, ArrowDown: -0.05, ArrowLeft: -0.05 };
const PAGES_BY = { PageUp: 0.5, PageDown: -0.5 }; // decades
const RESTING = 400; // ms without a key until the place is sent
const instances = new WeakMap();

export default function (component) {
  const root = component.parentElement;
  let canvas = instances.get(root);
  if (!canvas) {
    canvas = new ClipCanvas(root);
    instances.set(root, canvas);
  }
  canvas.receive(component.data, component.setStateValue);
  return () => {
    canvas.stop();
    instances.delete(root);
  };
}

class ClipCanvas {
  constructor(root) {
    this.root = root;
    this.sent = 0; // number of the last choice sent to the server
    this.geiger = new Geiger();
    this.stopping = new AbortController();
    const { signal } = this.stopping;
    this.bars = this.find(".bars canvas");
    this.plane = this.find(".plane canvas");
    this.line = this.find(".line");
    this.circle = this.find(".circle");
    this.find(".head").addEventListener("change", (e) => this.choose(e.target.value), { signal });
    this.find(".geiger").addEventListener("click", () => this.switchSound(), { signal });
    this.bars.addEventListener("click", (e) => this.pick(e), { signal });
    for (const handle of [this.line, this.circle]) {
      handle.addEventListener("pointerdown", (e) => this.grab(e, handle), { signal });
      handle.addEventListener("pointermove", (e) => this.drag(e), { signal });
      handle.addEventListener("pointerup", (e) => this.drop(e), { signal });
      handle.addEventListener("pointercancel", (e) => this.drop(e), { signal });
      handle.addEventListener("keydown", (e) => this.onKey(e), { signal });
    }
    this.sizes = new ResizeObserver(() => this.schedule());
    this.sizes.observe(this.find(".stage"));
  }

  stop() {
    this.stopping.abort();
    this.sizes.disconnect();
    this.geiger.stop();
    clearTimeout(this.resting);
    cancelAnimationFrame(this.frame);
  }

  find(selector) {
    return this.root.querySelector(selector);
  }

  receive(data, setStateValue) {
    this.send = (choice) => setStateValue("choice", choice);
    this.data = data;
    if (data.ack >= this.sent && !this.held && !this.resting) {
      this.by = data.by;
      this.off = data.clipping === null;
      this.clipping = data.clipping ?? this.clipping ?? data.first;
      this.unit = data.unit;
    }
    this.units = data.units;
    this.ratio = ratiosOf(data.units).map((ratio) => Math.max(ratio, SMALLEST));
    this.order = this.ratio.map((_, i) => i).sort((a, b) => this.ratio[b] - this.ratio[a] || a - b);
    const [low, high] = [this.ratio[this.order.at(-1)], this.ratio[this.order[0]]];
    this.range = [Math.floor(Math.log10(Math.min(low, LEAST))), Math.ceil(Math.log10(Math.max(high, MOST)))];
    const style = this.find(".clip").style;
    style.setProperty("--letters", `${data.size}px`);
    style.setProperty("--height", `${data.height}px`);
    for (const name of ["nf", "agc", "cut"]) style.setProperty(`--${name}`, data.colours[name]);
    this.find(".plane").hidden = !data.plane;
    this.find(".stage").classList.toggle("two", data.plane);
    this.cutting();
    this.draw();
  }

  // ---- what is shown

  get threshold() {
    return this.off ? null : this.clipping;
  }

  // The pieces change with the way of clipping alone, not while λ is dragged.
  cutting() {
    this.pieces = piecesOf(this.units, this.by);
    const ratio = ratiosOf(this.pieces);
    this.pieceRatio = this.by === "unit" ? null : this.pieces.of.map((piece) => ratio[piece]);
    this.find(".legend .clips").hidden = this.off;
    this.find(".legend .free").hidden = !this.off;
    this.find(".legend .pieces").hidden = this.by === "unit" || this.off;
    setText(this.find(".legend b"), `the ${this.by === "layer" ? "layer" : "net"}'s own ratio`);
    for (const input of this.root.querySelectorAll("input")) {
      input.checked = input.value === (this.off ? "off" : this.by);
    }
  }

  schedule() {
    this.frame ??= requestAnimationFrame(() => this.draw());
  }

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = null;
    const factor = factorsOf(this.units, this.pieces, this.threshold);
    const host = getComputedStyle(this.find(".clip"));
    const look = { ...this.data, font: host.fontFamily };
    const chosen = this.data.plane ? this.unit : null;
    this.layout = drawBars(this.bars, {
      order: this.order,
      before: this.ratio,
      after: this.ratio.map((ratio, i) => ratio * factor[i]),
      range: this.range,
      clipping: this.threshold,
      pieceRatio: this.pieceRatio,
      chosen,
    }, look);
    const told = tell(this.units, this.pieces, this.threshold, this.by);
    setText(this.find(".told"), told);
    this.place(this.line, told);
    if (this.layout && !this.off) this.line.style.top = `${this.layout.y(this.clipping)}px`;
    if (this.data.plane) this.drawUnit(factor[this.unit], look, told);
    this.sound(factor);
  }

  drawUnit(factor, look, told) {
    const [weight, gradient] = [this.units.weight[this.unit], this.units.gradient[this.unit]];
    const floored = Math.max(weight, EPS);
    this.pictured = drawPlane(this.plane, {
      weight, gradient, factor, clipping: this.threshold,
      cosine: this.units.cosine[this.unit],
      radius: this.off ? null : this.clipping * floored,
    }, look);
    const degrees = weight && gradient
      ? `, at ${Math.round((Math.acos(Math.min(1, Math.max(-1, this.units.cosine[this.unit]))) * 180) / Math.PI)}°`
      : "";
    const kept = factor < 1 ? `, kept to ${written(gradient * factor, 3)}` : "";
    setText(this.find("figcaption"), `${this.units.names[this.unit]}: ‖W‖ ${written(weight, 3)}, `
      + `‖G‖ ${written(gradient, 3)}${degrees}${kept}`);
    this.place(this.circle, told);
    if (!this.pictured || this.off) return;
    const { tip, unit, most } = this.pictured;
    const reach = (Math.min(this.clipping * floored * unit, most) + EAR) * Math.SQRT1_2;
    this.circle.style.left = `${tip[0] + reach}px`;
    this.circle.style.top = `${tip[1] + reach}px`;
  }

  place(slider, told) {
    slider.hidden = this.off;
    const values = { valuemin: LEAST, valuemax: MOST, valuenow: this.clipping, valuetext: told };
    for (const [name, value] of Object.entries(values)) slider.setAttribute(`aria-${name}`, value);
  }

  // ---- what the viewer does

  move(clipping) {
    const within = Math.min(MOST, Math.max(LEAST, clipping));
    this.clipping = Number(within.toPrecision(3));
    this.touched = performance.now();
    this.schedule();
  }

  grab(event, handle) {
    if (event.button || !this.layout) return;
    event.preventDefault(); // no selection of text, no scrolling
    handle.focus({ preventScroll: true });
    handle.setPointerCapture(event.pointerId);
    this.held = { handle, id: event.pointerId, from: this.inside(event, handle), was: this.clipping };
    this.held.moved = false;
    this.schedule();
  }

  drag(event) {
    if (this.held?.id !== event.pointerId) return;
    const { handle, from, was } = this.held;
    const here = this.inside(event, handle);
    if (!this.held.moved && Math.hypot(here.x - from.x, here.y - from.y) < 3) return;
    this.held.moved = true;
    if (handle === this.line) {
      this.move(this.layout.ratio(this.layout.y(was) + here.y - from.y));
    } else {
      const { tip, unit, most } = this.pictured;
      const floored = Math.max(this.units.weight[this.unit], EPS);
      const away = (p) => Math.hypot(p.x - tip[0], p.y - tip[1]);
      // A circle too large for the picture is drawn smaller, and so is the way its handle goes.
      const full = was * floored * unit;
      const shown = Math.min(full, most);
      const radius = Math.max(shown + away(here) - away(from), 0);
      this.move((radius * (full / shown)) / (floored * unit));
    }
  }

  drop(event) {
    if (this.held?.id !== event.pointerId) return;
    const { moved, handle } = this.held;
    this.held = null;
    if (moved) this.report();
    else if (handle === this.line) this.pick(event);
  }

  // Where a pointer is on the handle's canvas, in its CSS pixels.
  inside(event, handle) {
    const canvas = handle === this.line ? this.bars : this.plane;
    const box = canvas.getBoundingClientRect();
    const zoom = box.width / canvas.clientWidth; // a slide may be drawn smaller
    return { x: (event.clientX - box.left) / zoom, y: (event.clientY - box.top) / zoom };
  }

  pick(event) {
    if (!this.data.plane || !this.layout) return;
    this.unit = this.order[this.layout.rank(this.inside(event, this.line).x)];
    this.schedule();
    this.report();
  }

  choose(value) {
    this.off = value === "off";
    if (!this.off) this.by = value;
    this.cutting();
    this.schedule();
    this.report();
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const by = KEYS[event.key] ?? PAGES_BY[event.key];
    const ends = { Home: LEAST, End: MOST };
    if (by === undefined && !(event.key in ends)) return;
    event.preventDefault();
    this.move(by === undefined ? ends[event.key] : this.clipping * 10 ** by);
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.report(), RESTING);
  }

  report() {
    clearTimeout(this.resting);
    this.resting = null; // until then an answer to an older place is not taken
    this.sent = Math.max(this.sent + 1, Date.now()); // grows, also when mounted anew
    this.send({ clipping: this.threshold, by: this.by, unit: this.unit, number: this.sent });
  }

  // ---- sound

  switchSound() {
    const on = this.geiger.toggle();
    this.find(".geiger").setAttribute("aria-pressed", on);
  }

  sound(factor) {
    if (!this.geiger.on) return;
    const share = factor.filter((f) => f < 1).length / factor.length;
    const moving = this.held || performance.now() - this.touched < 800;
    if (moving && share) {
      this.geiger.listen(share);
      this.schedule(); // it goes on clicking while the line is held still
    }
  }
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
