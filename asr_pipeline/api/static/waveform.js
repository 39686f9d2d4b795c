// The outline of the sound, which is also where one is in it: a slider, for pointers and keys.

import { clock } from "./texts.js";

const BARS = 240;
const SVG = "http://www.w3.org/2000/svg";
const QUIETEST_PEAK = 0.02; // what is quieter is drawn as quiet

export class Waveform {
  #slider;
  #played = shape("rect", { x: 0, y: -1, width: 0, height: 2 });
  #duration_s = 0;

  constructor(slider, jump) {
    this.#slider = slider;
    const seek = (event) => {
      const box = slider.getBoundingClientRect();
      jump(this.#duration_s * Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
    };
    slider.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      slider.setPointerCapture(event.pointerId);
      seek(event);
    });
    slider.addEventListener("pointermove", (event) => {
      if (slider.hasPointerCapture(event.pointerId)) seek(event);
    });
    slider.addEventListener("keydown", (event) => {
      const to = { Home: 0, End: this.#duration_s }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      jump(to);
    });
  }

  /** Draw (lowest, highest) pairs, the loudest as high as there is room. */
  draw(points, duration_s) {
    this.#duration_s = duration_s;
    this.#slider.setAttribute("aria-valuemax", duration_s.toFixed(1));
    const outline = bars(points);
    const clip = shape("clipPath", { id: "played" }, this.#played);
    this.#slider.replaceChildren(
      shape(
        "svg",
        { viewBox: `0 -1 ${BARS} 2`, preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false" },
        clip,
        shape("path", { d: outline, class: "to-come" }),
        shape("path", { d: outline, class: "played", "clip-path": "url(#played)" }),
      ),
    );
    this.at(0);
  }

  at(time_s) {
    const share = this.#duration_s ? Math.min(1, time_s / this.#duration_s) : 0;
    this.#played.setAttribute("width", share * BARS);
    this.#slider.setAttribute("aria-valuenow", time_s.toFixed(1));
    this.#slider.setAttribute("aria-valuetext", `${clock(time_s)} of ${clock(this.#duration_s)}`);
  }
}

function bars(points) {
  const peak = points.reduce((most, [low, high]) => Math.max(most, -low, high), QUIETEST_PEAK);
  let outline = "";
  for (let bar = 0; bar < BARS && points.length; bar += 1) {
    const first = Math.floor((bar * points.length) / BARS);
    const part = points.slice(first, Math.max(first + 1, Math.floor(((bar + 1) * points.length) / BARS)));
    const high = Math.max(0.02, ...part.map((point) => point[1] / peak));
    const low = Math.min(-0.02, ...part.map((point) => point[0] / peak));
    outline += `M${bar + 0.2},${-high.toFixed(3)}h.6V${-low.toFixed(3)}h-.6z`;
  }
  return outline;
}

function shape(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
