// A recording in work, as it happens: by events where the gateway has them, else by asking again and again.

import { events } from "./event_stream.js";
import { getJson, Refused } from "./http.js";
import { isAtItsEnd } from "./stages.js";

const ASK_EVERY_MS = 1000;

/**
 * Follow a recording to its end. `on` hears of `state`, `utterance` and `translation`, as the gateway tells them, of the
 * `whole` recording, and of `trouble`, a text.
 */
export async function follow(address, on) {
  try {
    for await (const event of events(`${address}/events`)) {
      if (event.name === "end") break;
      on[event.name]?.(JSON.parse(event.data));
    }
  } catch (error) {
    if (!(error instanceof Refused)) throw error; // what is wrong is told by what comes next
  }
  await ask(address, on);
}

/** Ask until nothing moves any more: once, where events have told all. */
async function ask(address, on) {
  for (;;) {
    try {
      const recording = await getJson(address);
      on.whole(recording);
      if (isAtItsEnd(recording.status)) return;
    } catch (error) {
      if (!(error instanceof Refused) || !error.mayPass) throw error;
      on.trouble(error.message);
    }
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  }
}
