// The page of recordings: drop them in, see them move, find what was said.

import { find } from "./elements.js";
import { RecordingList } from "./recording_list.js";
import { Search } from "./search.js";
import { Uploads } from "./uploads.js";

const list = new RecordingList();
const uploads = new Uploads(find("uploads"), () => list.refresh());
new Search();
list.refresh();

find("choose").addEventListener("click", () => find("files").click());
find("files").addEventListener("change", () => {
  uploads.add(find("files").files);
  find("files").value = ""; // so that the same file may be chosen again
});

// The whole window takes files: a browser leaves the page for one that is dropped beside.
const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
for (const kind of ["dragenter", "dragover"]) {
  window.addEventListener(kind, (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    find("drop").classList.add("over");
  });
}
window.addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) find("drop").classList.remove("over");
});
window.addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  find("drop").classList.remove("over");
  uploads.add(event.dataTransfer.files);
});
