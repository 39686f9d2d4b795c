// Server-sent events over fetch: EventSource can't send a key.

import { send } from "./http.js";

const AGAIN_AFTER_MS = 1000;

/** Give the events of an address, one after another. A stream that breaks off is taken up again where it left off. */
export async function* events(path) {
  let lastId = null;
  for (;;) {
    const headers = { Accept: "text/event-stream", ...(lastId === null ? {} : { "Last-Event-ID": lastId }) };
    const answer = await send(path, { headers });
    if (answer.status === 204) return; // all is told
    try {
      for await (const event of parsed(answer.body)) {
        lastId = event.id ?? lastId;
        yield event;
      }
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // which a broken connection is
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
