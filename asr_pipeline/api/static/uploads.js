// Files on their way to the gateway: two at a time, each with its progress. None is lost while the page is open.

import { element, say } from "./elements.js";
import { refusal } from "./http.js";
import { askForKey, authorization, currentKey } from "./key.js";
import { fileSize, shownName } from "./texts.js";

const AT_ONCE = 2;
const RETRY_S = 5;
const MAY_PASS = [429, 503]; // too much to do at the moment

export class Uploads {
  #list;
  #arrived;
  #waiting = [];
  #underWay = 0;

  /** `arrived(answer)` hears of each file that the gateway has taken. */
  constructor(list, arrived) {
    this.#list = list;
    this.#arrived = arrived;
    window.addEventListener("beforeunload", (event) => {
      if (this.#underWay + this.#waiting.length) event.preventDefault();
    });
  }

  add(files) {
    for (const file of files) {
      const row = new Row(file, (again) => this.#enqueue(again));
      this.#list.append(row.element);
      this.#enqueue(row);
    }
  }

  #enqueue(row) {
    this.#waiting.push(row);
    this.#next();
  }

  #next() {
    while (this.#underWay < AT_ONCE && this.#waiting.length) {
      const row = this.#waiting.shift();
      if (row.isLeft) continue;
      this.#underWay += 1;
      this.#upload(row).finally(() => {
        this.#underWay -= 1;
        this.#next();
      });
    }
  }

  async #upload(row) {
    try {
      const answer = await row.send();
      if (answer === null) return;
      row.taken(answer);
      this.#arrived(answer);
    } catch (error) {
      row.refused(error);
    }
  }
}

class Row {
  #file;
  #again;
  #bar = element("progress", { max: 1, value: 0 });
  #text = element("span", { class: "upload-state" }, "waits");
  #buttons = element("span", { class: "row" });
  #request = null;
  isLeft = false;

  constructor(file, again) {
    this.#file = file;
    this.#again = again;
    const name = shownName(file.name);
    this.#bar.setAttribute("aria-label", `Upload of ${name}`);
    this.element = element(
      "li",
      { class: "upload" },
      element("span", { class: "upload-name", title: name }, element("bdi", {}, name)),
      element("span", { class: "dim" }, fileSize(file.size)),
      this.#bar,
      this.#text,
      this.#buttons,
    );
    this.#offer(["Cancel", () => this.#leave()]);
  }

  /** Send the file until it is taken or refused for good. Gives the gateway's answer; null where a person left it. */
  async send() {
    for (;;) {
      const sentWith = currentKey();
      const answer = await this.#sendOnce();
      if (this.isLeft) return null;
      if (answer.status >= 200 && answer.status < 300) return { ...JSON.parse(answer.body), isNew: answer.status === 202 };
      if (answer.status === 401 && (await askForKey(sentWith))) continue;
      const error = refusal(answer.status, answer.body, answer.retryAfter);
      if (!MAY_PASS.includes(answer.status)) throw error;
      const waitS = error.retryAfterS ?? RETRY_S;
      this.#tell(`The gateway is busy. It is sent again in ${waitS} s.`);
      await new Promise((resolve) => setTimeout(resolve, waitS * 1000));
      if (this.isLeft) return null;
    }
  }

  taken(answer) {
    this.#bar.remove();
    this.element.classList.add("taken");
    const link = element("a", { href: `/r/${encodeURIComponent(answer.file_id)}` }, answer.isNew ? "uploaded" : "was here already");
    this.#text.replaceChildren(link);
    this.#offer(["Dismiss", () => this.element.remove()]);
    say(`${shownName(this.#file.name)} is uploaded`);
  }

  refused(error) {
    this.#bar.remove();
    this.element.classList.add("refused");
    this.#text.setAttribute("role", "alert");
    this.#tell(error.message);
    const retry = () => {
      this.element.classList.remove("refused");
      this.#text.before(this.#bar);
      this.#text.removeAttribute("role");
      this.#tell("waits");
      this.#offer(["Cancel", () => this.#leave()]);
      this.#again(this);
    };
    const mayPass = error.mayPass || error.status === 401;
    this.#offer(...(mayPass ? [["Try again", retry]] : []), ["Dismiss", () => this.element.remove()]);
  }

  #sendOnce() {
    const form = new FormData();
    form.append("audio", this.#file, this.#file.name);
    const request = new XMLHttpRequest(); // fetch tells no progress of what is sent
    this.#request = request;
    request.open("POST", "/upload/");
    for (const [name, value] of Object.entries(authorization())) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => {
      this.#bar.value = event.total ? event.loaded / event.total : 0;
      this.#tell(event.loaded < event.total ? `${Math.round(this.#bar.value * 100)} %` : "is looked at");
    });
    return new Promise((resolve) => {
      request.addEventListener("loadend", () => {
        resolve({ status: request.status, body: request.responseText || "{}", retryAfter: request.getResponseHeader("Retry-After") });
      });
      request.send(form);
    });
  }

  #leave() {
    this.isLeft = true;
    this.#request?.abort();
    this.element.remove();
  }

  #tell(text) {
    this.#text.textContent = text;
  }

  #offer(...choices) {
    const name = shownName(this.#file.name);
    this.#buttons.replaceChildren(
      ...choices.map(([label, action]) => element("button", { type: "button", class: "quiet", "aria-label": `${label}: ${name}`, onclick: action }, label)),
    );
  }
}
