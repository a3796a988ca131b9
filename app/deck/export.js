// Turns the slides of an exported file: one at a time on the screen, all of them when printed.

const slides = [...document.querySelectorAll("section")];
const find = (selector) => document.querySelector(selector);
const { notes: noted, sheets } = document.documentElement.dataset;
const phone = matchMedia("(max-width: 640px)").matches;
const STAGE = { width: 1280, height: 720 };
let current = 0;

for (const span of document.querySelectorAll(".math")) {
  const displayMode = span.classList.contains("display");
  katex.render(span.textContent, span, { displayMode, throwOnError: false });
}

function drawPlots() {
  return Promise.all([...document.querySelectorAll(".plot")].map((plot) => {
    const { data, layout } = JSON.parse(plot.querySelector("script").textContent);
    // On a phone the picture is drawn at 700 px and shrunk: its letters stay readable.
    const width = phone ? 700 : plot.clientWidth;
    const place = plot.appendChild(document.createElement("div"));
    if (phone) place.style.setProperty("--shrunk", plot.clientWidth / width);
    const size = { width, height: layout.height ?? 400, autosize: false };
    const font = { family: getComputedStyle(plot).fontFamily, ...layout.font };
    return Plotly.newPlot(place, data, { ...layout, ...size, font }, { staticPlot: true });
  }));
}

// What is higher than its stage is shrunk until it fits; long notes likewise, for the sheet.
function fit() {
  for (const content of document.querySelectorAll(".content")) {
    for (let zoom = 1; zoom > 0.4; zoom -= 0.03) {
      content.style.zoom = zoom;
      content.style.minBlockSize = `${STAGE.height / zoom}px`;
      const [height, room] = [content, content.parentElement]
        .map((element) => element.getBoundingClientRect().height);
      if (height <= room + 0.5) break;
    }
  }
  for (const notes of document.querySelectorAll(".notes")) {
    // At 11 pt a sheet has room for 26 lines of 92 characters below the slide; at a share of that
    // for more and longer ones. A paragraph costs a line: its half-empty last one, and the gap.
    const lines = notes.textContent.length / 92;
    const gaps = notes.querySelectorAll("p, li").length;
    const size = Math.min(1, (Math.sqrt(gaps ** 2 + 4 * lines * 26) - gaps) / (2 * lines));
    notes.style.setProperty("--notes-size", size);
  }
}

function resize() {
  const paper = noted === undefined ? STAGE.width : 794;
  const zoom = Math.min(1, innerWidth / (paper + 40));
  document.documentElement.style.setProperty("--sheet-zoom", zoom);
  if (sheets !== undefined) return; // there the stage keeps its size
  const room = innerHeight * (document.body.classList.contains("with-notes") ? 0.7 : 1);
  const scale = Math.min(innerWidth / STAGE.width, room / STAGE.height);
  document.documentElement.style.setProperty("--scale", scale);
}

function show(index) {
  current = Math.min(Math.max(index, 0), slides.length - 1);
  slides.forEach((slide, n) => slide.classList.toggle("current", n === current));
  find("#place").textContent = `${current + 1} / ${slides.length}`;
  find("[data-do=back]").disabled = current === 0;
  find("[data-do=forward]").disabled = current === slides.length - 1;
  find("#live").textContent = slides[current].querySelector("h1, h2").textContent;
  if (location.hash !== `#${slides[current].id}`) history.replaceState(null, "", `#${slides[current].id}`);
  scrollTo(0, 0);
}

function fromAddress() {
  const index = slides.findIndex((slide) => `#${slide.id}` === location.hash);
  if (index >= 0) show(index);
  return index >= 0;
}

function openAll() {
  const links = [...find("#all").querySelectorAll("a")];
  for (const link of links) link.removeAttribute("aria-current");
  links[current].setAttribute("aria-current", "page");
  find("#all").showModal();
  links[current].focus();
}

function openJump(text) {
  find("#jump").showModal();
  find("#jump input").value = text;
  find("#jump input").focus();
}

function fullscreen() {
  const done = document.fullscreenElement
    ? document.exitFullscreen() : document.documentElement.requestFullscreen?.();
  done?.catch(() => {});
}

function toggleNotes() {
  if (noted === undefined) return;
  document.body.classList.toggle("with-notes");
  resize();
}

const forward = () => show(current + 1);
const back = () => show(current - 1);
const KEYS = {
  ArrowRight: forward, PageDown: forward, " ": forward, ArrowLeft: back, PageUp: back,
  Home: () => show(0), End: () => show(slides.length - 1), g: () => openJump(""), o: openAll,
  n: toggleNotes, b: () => find("#blank").showModal(), ".": () => find("#blank").showModal(),
  f: fullscreen, "?": () => find("#help").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (sheets !== undefined) return; // a page to scroll
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const dialog = find("dialog[open]");
  let act;
  if (dialog) {
    const closing = ["PageDown", "PageUp", { blank: "b", all: "o", help: "?" }[dialog.id]];
    if (closing.includes(key) || (dialog.id === "blank" && key in KEYS)) act = () => dialog.close();
  } else if (event.target.closest("button, a") && (key === " " || key === "Enter")) return;
  else if (key === " " && event.shiftKey) act = back;
  else act = /^[0-9]$/.test(key) ? () => openJump(key) : KEYS[key];
  if (!act) return;
  event.preventDefault();
  act();
});

find("#jump form").addEventListener("submit", () => {
  const number = Number(find("#jump input").value);
  if (Number.isInteger(number) && number >= 1) show(number - 1);
});
document.addEventListener("click", (event) => {
  const actions = { back, forward, all: openAll, print: () => window.print() };
  actions[event.target.closest("[data-do]")?.dataset.do]?.();
  if (event.target.matches("dialog") || event.target.closest("#all a")) event.target.closest("dialog").close();
});
let touch = null;
document.addEventListener("touchstart", (event) => {
  const wide = event.target.closest("pre, table, .display, dialog");
  const { clientX: x, clientY: y } = event.touches[0];
  touch = event.touches.length === 1 && !(wide && wide.scrollWidth > wide.clientWidth + 1) ? { x, y } : null;
}, { passive: true });
document.addEventListener("touchend", (event) => {
  if (!touch || sheets !== undefined) return;
  const across = event.changedTouches[0].clientX - touch.x;
  const down = event.changedTouches[0].clientY - touch.y;
  if (Math.abs(across) > 60 && Math.abs(across) > 2 * Math.abs(down)) (across < 0 ? forward : back)();
}, { passive: true });
if (sheets === undefined) addEventListener("hashchange", fromAddress);
addEventListener("resize", resize);

resize();
if (sheets === undefined) {
  if (!fromAddress()) show(0);
} else {
  const pick = (name) => find(`#sheets ${name}`);
  pick("p").textContent = `${slides.length} slides, a sheet each.`;
  pick("[data-other]").textContent = noted === undefined ? "With notes" : "Without notes";
  pick("[data-other]").href = noted === undefined ? "?notes=1" : "?";
  pick("[data-file]").href = noted === undefined ? "?file=1" : "?notes=1&file=1";
}
Promise.all([drawPlots(), document.fonts.ready]).then(() => {
  if (!phone || sheets !== undefined) fit();
  document.documentElement.dataset.ready = "";
});
