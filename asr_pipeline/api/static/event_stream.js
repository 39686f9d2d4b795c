// Server-sent events over fetch: EventSource can't send a key.

import { send } from "./http.js";

const AGAIN_AFTER_MS = 1000;

/** Give the events of an address, one after another, until the server has no more. Takes up where a broken stream left off. */
export async function* events(path, signal) {
  let lastId = null;
  for (;;) {
    const headers = { Accept: "text/event-stream", ...(lastId === null ? {} : { "Last-Event-ID": lastId }) };
    const answer = await send(path, { headers, signal });
    if (answer.status === 204) return;
    try {
      for await (const event of parsed(answer.body)) {
        lastId = event.id ?? lastId;
        yield event;
      }
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof TypeError)) throw error; // a broken connection is a TypeError
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MS));
  }
}

async function* parsed(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += value;
      const blocks = text.split(/\r?\n\r?\n/);
      text = blocks.pop();
      for (const block of blocks) {
        const event = parsedBlock(block);
        if (event.data !== "") yield event;
      }
    }
  } finally {
    reader.cancel().catch(() => {}); // broken already: nothing is left to cancel
  }
}

function parsedBlock(block) {
  const event = { name: "message", data: "", id: null };
  const lines = [];
  for (const line of block.split(/\r?\n/)) {
    const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line);
    if (field === "event") event.name = value;
    else if (field === "id") event.id = value;
    else if (field === "data") lines.push(value);
  }
  event.data = lines.join("\n");
  return event;
}
