// Moves through the slides: keys, clicker, swipes, the bar. Steps are revealed here, without the
// server; only a change of slide is sent, as an absolute position with a growing number, so that
// fast presses cannot be lost or undone by an answer to an older one.

const NEXT = ["ArrowRight", "PageDown", " "];
const PREVIOUS = ["ArrowLeft", "PageUp"];
const PAGES = ["PageDown", "PageUp"];
const ARROWS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];
const TYPING = ["textbox", "searchbox", "combobox", "spinbutton", "listbox", "option", "menu"]
  .concat(["menuitem", "menuitemradio", "menuitemcheckbox", "grid", "gridcell", "tree", "treeitem"]);
const PRESSED = ["button", "link", "checkbox", "switch", "radio", "tab"];
const PRESSED_INPUTS = ["checkbox", "radio", "button", "submit", "reset", "file", "image", "color"];
const NO_SWIPE = "input, textarea, select, canvas, dialog, [role=slider], .js-plotly-plot, "
  + "[data-testid=stSlider], [data-testid=stSelectSlider]";
const STORE = "deck-position";
const PHONE = 640; // px of a window up to which slides are scrolled
// Share of its size to which a slide may shrink: its text is then 16 px, in large type 20 px.
const SMALLEST = { usual: 0.65, large: 0.6 };
const LARGE_TYPE = 20; // px of the root's letters from which the type counts as large
const PATIENCE = 300; // ms until it is first asked whether a position was answered
const SLACK = 0.03; // share of the height that a shrunk slide may leave free before it grows
// Layouts of figures, as app/demos/published.py has them: px of a place up to which it is narrow,
// and from which it is large, in a window of this height.
const NARROW = 620;
const LARGE = { width: 1100, height: 900 };
const instances = new WeakMap();

export default function (component) {
  const root = component.parentElement;
  let deck = instances.get(root);
  if (!deck) {
    deck = new Deck(root);
    instances.set(root, deck);
  }
  deck.receive(component.data, component.setStateValue);
  return () => {
    deck.stop();
    instances.delete(root);
  };
}

class Deck {
  constructor(root) {
    this.root = root;
    this.position = null; // {index, step}
    this.sent = 0; // number of the last position sent to the server
    this.style = document.head.appendChild(document.createElement("style"));
    this.stopping = new AbortController();
    const { signal } = this.stopping;
    document.addEventListener("keydown", (e) => this.onKey(e), { capture: true, signal });
    document.addEventListener("touchstart", (e) => this.onTouchStart(e), { passive: true, signal });
    document.addEventListener("touchend", (e) => this.onTouchEnd(e), { passive: true, signal });
    root.addEventListener("click", (e) => this.onClick(e), { signal });
    this.find(".jump form").addEventListener("submit", (e) => this.onJump(e), { signal });
    // Streamlit draws a slide after this component has run, and redraws it at will.
    this.watcher = new MutationObserver(() => this.schedule());
    this.watcher.observe(document.body, { childList: true, subtree: true });
    // Charts, and results that arrive, make a slide higher after it was drawn.
    this.sizes = new ResizeObserver(() => this.schedule());
    window.addEventListener("resize", () => {
      this.schedule();
      clearTimeout(this.resized);
      this.resized = setTimeout(() => this.tellRoom(), 200);
    }, { signal });
  }

  stop() {
    this.stopping.abort();
    clearTimeout(this.resized);
    clearTimeout(this.waiting);
    this.watcher.disconnect();
    this.sizes.disconnect();
    cancelAnimationFrame(this.frame);
    this.style.remove();
    delete document.documentElement.dataset.deck;
  }

  find(selector) {
    return this.root.querySelector(selector);
  }

  receive(data, setStateValue) {
    this.slides = data.slides;
    this.cut = data.cut;
    this.find(".print").hidden = !data.handout;
    this.send = (position) => setStateValue("position", position);
    this.fillOverview();
    if (data.ack >= this.sent) clearTimeout(this.waiting);
    if (data.ack >= this.sent && data.index !== this.position?.index) {
      const stored = readStore();
      const known = stored?.id === data.slides[data.index].id;
      this.position = { index: data.index, step: known ? stored.step : 0 };
    }
    this.apply();
    this.schedule(); // the slide may have been there before this component
  }

  get slide() {
    return this.slides[this.position.index];
  }

  // Whether the talk passes through this slide; in the cut, optional ones are left out.
  kept(slide) {
    return !(this.cut && slide.optional);
  }

  // The nearest slide of the talk in this direction; undefined: none.
  beside(index, by) {
    do index += by; while (this.slides[index] && !this.kept(this.slides[index]));
    return this.slides[index] && index;
  }

  forward() {
    const { index, step } = this.position;
    if (step < this.slide.steps) {
      this.move(index, step + 1);
      // On a phone, or in large type, the next step may lie below the edge.
      const shown = document.querySelector(`.st-key-frag_${step + 1}_${this.slide.id}`);
      const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
      shown?.scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
    } else {
      const next = this.beside(index, 1);
      if (next !== undefined) this.move(next, 0);
    }
  }

  back() {
    const { index, step } = this.position;
    const before = this.beside(index, -1);
    if (step > 0) this.move(index, step - 1);
    else if (before !== undefined) this.move(before, this.slides[before].steps);
  }

  move(index, step) {
    const changed = index !== this.position.index;
    this.position = { index, step };
    this.apply();
    if (!changed) return;
    // What the control had still to say leaves first, in a message of its own.
    if (letGo(document.querySelector(".st-key-slide"))) setTimeout(() => this.report());
    else this.report();
    document.querySelector('[data-testid="stMain"]')?.scrollTo(0, 0);
    this.find(".live").textContent = `Slide ${index + 1} of ${this.slides.length}: ${this.slide.title}`;
  }

  report() {
    this.room = roomForFigures();
    // The clock keeps the number growing when the component is mounted anew.
    this.sent = Math.max(this.sent + 1, Date.now());
    const { step } = this.position;
    this.send({ slide: this.slide.id, step, number: this.sent, room: this.room });
    this.expectAnswer(PATIENCE);
  }

  // Streamlit sends what changes at one moment as one message, and runs a fragment alone if any of it
  // is the fragment's: the change of the slide is lost if another control's falls into that moment. So
  // it is said again if the page stands still and has not answered.
  expectAnswer(patience) {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      if (standsStill()) this.report();
      else this.expectAnswer(2 * patience);
    }, patience);
  }

  // Once the server sends only the layout that fits, it must hear when another one does.
  tellRoom() {
    if (this.room && roomForFigures() !== this.room) this.report();
  }

  apply() {
    const { index, step } = this.position;
    const hidden = [];
    for (let n = step + 1; n <= this.slide.steps; n++) hidden.push(`.st-key-frag_${n}_${this.slide.id}`);
    const rule = "{ visibility: hidden !important; opacity: 0 !important; pointer-events: none }";
    this.style.textContent = hidden.length ? `@media screen { ${hidden.join(", ")} ${rule} }` : "";
    this.hidden = hidden.join(", ");
    document.documentElement.dataset.deck = "";
    this.mark();
    this.find(".position").textContent = `${index + 1} / ${this.slides.length}`;
    const talk = this.slides.filter((slide) => this.kept(slide));
    const done = this.slides.slice(0, index + 1).filter((slide) => this.kept(slide));
    this.find(".fill").style.inlineSize = `${(100 * done.length) / talk.length}%`;
    this.find("[data-do=back]").disabled = step === 0 && this.beside(index, -1) === undefined;
    this.find("[data-do=forward]").disabled =
      step === this.slide.steps && this.beside(index, 1) === undefined;
    this.find(".cut").hidden = !this.cut;
    this.find(".cut").textContent = `${minutesOf(talk)}-minute cut`;
    writeStore({ id: this.slide.id, step });
  }

  schedule() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => {
      this.mark();
      this.fit();
    });
  }

  // Nobody scrolls on a projector: a slide that is a little too high is drawn smaller. One that is
  // far too high stays readable and is scrolled, and so is every slide on a phone.
  fit() {
    const slide = document.querySelector(".st-key-slide");
    const main = slide?.closest('[data-testid="stMain"]');
    if (!main) return;
    if (this.fitted?.slide !== slide) {
      this.sizes.disconnect();
      this.sizes.observe(slide);
      this.fitted = { slide, zoom: 1 };
    }
    const box = slide.getBoundingClientRect();
    const above = box.top - main.getBoundingClientRect().top + main.scrollTop;
    const bar = document.querySelector('[data-testid="stBottom"]')?.offsetHeight ?? 0;
    const block = slide.closest('[data-testid="stMainBlockContainer"]');
    const below = bar + parseFloat(block ? getComputedStyle(block).paddingBottom : 0);
    const room = main.clientHeight - above - below - 2; // heights are rounded
    const { zoom, tried } = this.fitted;
    if (box.height <= room && (zoom === 1 || box.height > (1 - SLACK) * room)) return;
    const situation = [innerWidth, room, box.width, box.height].map(Math.round).join();
    if (situation === tried) return;
    const scrolled = main.scrollTop; // a smaller slide tried on the way would lose it
    this.fitted.zoom = innerWidth <= PHONE ? 1 : largestFit(slide, room);
    const drawn = draw(slide, this.fitted.zoom);
    main.scrollTop = scrolled;
    this.fitted.tried = [innerWidth, room, drawn.width, drawn.height].map(Math.round).join();
  }

  mark() {
    for (const step of document.querySelectorAll('[class*="st-key-frag_"]')) {
      if (this.hidden && step.matches(this.hidden)) step.setAttribute("aria-hidden", "true");
      else step.removeAttribute("aria-hidden");
    }
  }

  // ---- keys

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const dialog = this.find("dialog[open]");
    const take = dialog ? this.dialogKey(dialog, event) : this.pageKey(event);
    if (take) {
      event.preventDefault();
      event.stopPropagation();
      take();
    }
  }

  pageKey(event) {
    const { key } = event;
    if (document.querySelector('[role="dialog"][aria-modal="true"]')) return null;
    if (belongsTo(event.composedPath()[0], key)) return null;
    if (key === " " && event.shiftKey) return () => this.back();
    if (NEXT.includes(key)) return () => this.forward();
    if (PREVIOUS.includes(key)) return () => this.back();
    if (/^[0-9]$/.test(key)) return () => this.openJump(key);
    const actions = {
      Home: () => this.move(this.beside(-1, 1) ?? 0, 0),
      End: () => this.move(this.beside(this.slides.length, -1) ?? 0, 0),
      g: () => this.openJump(""),
      o: () => this.openOverview(),
      b: () => this.open("blank"),
      ".": () => this.open("blank"),
      f: () => toggleFullscreen(),
      "?": () => this.open("help"),
    };
    return actions[key.length === 1 ? key.toLowerCase() : key] ?? null;
  }

  dialogKey(dialog, event) {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key === "Escape" || key === "Tab") return null;
    const moves = NEXT.includes(key) || PREVIOUS.includes(key);
    if (dialog.matches(".jump")) {
      event.stopPropagation(); // what is typed here is no shortcut of the page
      return key === "PageDown" || key === "PageUp" ? () => dialog.close() : null;
    }
    if (dialog.matches(".overview")) {
      if (key === "o") return () => dialog.close();
      if (key === " ") return null;
      if (ARROWS.concat("Home", "End").includes(key) || moves) return () => this.moveFocus(key);
      return null;
    }
    const closing = dialog.matches(".blank") ? ["b", "."] : ["?"];
    return closing.includes(key) || moves ? () => dialog.close() : null;
  }

  // ---- overlays

  open(name) {
    this.find(`dialog.${name}`).showModal();
  }

  openJump(text) {
    this.open("jump");
    const input = this.find(".jump input");
    input.max = this.slides.length;
    input.value = text;
    input.focus();
  }

  onJump(event) {
    event.preventDefault();
    const number = Number(this.find(".jump input").value);
    this.find(".jump").close();
    if (Number.isInteger(number) && number >= 1) {
      this.move(Math.min(number, this.slides.length) - 1, 0);
    }
  }

  fillOverview() {
    const shown = JSON.stringify([this.slides, this.cut]);
    if (shown === this.shown) return;
    this.shown = shown;
    const talk = this.slides.filter((slide) => this.kept(slide));
    const left = this.slides.length - talk.length;
    this.find(".sum").textContent = `${talk.length} slides, ${minutesOf(talk)} minutes`
      + (left ? `; ${left} left out` : "");
    const parts = [];
    this.slides.forEach((slide, index) => {
      if (slide.section && slide.section !== this.slides[index - 1]?.section) {
        parts.push(element("h2", slide.section));
      }
      const tile = element("button");
      tile.type = "button";
      tile.dataset.index = index;
      tile.append(element("b", index + 1), element("span", slide.title));
      const about = [`${slide.minutes} min`];
      if (!this.kept(slide)) about.push("left out");
      else if (slide.optional) about.push("optional");
      tile.append(element("small", about.join(", ")));
      tile.classList.toggle("out", !this.kept(slide));
      parts.push(tile);
    });
    this.find(".grid").replaceChildren(...parts);
  }

  get tiles() {
    return [...this.find(".grid").querySelectorAll("button")];
  }

  openOverview() {
    this.open("overview");
    const tiles = this.tiles;
    for (const tile of tiles) tile.removeAttribute("aria-current");
    tiles[this.position.index].setAttribute("aria-current", "page");
    tiles[this.position.index].focus();
    tiles[this.position.index].scrollIntoView({ block: "center" });
  }

  moveFocus(key) {
    const tiles = this.tiles;
    const here = Math.max(0, tiles.indexOf(this.root.activeElement));
    let there;
    if (key === "ArrowDown" || key === "ArrowUp") there = rowBeside(tiles, here, key === "ArrowDown");
    else if (key === "Home" || key === "End") there = tiles.at(key === "Home" ? 0 : -1);
    else there = tiles[here + (NEXT.includes(key) ? 1 : -1)];
    there?.focus();
  }

  // ---- mouse and touch

  onClick(event) {
    const button = event.target.closest("button");
    const dialog = event.target.closest("dialog");
    if (button?.dataset.index !== undefined) {
      dialog.close();
      this.move(Number(button.dataset.index), 0);
    } else if (button?.dataset.do) {
      const actions = {
        back: () => this.back(),
        forward: () => this.forward(),
        jump: () => this.openJump(""),
        overview: () => this.openOverview(),
        fullscreen: () => toggleFullscreen(),
        help: () => this.open("help"),
        close: () => dialog.close(),
      };
      actions[button.dataset.do]();
    } else if (dialog === event.target) {
      dialog.close(); // the backdrop, or the blank screen
    }
  }

  onTouchStart(event) {
    const path = event.composedPath().filter((node) => node instanceof Element);
    const one = event.touches.length === 1 && !path.some((node) => ownsSwipes(node));
    const { clientX: x, clientY: y } = event.touches[0];
    this.touch = one ? { x, y, time: event.timeStamp } : null;
  }

  onTouchEnd(event) {
    const start = this.touch;
    this.touch = null;
    if (!start || event.touches.length || event.timeStamp - start.time > 800) return;
    const across = event.changedTouches[0].clientX - start.x;
    const down = event.changedTouches[0].clientY - start.y;
    if (Math.abs(across) < 60 || Math.abs(across) < 2 * Math.abs(down)) return;
    if (across < 0) this.forward();
    else this.back();
  }
}

// Which layout of a figure as wide as the slide is seen here; "": that depends on how much the slide
// will be shrunk to fit, which makes it wider in its own measure.
function roomForFigures() {
  const width = document.querySelector(".st-key-slide")?.getBoundingClientRect().width ?? 0;
  if (!width) return "";
  if (innerWidth <= PHONE && width <= NARROW) return "narrow";
  if (innerHeight >= LARGE.height && width >= LARGE.width) return "large";
  if (innerHeight >= LARGE.height && width >= LARGE.width * smallestFit()) return "";
  return width > NARROW ? "wide" : "";
}

// Whatever has the focus on the slide that goes would keep the arrows until the next one is drawn.
function letGo(slide) {
  let focused = document.activeElement;
  if (!slide?.contains(focused)) return false;
  while (focused.shadowRoot?.activeElement) focused = focused.shadowRoot.activeElement;
  focused.blur();
  return true;
}

function draw(slide, zoom) {
  slide.style.zoom = zoom;
  slide.style.setProperty("--fit", zoom);
  return slide.getBoundingClientRect();
}

// The largest share of its size at which a slide is no higher than `room`, or nearly that; 1: it has
// to be scrolled. Sizes are tried, as a smaller slide is laid out otherwise: its lines hold more, its
// figures change. A layout may take 15 ms, so the first guess is what fits if only the scale changed.
function largestFit(slide, room) {
  const smallest = smallestFit();
  let { height } = draw(slide, 1);
  if (height <= room) return 1;
  let [low, high] = [0, 1]; // fits, does not
  let zoom = Math.max(smallest, room / height);
  for (let tries = 0; tries < 5 && high - low > 0.01; tries++) {
    ({ height } = draw(slide, zoom));
    if (height > room) high = zoom;
    else low = zoom;
    if (high === smallest) return 1;
    if (height <= room && height > (1 - SLACK) * room) break;
    const scaled = (zoom * room) / height;
    if (!low) zoom = smallest;
    else zoom = scaled > low && scaled < high ? scaled : (low + high) / 2;
  }
  return low;
}

function standsStill() {
  return document.querySelector("[data-testid=stApp]")?.dataset.testScriptState === "notRunning";
}

function smallestFit() {
  const letters = parseFloat(getComputedStyle(document.documentElement).fontSize);
  return letters < LARGE_TYPE ? SMALLEST.usual : SMALLEST.large;
}

function minutesOf(slides) {
  return slides.reduce((sum, slide) => sum + slide.minutes, 0);
}

function element(name, text = "") {
  const made = document.createElement(name);
  made.textContent = text; // as text: a title may contain anything
  return made;
}

// The tile nearest to tile `here` in the next row, or in the one before.
function rowBeside(tiles, here, down) {
  const { offsetTop, offsetLeft } = tiles[here];
  const rows = tiles.map((tile) => tile.offsetTop)
    .filter((top) => (down ? top > offsetTop : top < offsetTop));
  const row = down ? Math.min(...rows) : Math.max(...rows);
  const near = (tile) => Math.abs(tile.offsetLeft - offsetLeft);
  return tiles.filter((tile) => tile.offsetTop === row).sort((a, b) => near(a) - near(b))[0];
}

function belongsTo(element, key) {
  if (!(element instanceof Element)) return false;
  const tag = element.tagName.toLowerCase();
  const role = element.getAttribute("role") ?? "";
  const type = tag === "input" ? element.type : "";
  if (role === "slider" || type === "range") return ARROWS.concat("Home", "End").includes(key);
  if (tag === "button" || tag === "summary" || (tag === "a" && element.hasAttribute("href"))
      || PRESSED.includes(role) || PRESSED_INPUTS.includes(type)) {
    const group = role === "tab" || role === "radio" || type === "radio";
    return key === " " || key === "Enter" || (group && ARROWS.concat("Home", "End").includes(key));
  }
  const list = element.getAttribute("aria-expanded") === "true";
  // In a single line there is no page to turn but ours.
  if (tag === "input" && !list && PAGES.includes(key)) return false;
  return tag === "input" || tag === "textarea" || tag === "select" || element.isContentEditable
    || TYPING.includes(role);
}

function ownsSwipes(element) {
  if (element.matches(NO_SWIPE)) return true;
  if (element.scrollWidth <= element.clientWidth + 1) return false;
  return ["auto", "scroll"].includes(getComputedStyle(element).overflowX);
}

function toggleFullscreen() {
  const done = document.fullscreenElement
    ? document.exitFullscreen()
    : document.documentElement.requestFullscreen?.();
  done?.catch(() => {}); // the browser may refuse; the lecture goes on in its window
}

// The step survives a reload and a visit to another page; without storage it starts at 0 again.
function readStore() {
  try {
    return JSON.parse(sessionStorage.getItem(STORE));
  } catch {
    return null;
  }
}

function writeStore(position) {
  try {
    sessionStorage.setItem(STORE, JSON.stringify(position));
  } catch {
    // storage may be switched off
  }
}
