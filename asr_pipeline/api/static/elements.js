// Elements of the page, made of text alone: nothing that a stranger named is ever read as markup.

export const find = (id) => document.getElementById(id);

/** Make an element. `properties` are attributes; those that begin with `on` are listeners; null and false are left out. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Tell people who hear the page what has changed. */
export function say(text) {
  find("said").textContent = text;
}

/** Show what is wrong in a place, or, without a text, that nothing is. */
export function showTrouble(place, text) {
  place.replaceChildren(...(text ? [element("p", { class: "notice bad", role: "alert" }, text)] : []));
}
