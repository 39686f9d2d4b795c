// Subtitles to take away, by language and format.

import { element } from "./elements.js";
import { send } from "./http.js";
import { currentKey } from "./key.js";
import { languageName } from "./texts.js";

const FORMATS = ["srt", "vtt", "ttml"];

/** Give links to subtitle files, a line a language. `failed(message)` hears of what can't be fetched. */
export function downloadLinks(files, failed) {
  const languages = [...new Set(files.map((file) => file.language))];
  return languages.map((language) =>
    element(
      "p",
      {},
      element("span", {}, name(language)),
      ...files
        .filter((file) => file.language === language)
        .sort((one, other) => FORMATS.indexOf(one.format) - FORMATS.indexOf(other.format))
        .map((file) => element("a", { href: file.url, download: true, "aria-label": `${name(language)}, ${file.format}`, onclick: (event) => withKey(event, file, failed) }, file.format)),
    ),
  );
}

const name = (language) => (language.startsWith("bilingual") ? ["Both", ...language.split("-").slice(1).map(languageName)].join(", ") : languageName(language));

/** A link can't send a key: fetch what needs one, and give it to the person from memory. */
async function withKey(event, file, failed) {
  if (!currentKey()) return;
  event.preventDefault();
  try {
    const answer = await send(file.url);
    const named = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") ?? "");
    const address = URL.createObjectURL(await answer.blob());
    element("a", { href: address, download: named?.[1] ?? `subtitles.${file.format}` }).click();
    URL.revokeObjectURL(address);
  } catch (error) {
    failed(error.message);
  }
}
