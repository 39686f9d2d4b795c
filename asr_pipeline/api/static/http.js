// Requests to the gateway: with the key where there is one; what is refused is an error in the gateway's own words.

import { askForKey, authorization, currentKey } from "./key.js";

/** The gateway, or the way to it, did not do what was asked. Status 0: it can't be reached. */
export class Refused extends Error {
  constructor(status, message, retryAfterS = null) {
    super(message);
    this.status = status;
    this.retryAfterS = retryAfterS;
  }

  /** Whether there is no such request at all, as in a gateway of another version. */
  get isUnknown() {
    return [404, 405, 501].includes(this.status);
  }

  /** Whether the same may go well a little later. */
  get mayPass() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** Send a request, and give its answer. Raises Refused for all but 2xx. */
export async function send(path, { method = "GET", json, headers = {} } = {}) {
  for (;;) {
    const sentWith = currentKey();
    const answer = await reach(path, {
      method,
      headers: { ...headers, ...authorization(), ...(json === undefined ? {} : { "Content-Type": "application/json" }) },
      body: json === undefined ? undefined : JSON.stringify(json),
    });
    if (answer.ok) return answer;
    if (answer.status === 401 && (await askForKey(sentWith))) continue;
    throw refusal(answer.status, await answer.text(), answer.headers.get("Retry-After"));
  }
}

export const getJson = async (path, options) => (await send(path, options)).json();

/** Make the error of an answer that is no 2xx; status 0 where there is none. */
export function refusal(status, body = "", retryAfter = null) {
  const message = status ? (told(body) ?? `The gateway answered ${status}.`) : "The gateway can't be reached. Is it running?";
  return new Refused(status, message, Number.parseInt(retryAfter, 10) || null);
}

async function reach(path, options) {
  try {
    return await fetch(path, { ...options, cache: "no-store" });
  } catch {
    throw refusal(0);
  }
}

function told(body) {
  try {
    return JSON.parse(body).error.message;
  } catch {
    return null; // whatever stands between here and the gateway has answered
  }
}
