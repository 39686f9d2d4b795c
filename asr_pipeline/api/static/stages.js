// Where a recording stands, as steps on its way.

import { element } from "./elements.js";

const STEPS = ["queued", "transcribing", "translating", "done"];
const ENDS = { done: "Done", failed: "Failed", dropped: "Erased" };

export const isAtItsEnd = (status) => status in ENDS;

/** Give the steps with the present one marked; one word where nothing moves any more. */
export function stages(status) {
  if (isAtItsEnd(status)) return element("p", { class: `stage-end ${status}` }, ENDS[status]);
  const present = STEPS.indexOf(status);
  const steps = STEPS.map((step, place) =>
    element("li", { class: place < present ? "past" : null, "aria-current": place === present ? "step" : null }, step),
  );
  return element("ol", { class: "stages", "aria-label": `Progress: ${status}` }, ...steps);
}
