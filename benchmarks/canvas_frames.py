"""How many frames a second the clipping canvas draws while its line is dragged.

    python -m benchmarks.canvas_frames

The component alone, with the recorded gradients, in a headless Chromium without a GPU: the line is
dragged up and down for some seconds, with a pointer event each frame. Frames are counted by
requestAnimationFrame, and the time of the component's own work in them is measured.
"""

from __future__ import annotations

import json
import os
import statistics

from playwright.sync_api import Browser, sync_playwright

from app.components.clip_canvas import CSS, HTML, JS, Choice, Look, data
from app.demos import recorded
from app.demos.unit_figures import Units

CHROMIUM = "/usr/bin/chromium"
SECONDS = 5
PLACES = {
    "page, 1920 x 1080": ((1700, 430, 13, True), {"viewport": {"width": 1920, "height": 1080}}),
    "page, 390 x 844, 3 pixels each": (
        (358, 430, 13, True),
        {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 3, "has_touch": True},
    ),
    "slide, 1920 x 1080": ((1410, 430, 17, False), {"viewport": {"width": 1920, "height": 1080}}),
}
MOUNT = """async ([html, css, js, data, width]) => {
  const host = document.body.appendChild(document.createElement("div"));
  host.style.width = `${width}px`;
  const root = host.attachShadow({ mode: "open" });
  root.innerHTML = `<style>${css}</style>${html}`;
  const address = URL.createObjectURL(new Blob([js], { type: "text/javascript" }));
  (await import(address)).default({ parentElement: root, data, setStateValue() {} });
}"""
TIMED = """
  window.spent = [];
  const frame = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (call) => frame((now) => {
    const began = performance.now();
    call(now);
    window.spent.push(performance.now() - began);
  });
  window.rawFrame = frame;
"""
DRAG = """seconds => new Promise(done => {
  const line = [...document.querySelectorAll('*')].map(n => n.shadowRoot?.querySelector('.line'))
    .find(n => n);
  const box = line.getBoundingClientRect();
  const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
  const send = (type, dy) => line.dispatchEvent(new PointerEvent(type, {
    pointerId: 1, clientX: x, clientY: y + dy, bubbles: true, button: 0, isPrimary: true }));
  line.setPointerCapture = () => {};
  send('pointerdown', 0);
  window.spent = [];
  const stamps = [], seen = new Set();
  const tick = (now) => {
    stamps.push(now);
    seen.add(line.getAttribute('aria-valuenow'));
    send('pointermove', 60 * Math.sin(stamps.length / 15));
    if (now - stamps[0] < 1000 * seconds) return window.rawFrame(tick);
    send('pointerup', 0);
    done({ stamps, seen: seen.size, spent: window.spent });
  };
  window.rawFrame(tick);
})"""


def main() -> None:
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores", flush=True)
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        print(f"Chromium {browser.version}")
        for name, (place, options) in PLACES.items():
            print(f"{name}: {measure(browser, place, options)}", flush=True)
        browser.close()


def measure(browser: Browser, place: tuple[int, int, int, bool], options: dict) -> str:
    width, height, size, plane = place
    item = next(i for i in recorded.load("gradients").items if i["step"] == 20)
    units = Units.of(item)
    shown = data(
        units.columns(), Choice(0.01, "unit", units.worst), Look(False, size, height, plane), 0
    )
    page = browser.new_context(**options).new_page()
    page.add_init_script(TIMED)
    page.goto("about:blank")
    page.evaluate(MOUNT, [HTML, CSS, JS, json.loads(json.dumps(shown)), width])
    page.locator(".line").wait_for(timeout=120_000)
    page.wait_for_timeout(1000)
    got = page.evaluate(DRAG, SECONDS)
    page.context.close()
    stamps = got["stamps"]
    gaps = [b - a for a, b in zip(stamps, stamps[1:], strict=False)]
    drawn = sorted(got["spent"])
    return (
        f"{1000 * len(gaps) / (stamps[-1] - stamps[0]):.0f} frames a second, longest gap "
        f"{max(gaps):.0f} ms, {got['seen']} places of the line; the component's own work "
        f"{statistics.median(drawn):.1f} ms a frame in the median, 95 % within "
        f"{drawn[int(0.95 * (len(drawn) - 1))]:.1f} ms ({len(drawn)} frames)"
    )


if __name__ == "__main__":
    main()
