// Search in all that was said; a hit leads to the second at which it was.

import { element, find, say } from "./elements.js";
import { getJson } from "./http.js";
import { clock, counted, direction, shownName } from "./texts.js";

export class Search {
  #asked = 0;

  constructor() {
    find("search").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#look(find("query").value.trim());
    });
    find("query").addEventListener("search", () => {
      if (!find("query").value) this.#close(); // the cross in the box
    });
    const query = new URLSearchParams(location.search).get("q");
    if (query) {
      find("query").value = query;
      this.#look(query);
    }
  }

  async #look(query) {
    this.#asked += 1;
    const asked = this.#asked;
    history.replaceState(null, "", query ? `?q=${encodeURIComponent(query)}` : location.pathname);
    if (!query) return this.#close();
    const hits = element("ol", { class: "hits" });
    await this.#more(asked, `/search/?q=${encodeURIComponent(query)}`, hits);
  }

  /** Show a page of hits below those that are shown. */
  async #more(asked, address, hits, cursor = null) {
    try {
      const page = await getJson(cursor === null ? address : `${address}&cursor=${encodeURIComponent(cursor)}`);
      if (asked !== this.#asked) return;
      hits.append(...page.hits.map(shownHit));
      const count = hits.children.length;
      const told = count ? `${counted(count, "place", "places")}${page.next_cursor ? " and more" : ""}` : "Nothing was said like that.";
      say(told);
      const more = element("button", { type: "button", onclick: () => this.#more(asked, address, hits, page.next_cursor) }, "Show more");
      this.#open(element("p", { class: "dim" }, told), hits, page.next_cursor ? more : null);
    } catch (error) {
      if (asked !== this.#asked) return;
      this.#open(element("p", { class: "notice bad", role: "alert" }, error.isUnknown ? "This gateway can't search yet." : error.message));
    }
  }

  #open(...parts) {
    const close = element("button", { type: "button", class: "quiet", onclick: () => this.#clear() }, "Back to all recordings");
    find("found").replaceChildren(...parts.filter(Boolean), close);
    this.#toggle(true);
  }

  #clear() {
    find("query").value = "";
    history.replaceState(null, "", location.pathname);
    this.#close();
    find("query").focus();
  }

  #close() {
    this.#asked += 1;
    find("found").replaceChildren();
    this.#toggle(false);
  }

  #toggle(isOpen) {
    find("found").hidden = !isOpen;
    find("listed").hidden = isOpen;
  }
}

function shownHit(hit) {
  const address = `/r/${encodeURIComponent(hit.recording_id)}#t=${Number(hit.start_s)}`;
  return element(
    "li",
    {},
    element("a", { href: address }, element("bdi", {}, shownName(hit.name)), ` at ${clock(hit.start_s)}`),
    element("p", { class: "snippet", lang: hit.language, dir: direction(hit.language) }, ...marked(hit.snippet, hit.marks)),
  );
}

/** Give a text with parts of it marked. The gateway counts characters, as this does, and not their halves. */
function marked(text, marks) {
  const characters = Array.from(text);
  const part = (first, end) => characters.slice(first, end).join("");
  let told = 0;
  const parts = marks.flatMap(([first, end]) => {
    const before = part(told, first);
    told = end;
    return [before, element("mark", {}, part(first, end))];
  });
  return [...parts, part(told)];
}
