// What was said and what it means, utterance beside utterance; the word that is heard is lit.

import { element } from "./elements.js";
import { clock, direction, languageName, percent } from "./texts.js";

export class Transcript {
  #list;
  #sourceLanguage;
  #lowConfidence;
  #actions;
  #rows = new Map(); // by the utterance's index
  #words = null; // all, by time, as soon as they are looked for
  #lit = null;
  #present = null;
  language;

  /** `actions`: `jump(seconds)`, and `correct(utterance, language, place)`, which makes a place editable. */
  constructor(list, { sourceLanguage, targetLanguage, lowConfidence, actions }) {
    this.#list = list;
    this.#sourceLanguage = sourceLanguage;
    this.#lowConfidence = lowConfidence;
    this.#actions = actions;
    this.language = targetLanguage;
    list.addEventListener("click", (event) => {
      const word = event.target.closest(".word");
      if (word && getSelection().isCollapsed) actions.jump(Number(word.dataset.start));
    });
  }

  get size() {
    return this.#rows.size;
  }

  /** Show all utterances; those that are shown already and have not changed stay. */
  show(utterances) {
    const wanted = new Set(utterances.map((one) => one.index));
    for (const [index, row] of this.#rows) {
      if (!wanted.has(index)) {
        row.element.remove();
        this.#rows.delete(index);
      }
    }
    for (const one of utterances) this.#put(one);
    this.#words = null;
  }

  /** Show one more utterance, or one that has changed. */
  add(utterance) {
    this.#put(utterance);
    this.#words = null;
  }

  /** Show a translation that has come. */
  translate(index, language, text) {
    const utterance = this.#rows.get(index)?.utterance;
    if (utterance) this.#put({ ...utterance, translations: { ...utterance.translations, [language]: text } });
    this.#words = null;
  }

  /** Show another language beside the source. */
  choose(language) {
    this.language = language;
    const utterances = [...this.#rows.values()].map((row) => row.utterance);
    this.#rows.clear();
    this.#list.replaceChildren();
    this.show(utterances);
  }

  /** Light the word that is said at a time. Gives the utterance's element if it is another than before. */
  light(time_s) {
    const words = this.#allWords();
    const place = lastBefore(words, time_s);
    const word = place < 0 || time_s >= words[place].end_s ? null : words[place];
    if (word !== this.#lit) {
      this.#lit?.element.classList.remove("lit");
      word?.element.classList.add("lit");
      this.#lit = word;
    }
    if (!word || word.row === this.#present) return null;
    this.#present?.removeAttribute("aria-current");
    this.#present = word.row;
    this.#present.setAttribute("aria-current", "true");
    return this.#present;
  }

  /** Give the time of the word before or after a time. */
  neighbour(time_s, step) {
    const words = this.#allWords();
    const place = lastBefore(words, time_s + 0.001);
    return words[Math.min(words.length - 1, Math.max(0, place + step))]?.start_s ?? time_s;
  }

  #put(utterance) {
    const before = this.#rows.get(utterance.index);
    if (before && (before.known === known(utterance) || before.element.querySelector("form"))) return;
    const row = this.#row(utterance);
    if (before) replaceKeepingFocus(before.element, row);
    else this.#list.insertBefore(row, this.#firstAfter(utterance.start_s));
    this.#rows.set(utterance.index, { element: row, utterance, known: known(utterance) });
  }

  #firstAfter(time_s) {
    let first = null;
    for (let row = this.#list.lastElementChild; row && Number(row.dataset.start) > time_s; row = row.previousElementSibling) first = row;
    return first;
  }

  #row(utterance) {
    const time = clock(utterance.start_s);
    const jump = element("button", { type: "button", class: "time quiet", "aria-label": `Play from ${time}`, onclick: () => this.#actions.jump(utterance.start_s, true) }, time);
    const said = element("p", { lang: this.#sourceLanguage, dir: direction(this.#sourceLanguage) });
    for (const word of utterance.words) said.append(this.#word(word), " ");
    const translation = utterance.translations?.[this.language];
    const meant = element("p", { lang: this.language, dir: direction(this.language) }, translation ?? "");
    return element(
      "li",
      { class: "utterance", "data-start": utterance.start_s },
      jump,
      this.#side(utterance, this.#sourceLanguage, said, "said"),
      translation === undefined
        ? element("div", { class: "side meant pending", "aria-label": "not translated yet", role: "img" })
        : this.#side(utterance, this.language, meant, "meant"),
    );
  }

  #side(utterance, language, text, kind) {
    const side = element("div", { class: `side ${kind}`, dir: direction(language) }, text);
    const isCorrected = utterance.corrected?.includes(language);
    const label = `Correct the ${languageName(language)} at ${clock(utterance.start_s)}${isCorrected ? ", which was corrected before" : ""}`;
    const button = element("button", { type: "button", class: "quiet correct", "aria-label": label, title: label, onclick: () => this.#actions.correct(utterance, language, side) }, isCorrected ? "✎ corrected" : "✎");
    side.append(button);
    return side;
  }

  #word(word) {
    const isUnsure = word.confidence < this.#lowConfidence;
    const made = element("span", { class: isUnsure ? "word unsure" : "word", "data-start": word.start_s, "data-end": word.end_s }, word.text);
    if (isUnsure) made.title = `The recognizer was ${percent(word.confidence)} sure`;
    return made;
  }

  #allWords() {
    this.#words ??= [...this.#list.querySelectorAll(".word")]
      .map((one) => ({ element: one, row: one.closest(".utterance"), start_s: Number(one.dataset.start), end_s: Number(one.dataset.end) }))
      .sort((one, other) => one.start_s - other.start_s);
    return this.#words;
  }
}

const known = (utterance) => JSON.stringify([utterance.start_s, utterance.words, utterance.translations, utterance.corrected]);

/** Put a row in another's place; who stood on one of its buttons stands on the same one of the new row. */
function replaceKeepingFocus(before, row) {
  const place = [...before.querySelectorAll("button")].indexOf(document.activeElement);
  before.replaceWith(row);
  if (place >= 0) row.querySelectorAll("button")[place]?.focus();
}

/** Give the place of the last word that begins before or at a time; -1 where there is none. */
function lastBefore(words, time_s) {
  let [low, high] = [0, words.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (words[middle].start_s <= time_s) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
