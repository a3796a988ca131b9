// A picture chosen or dropped in an uploader is drawn upright on a canvas of at most `side` pixels
// and given to the uploader as a JPEG instead: a phone's 4 MB become some 150 kB, and what a camera
// writes into a file (the place, the time, the device) stays with its owner. What this browser
// cannot read goes on unchanged.

const instances = new WeakMap();

export default function (component) {
  const root = component.parentElement;
  let shrinker = instances.get(root);
  if (!shrinker) {
    shrinker = new Shrinker();
    instances.set(root, shrinker);
  }
  shrinker.options = component.data;
  return () => {
    shrinker.stop();
    instances.delete(root);
  };
}

class Shrinker {
  constructor() {
    this.stopping = new AbortController();
    this.passed = new WeakSet(); // events of our own making
    const options = { capture: true, signal: this.stopping.signal };
    document.addEventListener("change", (e) => this.take(e, e.target.files), options);
    document.addEventListener("drop", (e) => this.take(e, e.dataTransfer?.files), options);
    document.documentElement.dataset.shrinks = "photos"; // from here on no picture goes by
  }

  stop() {
    this.stopping.abort();
    delete document.documentElement.dataset.shrinks;
  }

  take(event, files) {
    const place = event.target.closest?.(`.st-key-${this.options.within}`);
    const input = place?.querySelector("input[type=file]");
    if (!input || !files?.length || this.passed.has(event)) {
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    this.pass(input, files[0]);
  }

  // The uploader hears of the smaller file as if it had been chosen.
  async pass(input, file) {
    const list = new DataTransfer();
    list.items.add(await this.shrink(file).catch(() => file));
    input.files = list.files;
    const event = new Event("change", { bubbles: true });
    this.passed.add(event);
    input.dispatchEvent(event);
  }

  async shrink(file) {
    const { side, quality } = this.options;
    const picture = await createImageBitmap(file); // upright: it follows the camera's orientation
    const scale = Math.min(1, side / Math.max(picture.width, picture.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(picture.width * scale));
    canvas.height = Math.max(1, Math.round(picture.height * scale));
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff"; // a JPEG has no transparency
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingQuality = "high";
    context.drawImage(picture, 0, 0, canvas.width, canvas.height);
    picture.close();
    const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", quality));
    return new File([blob], `${file.name.replace(/\.[^.]*$/, "")}.jpg`, { type: "image/jpeg" });
  }
}
