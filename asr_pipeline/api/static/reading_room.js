// The reading room: one recording, heard and read, in two languages.

import { correctInPlace } from "./correcting.js";
import { downloadLinks } from "./downloads.js";
import { element, find, say, showTrouble } from "./elements.js";
import { getJson, send } from "./http.js";
import { follow } from "./live.js";
import { Player } from "./player.js";
import { isAtItsEnd, stages } from "./stages.js";
import { clock, counted, languageName, percent, shownName } from "./texts.js";
import { Transcript } from "./transcript.js";

const recordingId = find("room").dataset.recordingId;
const address = `/recordings/${encodeURIComponent(recordingId)}`;
const { sourceLanguage, targetLanguages } = document.body.dataset;
const configured = targetLanguages.split(" ");
const hasCalmMotion = matchMedia("(prefers-reduced-motion: reduce)");

const transcript = new Transcript(find("utterances"), {
  sourceLanguage,
  targetLanguage: configured[0],
  lowConfidence: Number(find("room").dataset.lowConfidence),
  actions: { jump: (time_s, isToPlay) => player.jump(time_s, isToPlay), correct },
});
const player = new Player({ at: heard, neighbour: (time_s, step) => transcript.neighbour(time_s, step), trouble: (text) => showTrouble(find("trouble"), text) });
let isOpened = false;

find("language").addEventListener("change", () => transcript.choose(find("language").value));
window.addEventListener("hashchange", () => goToHash());
for (const kind of ["click", "keydown"]) document.addEventListener(kind, closeMenus);
enter();

async function enter() {
  try {
    const recording = await getJson(address);
    show(recording);
    if (!isAtItsEnd(recording.status)) await follow(address, live);
  } catch (error) {
    showTrouble(find("trouble"), error.message);
  }
}

const live = {
  state: (told) => showStatus(told.status),
  utterance: (told) => {
    find("reading").hidden = false;
    transcript.add(told);
  },
  translation: (told) => transcript.translate(told.utterance_index, told.language, told.text),
  whole: show,
  trouble: (text) => showTrouble(find("trouble"), text),
};

function show(recording) {
  const name = shownName(recording.name);
  document.title = `${name} · asr-pipeline`;
  find("name").replaceChildren(element("bdi", {}, name));
  find("facts").textContent = [
    recording.duration_s === null ? null : clock(recording.duration_s),
    recording.word_count === null ? null : counted(recording.word_count, "word", "words"),
    recording.mean_confidence === null ? null : `${percent(recording.mean_confidence)} sure`,
    recording.recognised_by?.model,
  ]
    .filter(Boolean)
    .join(" · ");
  showStatus(recording.status);
  showTrouble(find("trouble"), recording.status === "failed" ? recording.reason : null);
  offerLanguages(recording);
  const isRead = recording.word_count !== null && recording.status !== "dropped";
  if (isRead || recording.utterances.length) transcript.show(recording.utterances);
  find("reading").hidden = !transcript.size && !isRead;
  find("silent").hidden = recording.utterances.length > 0 || !isRead;
  find("downloads").hidden = recording.subtitles.length === 0;
  find("download-links").replaceChildren(...downloadLinks(recording.subtitles, (message) => showTrouble(find("trouble"), message)));
  if (!isOpened && recording.duration_s !== null && recording.status !== "dropped") openPlayer();
}

let status = null;

function showStatus(now) {
  if (now === status) return;
  if (status !== null) say(now);
  status = now;
  find("stages").replaceChildren(...(now === "done" ? [] : [stages(now)]));
}

async function openPlayer() {
  isOpened = true;
  goToHash();
  try {
    await player.open(recordingId);
    find("player").hidden = false;
  } catch (error) {
    showTrouble(find("trouble"), error.message);
  }
}

/** A menu closes where one clicks beside it or presses Escape. */
function closeMenus(event) {
  for (const menu of document.querySelectorAll(".menu[open]")) {
    if (event.key === "Escape") {
      menu.querySelector("summary").focus();
      menu.open = false;
    } else if (event.type === "click" && !menu.contains(event.target)) menu.open = false;
  }
}

function offerLanguages(recording) {
  const languages = [...new Set([...Object.keys(recording.translated_by), ...configured])];
  if (languages.length === find("language").options.length) return;
  find("language").replaceChildren(...languages.map((code) => element("option", { value: code, selected: code === transcript.language }, languageName(code))));
  find("language-choice").hidden = languages.length < 2;
}

/** Go to the second that an address names: `#t=12.3`. */
function goToHash() {
  const time_s = Number(/^#t=(\d+(?:\.\d+)?)$/.exec(location.hash)?.[1] ?? Number.NaN);
  if (!Number.isNaN(time_s)) player.jump(time_s);
}

function heard(time_s) {
  const utterance = transcript.light(time_s);
  if (utterance && find("follow").checked) utterance.scrollIntoView({ block: "nearest", behavior: hasCalmMotion.matches ? "auto" : "smooth" });
}

async function correct(utterance, language, side) {
  const isSource = language === sourceLanguage;
  const path = isSource ? `${address}/utterances/${utterance.index}` : `${address}/translations/${language}/${utterance.index}`;
  try {
    let seen = await getJson(`${path}/revisions`);
    correctInPlace(side, {
      text: seen.text,
      language,
      keep: async (text) => {
        try {
          await send(path, { method: "PATCH", json: { text }, headers: { "If-Match": `"${seen.version}"` } });
        } catch (error) {
          if (error.status !== 412) throw error;
          seen = await getJson(`${path}/revisions`);
          throw new Error(`Somebody has corrected this meanwhile: “${seen.text}” To put yours in place of it, keep it again.`);
        }
      },
      close: (isKept) => {
        if (isKept) showCorrected();
      },
    });
  } catch (error) {
    showTrouble(find("trouble"), error.isUnknown ? "This can't be corrected here." : error.message);
  }
}

async function showCorrected() {
  say("The correction is kept");
  try {
    show(await getJson(address));
  } catch (error) {
    showTrouble(find("trouble"), error.message);
  }
}
