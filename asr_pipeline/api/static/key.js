// The API key, where the gateway wants one: asked for once, kept until the tab is closed.

import { find } from "./elements.js";

const KEPT_AS = "asr-pipeline-key";
let asking = null; // several requests that are refused at once ask once

export const currentKey = () => sessionStorage.getItem(KEPT_AS);
export const authorization = () => (currentKey() ? { Authorization: `Bearer ${currentKey()}` } : {});

/** Ask for a key. Gives whether there is another one than a request was sent with. */
export function askForKey(sentWith) {
  if (currentKey() !== sentWith) return Promise.resolve(true);
  asking ??= dialogAnswer(sentWith).finally(() => {
    asking = null;
  });
  return asking;
}

function dialogAnswer(refused) {
  const [dialog, input] = [find("key-dialog"), find("key")];
  if (refused) find("key-why").textContent = "That key was not accepted. Is it whole, and not revoked?";
  dialog.returnValue = "";
  input.value = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      () => {
        const key = input.value.trim();
        input.value = "";
        if (dialog.returnValue === "given" && isSendable(key)) {
          sessionStorage.setItem(KEPT_AS, key);
          showWhetherKept();
          resolve(true);
        } else resolve(false);
      },
      { once: true },
    );
  });
}

/** A header holds visible ASCII alone. */
const isSendable = (key) => /^[!-~]+$/.test(key);

function showWhetherKept() {
  find("forget-key").hidden = !currentKey();
}

find("key-cancel").addEventListener("click", () => find("key-dialog").close(""));
find("forget-key").addEventListener("click", () => {
  sessionStorage.removeItem(KEPT_AS);
  location.reload();
});
showWhetherKept();
