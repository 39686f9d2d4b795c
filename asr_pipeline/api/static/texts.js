// How names, lengths and languages are shown.

const RIGHT_TO_LEFT = new Set(["ar", "arc", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"]);
// Characters that turn the order of what follows, or that can't be seen: "gpj.exe" is not to look like "exe.jpg".
const DECEIVING = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2028\u2029\u2060-\u206f\ufeff]/g;
const languageNames = new Intl.DisplayNames(["en"], { type: "language", fallback: "code" });

export const direction = (language) => (RIGHT_TO_LEFT.has(language.split("-")[0]) ? "rtl" : "ltr");

/** Name a language in English; what is no language code stays as it is. */
export function languageName(code) {
  try {
    return languageNames.of(code);
  } catch {
    return code;
  }
}

export const shownName = (name) => name.replace(DECEIVING, "\ufffd");

/** Give a time as a clock does: 1:02:03, 2:03. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const twoDigits = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${twoDigits(minutes)}:${twoDigits(rest)}` : `${minutes}:${twoDigits(rest)}`;
}

/** Give a size in the largest unit that it has at least one of. */
export function fileSize(bytes) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const step = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const number = bytes / 1000 ** step;
  return `${step && number < 10 ? number.toFixed(1) : Math.round(number)} ${units[step]}`;
}

export const percent = (share) => `${Math.round(share * 100)} %`;
export const counted = (number, one, many) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
