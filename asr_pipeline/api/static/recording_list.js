// The list of recordings, newest first, a page at a time; it follows those that are in work.

import { element, find, say, showTrouble } from "./elements.js";
import { getJson } from "./http.js";
import { isAtItsEnd, stages } from "./stages.js";
import { clock, counted, percent, shownName } from "./texts.js";

const ON_A_PAGE = 20;
const WHILE_IN_WORK_MS = 500;
const OTHERWISE_MS = 15_000;

export class RecordingList {
  #cursors = [null]; // how each page that was looked at begins
  #rows = new Map(); // what is shown, by id
  #timer = 0;
  #asked = 0;

  constructor() {
    find("older").addEventListener("click", () => this.#turn(() => this.#cursors.push(Number(find("older").dataset.cursor))));
    find("newer").addEventListener("click", () => this.#turn(() => this.#cursors.pop()));
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.refresh();
    });
  }

  /** Look again, now and from now on. */
  async refresh() {
    clearTimeout(this.#timer);
    this.#asked += 1;
    const asked = this.#asked;
    let isMoving = false;
    try {
      const cursor = this.#cursors.at(-1);
      const page = await getJson(`/recordings/?limit=${ON_A_PAGE}${cursor === null ? "" : `&cursor=${cursor}`}`);
      if (asked !== this.#asked) return;
      showTrouble(find("trouble"), null);
      this.#show(page);
      isMoving = page.recordings.some((one) => !isAtItsEnd(one.status));
    } catch (error) {
      if (asked !== this.#asked) return;
      showTrouble(find("trouble"), error.message);
      if (error.status === 401) return; // a person declined to give a key
    }
    if (!document.hidden) this.#timer = setTimeout(() => this.refresh(), isMoving ? WHILE_IN_WORK_MS : OTHERWISE_MS);
  }

  async #turn(page) {
    page();
    await this.refresh();
    find("recordings").querySelector("a")?.focus();
  }

  #show(page) {
    const rows = page.recordings.map((one) => this.#row(one));
    const list = find("recordings");
    if (rows.length !== list.children.length || rows.some((row, place) => list.children[place] !== row)) list.replaceChildren(...rows);
    this.#rows = new Map(page.recordings.map((one, place) => [one.recording_id, { element: rows[place], known: JSON.stringify(one), status: one.status }]));
    find("none").hidden = rows.length > 0 || this.#cursors.length > 1;
    find("newer").hidden = this.#cursors.length === 1;
    find("older").hidden = page.next_cursor === null;
    find("older").dataset.cursor = page.next_cursor ?? "";
  }

  /** Give a recording's row: the one that is shown, as long as nothing has changed, so that nobody loses their place. */
  #row(one) {
    const before = this.#rows.get(one.recording_id);
    if (before?.known === JSON.stringify(one)) return before.element;
    if (before && before.status !== one.status) say(`${shownName(one.name)}: ${one.status}`);
    const made = row(one);
    if (!before) return made;
    const link = before.element.firstChild; // stays, with the focus that may be on it
    while (link.nextSibling) link.nextSibling.remove();
    before.element.append(...[...made.childNodes].slice(1));
    before.element.className = made.className;
    return before.element;
  }
}

function row(one) {
  const facts = [
    one.duration_s === null ? null : clock(one.duration_s),
    one.word_count === null ? null : counted(one.word_count, "word", "words"),
    one.mean_confidence === null ? null : `${percent(one.mean_confidence)} sure`,
  ].filter((fact) => fact !== null);
  const name = shownName(one.name);
  return element(
    "li",
    { class: `recording ${one.status}` },
    element("a", { class: "recording-name", href: `/r/${encodeURIComponent(one.recording_id)}`, title: name }, element("bdi", {}, name)),
    element("span", { class: "facts dim" }, facts.join(" · ")),
    stages(one.status),
    one.status === "failed" && one.reason ? element("p", { class: "reason" }, one.reason) : null,
  );
}
