// The player: sound, its clock and keys. Who follows it hears of the time at each frame while it plays.

import { find } from "./elements.js";
import { send } from "./http.js";
import { currentKey } from "./key.js";
import { clock } from "./texts.js";
import { Waveform } from "./waveform.js";

const STEP_S = 5;
const TYPES_INTO = "input:not([type=checkbox]), textarea, select";
const PRESSES = "button, a, summary, input, select, textarea";

export class Player {
  #audio = find("audio");
  #waveform = new Waveform(find("waveform"), (time_s) => this.jump(time_s));
  #duration_s = 0;
  #followers;
  #isOpen = false;
  #early = null; // where to go as soon as there is sound

  /**
   * `followers`: `at(seconds)`; `neighbour(seconds, step)`, which gives the time of the next word; `trouble(text)`.
   */
  constructor(followers) {
    this.#followers = followers;
    const button = find("play");
    button.addEventListener("click", () => this.toggle());
    for (const [kind, label] of [["play", "Pause"], ["pause", "Play"], ["ended", "Play"]]) {
      this.#audio.addEventListener(kind, () => {
        button.textContent = label;
        if (kind === "play") this.#run();
      });
    }
    this.#audio.addEventListener("error", () => followers.trouble("The sound can't be played."));
    for (const kind of ["timeupdate", "seeked"]) this.#audio.addEventListener(kind, () => this.#tell());
    find("speed").addEventListener("change", () => {
      this.#audio.playbackRate = Number(find("speed").value);
    });
    document.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /** Fetch a recording's sound and outline. */
  async open(recordingId) {
    const address = `/recordings/${encodeURIComponent(recordingId)}`;
    const outline = await (await send(`${address}/waveform`)).json();
    this.#duration_s = outline.duration_s;
    find("length").textContent = clock(outline.duration_s);
    this.#waveform.draw(outline.points, outline.duration_s);
    // An element can't send a key: what needs one is fetched whole.
    this.#audio.src = currentKey() ? URL.createObjectURL(await (await send(`${address}/audio`)).blob()) : `${address}/audio`;
    this.#isOpen = true;
    if (this.#early) this.jump(...this.#early);
  }

  jump(time_s, isToPlay = false) {
    if (!this.#isOpen) {
      this.#early = [time_s, isToPlay];
      return;
    }
    this.#audio.currentTime = Math.min(Math.max(0, time_s), this.#duration_s);
    this.#tell();
    if (isToPlay) this.#play();
  }

  toggle() {
    if (this.#audio.paused) this.#play();
    else this.#audio.pause();
  }

  #play() {
    this.#audio.play().catch((error) => {
      if (error.name !== "AbortError") this.#followers.trouble("The sound can't be played."); // it was paused at once
    });
  }

  #run() {
    this.#tell();
    if (!this.#audio.paused) requestAnimationFrame(() => this.#run());
  }

  #tell() {
    const now_s = this.#audio.currentTime;
    find("now").textContent = clock(now_s);
    this.#waveform.at(now_s);
    this.#followers.at(now_s);
  }

  #pressed(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === " " && !event.target.closest(PRESSES)) this.toggle();
    else if (step && !event.target.closest(TYPES_INTO)) {
      const now_s = this.#audio.currentTime;
      this.jump(event.shiftKey ? this.#followers.neighbour(now_s, step) : now_s + step * STEP_S);
    } else return;
    event.preventDefault();
  }
}
