// Notes: short texts, and what they mean in other languages.

import { element, find, say, showTrouble } from "./elements.js";
import { getJson, send } from "./http.js";
import { direction, languageName, shownName } from "./texts.js";

const NOTES = "/api/v1/notes/";
const ASK_EVERY_MS = 700;
const ASK_LATER_MS = 10_000;
const { sourceLanguage, targetLanguages } = document.body.dataset;
const languages = [...new Set([sourceLanguage, ...targetLanguages.split(" ")])];

const options = (codes, chosen) => codes.map((code) => element("option", { value: code, selected: code === chosen }, languageName(code)));
const addressOf = (note) => `${NOTES}${encodeURIComponent(note.id)}/`;
const explained = (error) => (error.isUnknown ? "This gateway keeps no notes yet." : error.message);

find("new-note").elements.original_language.append(...options(languages, sourceLanguage));
find("new-note").addEventListener("submit", keepNew);
find("more").addEventListener("click", () => load(find("more").dataset.next));
load(NOTES);

async function load(address) {
  try {
    const page = await getJson(address);
    find("notes").append(...page.results.map((note) => new NoteCard(note).element));
    find("none").hidden = find("notes").children.length > 0;
    find("more").hidden = !page.next;
    find("more").dataset.next = page.next ?? "";
  } catch (error) {
    showTrouble(find("trouble"), explained(error));
  }
}

async function keepNew(event) {
  event.preventDefault();
  const form = find("new-note");
  try {
    const note = await getJson(NOTES, { method: "POST", json: Object.fromEntries(new FormData(form)) });
    find("notes").prepend(new NoteCard(note).element);
    find("none").hidden = true;
    showTrouble(find("trouble"), null);
    form.reset();
    say("The note is kept");
  } catch (error) {
    showTrouble(find("trouble"), explained(error));
  }
}

class NoteCard {
  element = element("li", { class: "card note" });
  #note;
  #trouble = element("div");
  #translations = element("div");
  #target = null;
  #isFollowing = false;

  constructor(note) {
    this.#show(note);
    this.#attempt(() => this.#followTranslations());
  }

  #show(note) {
    this.#note = note;
    const language = note.original_language;
    const targets = languages.filter((code) => code !== language);
    this.#target = element("select", { "aria-label": "Language to translate into" }, ...options(targets, targets[0]));
    this.element.replaceChildren(
      element("h2", { dir: "auto" }, element("bdi", {}, shownName(note.title))),
      element("p", { class: "note-text", lang: language, dir: direction(language) }, note.original_text),
      this.#translations,
      this.#trouble,
      element(
        "div",
        { class: "row" },
        ...(targets.length ? [this.#target, this.#button("Translate", () => this.#translate(), "main")] : []),
        this.#button("Edit", () => this.#edit()),
        this.#button("Delete", () => this.#delete()),
      ),
    );
    this.#showTranslations();
  }

  #button(label, action, kind = "quiet") {
    return element("button", { type: "button", class: kind, "aria-label": `${label}: ${shownName(this.#note.title)}`, onclick: () => this.#attempt(action) }, label);
  }

  #showTranslations() {
    this.#translations.replaceChildren(...this.#note.translations.map(shownTranslation));
  }

  async #attempt(action) {
    showTrouble(this.#trouble, null);
    try {
      await action();
    } catch (error) {
      showTrouble(this.#trouble, explained(error));
    }
  }

  async #translate() {
    await send(`${addressOf(this.#note)}translate/`, { method: "POST", json: { target_language: this.#target.value } });
    await this.#reload();
    await this.#followTranslations();
  }

  /** Ask until no translation moves; one that is to be tried again only later moves slowly. */
  async #followTranslations() {
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    try {
      for (let moving = this.#moving(); moving.length; moving = this.#moving()) {
        const waitMs = moving.some((one) => !one.reason) ? ASK_EVERY_MS : ASK_LATER_MS;
        await new Promise((resolve) => setTimeout(resolve, waitMs));
        if (!this.element.isConnected) return;
        await this.#reload();
      }
    } finally {
      this.#isFollowing = false;
    }
  }

  #moving() {
    return this.#note.translations.filter((one) => ["pending", "running"].includes(one.status));
  }

  async #reload() {
    this.#note = await getJson(addressOf(this.#note));
    this.#showTranslations();
  }

  #edit() {
    const note = this.#note;
    const title = element("input", { name: "title", required: true, maxlength: 200, dir: "auto", value: note.title, autocomplete: "off" });
    const text = element("textarea", { name: "original_text", required: true, rows: 4, lang: note.original_language, dir: direction(note.original_language) });
    text.value = note.original_text;
    const form = element(
      "form",
      { class: "note-form" },
      element("label", {}, "Title ", title),
      element("label", {}, "Text ", text),
      this.#trouble,
      element(
        "div",
        { class: "row" },
        element("button", { type: "submit", class: "main" }, "Keep"),
        element("button", { type: "button", class: "quiet", onclick: () => this.#show(note) }, "Leave as it was"),
      ),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#attempt(async () => {
        const changes = { title: title.value, original_text: text.value, version: note.version };
        this.#show(await getJson(addressOf(note), { method: "PATCH", json: changes }));
        say("The note is kept");
      });
    });
    this.element.replaceChildren(form);
    title.focus();
  }

  async #delete() {
    if (!confirm(`Delete “${shownName(this.#note.title)}” and its translations?`)) return;
    await send(addressOf(this.#note), { method: "DELETE" });
    this.element.remove();
    find("none").hidden = find("notes").children.length > 0;
    say("The note is deleted");
  }
}

function shownTranslation(one) {
  const moves = one.reason ? `is tried again: ${one.reason}` : "is being translated …";
  const told = { pending: moves, running: moves, failed: one.reason, outdated: "outdated: the text was edited since" }[one.status];
  return element(
    "section",
    { class: `translation ${one.status}`, "aria-label": languageName(one.language) },
    element("h3", {}, languageName(one.language), told ? element("span", { class: "dim" }, ` ${told}`) : null),
    one.text ? element("p", { class: "note-text", lang: one.language, dir: direction(one.language) }, one.text) : null,
  );
}
