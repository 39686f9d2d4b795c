// Correcting a sentence where it stands.

import { element } from "./elements.js";
import { direction, languageName } from "./texts.js";

/**
 * Put a box in a sentence's place. `keep(text)` sends what was written; what it raises is told below the box, and what
 * was written stays. `close(isKept)` hears of the end.
 */
export function correctInPlace(side, { text, language, keep, close }) {
  const before = [...side.childNodes];
  const box = element("textarea", { lang: language, dir: direction(language), rows: 3, "aria-label": `${languageName(language)} sentence` });
  box.value = text;
  const trouble = element("p", { class: "trouble", role: "alert" });
  const submit = element("button", { type: "submit", class: "main" }, "Keep");
  const leave = (isKept) => {
    side.replaceChildren(...before);
    close(isKept);
    side.querySelector(".correct")?.focus();
  };
  const form = element(
    "form",
    { class: "correcting", dir: "ltr" },
    box,
    trouble,
    element("div", { class: "row" }, submit, element("button", { type: "button", class: "quiet", onclick: () => leave(false) }, "Leave as it was")),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const written = box.value.trim();
    if (written === text.trim()) return leave(false);
    submit.disabled = true;
    trouble.textContent = "";
    try {
      await keep(written);
      leave(true);
    } catch (error) {
      trouble.textContent = error.message;
      submit.disabled = false;
      box.focus();
    }
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") leave(false);
    else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    else return;
    event.preventDefault();
  });
  side.replaceChildren(form);
  box.focus();
}
