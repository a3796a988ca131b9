// Short clicks at random moments, the more the larger the share of clipped units is.
class Geiger {
  constructor() {
    this.on = false;
    this.last = 0;
  }

  toggle() {
    this.on = !this.on;
    if (this.on) {
      this.audio ??= new AudioContext();
      this.audio.resume();
    }
    return this.on;
  }

  listen(share) {
    const now = performance.now();
    const passed = Math.min(100, now - (this.asked ?? now));
    this.asked = now;
    const due = Math.random() < (12 * share * passed) / 1000; // at most twelve a second on average
    if (due && now - this.last > 50) {
      this.click();
      this.last = performance.now(); // the first click takes its time
    }
  }

  click() {
    if (!this.noise) {
      const rate = this.audio.sampleRate;
      this.noise = this.audio.createBuffer(1, Math.round(0.004 * rate), rate);
      const wave = this.noise.getChannelData(0);
      wave.forEach((_, i) => { wave[i] = 0.25 * (2 * Math.random() - 1) * (1 - i / wave.length); });
    }
    const source = this.audio.createBufferSource();
    source.buffer = this.noise;
    source.connect(this.audio.destination);
    source.start();
  }

  stop() {
    this.on = false;
    this.audio?.close();
  }
}
