// The reading room: one recording, heard and read, in two languages.

import { correctInPlace } from "./correcting.js";
import { downloadLinks } from "./downloads.js";
import { element, find, say, showTrouble } from "./elements.js";
import { send } from "./http.js";
import { follow } from "./live.js";
import { Player } from "./player.js";
import { isAtItsEnd, stages } from "./stages.js";
import { clock, counted, languageName, percent, shownName } from "./texts.js";
import { Transcript } from "./transcript.js";

const recordingId = find("room").dataset.recordingId;
const address = `/recordings/${encodeURIComponent(recordingId)}`;
const { sourceLanguage, targetLanguages } = document.body.dataset;
const configured = targetLanguages.split(" ");
const TRANSLATION_FOLLOWS_MS = [300, 700, 1500, 3000, 6000];
const hasCalmMotion = matchMedia("(prefers-reduced-motion: reduce)");
let version = null; // of what is shown: a correction of something else is refused

const transcript = new Transcript(find("utterances"), {
  sourceLanguage,
  targetLanguage: configured[0],
  lowConfidence: Number(find("room").dataset.lowConfidence),
  actions: { jump: (time_s, isToPlay) => player.jump(time_s, isToPlay), correct },
});
const player = new Player({ at: heard, neighbour: (time_s, step) => transcript.neighbour(time_s, step) });
let isOpened = false;

find("language").addEventListener("change", () => transcript.choose(find("language").value));
window.addEventListener("hashchange", () => goToHash());
enter();

async function enter() {
  try {
    const recording = await fetchWhole();
    show(recording);
    if (!isAtItsEnd(recording.status)) await follow(address, live, new AbortController().signal);
  } catch (error) {
    showTrouble(find("trouble"), error.message);
  }
}

async function fetchWhole() {
  const answer = await send(address);
  version = answer.headers.get("ETag");
  return answer.json();
}

const live = {
  state: (told) => showStatus(told.status),
  utterance: (told) => {
    find("reading").hidden = false;
    transcript.add(told);
  },
  translation: (told) => transcript.translate(told.index, told.language, told.text),
  whole: show,
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
  try {
    await player.open(recordingId);
    find("player").hidden = false;
    goToHash();
  } catch (error) {
    showTrouble(find("trouble"), error.message);
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

function correct(utterance, language, side) {
  const isSource = language === sourceLanguage;
  const path = isSource ? `${address}/utterances/${utterance.index}` : `${address}/translations/${language}/${utterance.index}`;
  correctInPlace(side, {
    text: isSource ? utterance.text : utterance.translations[language],
    language,
    keep: async (text) => {
      try {
        await send(path, { method: "PATCH", json: { text }, headers: version === null ? {} : { "If-Match": version } });
      } catch (error) {
        throw await explained(error);
      }
    },
    close: (isKept) => {
      if (isKept) showCorrected(utterance, isSource);
    },
  });
}

/** Say what a refused correction means to the person who wrote it. */
async function explained(error) {
  if (error.isUnknown) return new Error("This gateway can't keep corrections yet. Copy what you wrote before you leave.");
  if (error.status !== 412) return error;
  transcript.show((await fetchWhole()).utterances);
  return new Error("Somebody has corrected this recording meanwhile. What you wrote is still here: keep it again to put it in place of theirs.");
}

/** Show what is kept now; the translation of a corrected sentence comes a moment later. */
async function showCorrected(utterance, isSource) {
  say("The correction is kept");
  const before = JSON.stringify(utterance.translations);
  for (const waitMs of isSource ? [0, ...TRANSLATION_FOLLOWS_MS] : [0]) {
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    try {
      const recording = await fetchWhole();
      show(recording);
      const now = recording.utterances.find((one) => one.index === utterance.index);
      if (JSON.stringify(now?.translations) !== before) return;
    } catch (error) {
      showTrouble(find("trouble"), error.message);
    }
  }
}
