// Search in all that was said; a hit leads to the second at which it was.

import { element, find, say } from "./elements.js";
import { getJson } from "./http.js";
import { clock, counted, shownName } from "./texts.js";

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
    try {
      const answer = await getJson(`/search/?q=${encodeURIComponent(query)}`);
      if (asked === this.#asked) this.#show(answer.hits);
    } catch (error) {
      if (asked !== this.#asked) return;
      this.#open(element("p", { class: "notice bad", role: "alert" }, error.isUnknown ? "This gateway can't search yet." : error.message));
    }
  }

  #show(hits) {
    const told = hits.length ? counted(hits.length, "place", "places") : "Nothing was said like that.";
    say(told);
    this.#open(element("p", { class: "dim" }, told), element("ol", { class: "hits" }, ...hits.map(shownHit)));
  }

  #open(...parts) {
    const close = element("button", { type: "button", class: "quiet", onclick: () => this.#clear() }, "Back to all recordings");
    find("found").replaceChildren(...parts, close);
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
    element("a", { href: address }, element("bdi", {}, shownName(hit.name ?? hit.recording_id)), ` at ${clock(hit.start_s)}`),
    element("p", { class: "snippet", dir: "auto" }, hit.snippet),
  );
}
