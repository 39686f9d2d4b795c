// A recording in work, as it happens: by events where the gateway has them, else by asking again and again.

import { events } from "./event_stream.js";
import { getJson } from "./http.js";
import { isAtItsEnd } from "./stages.js";

const ASK_EVERY_MS = 1000;

/** Follow a recording to its end. `on` hears of `state(status)`, `utterance(…)`, `translation(…)`, `whole(recording)`. */
export async function follow(address, on, signal) {
  try {
    for await (const event of events(`${address}/events`, signal)) {
      on[event.name]?.(JSON.parse(event.data));
    }
  } catch (error) {
    if (signal.aborted) return;
    if (!error.isUnknown) throw error;
  }
  await ask(address, on, signal);
}

/** Ask until nothing moves any more: at once, where the events have told all. */
async function ask(address, on, signal) {
  while (!signal.aborted) {
    const recording = await getJson(address, { signal });
    on.whole(recording);
    if (isAtItsEnd(recording.status)) return;
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  }
}
