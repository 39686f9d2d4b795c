// When the words of an utterance were said: also of those that a person has put in the place of others.

/** Give the words of an utterance's text, each with its times and how sure the recognizer was. */
export function timedWords(utterance) {
  const heard = utterance.words ?? [];
  const told = utterance.text.split(/\s+/).filter((word) => word);
  if (!heard.length) return told.map((text) => ({ text, start_s: utterance.start_s, end_s: utterance.end_s, confidence: 1 }));
  const same = (mine, theirs) => mine?.toLowerCase() === theirs?.text.toLowerCase();
  const most = Math.min(heard.length, told.length);
  let before = 0;
  while (before < most && same(told[before], heard[before])) before += 1;
  let after = 0;
  while (after < most - before && same(told[told.length - 1 - after], heard[heard.length - 1 - after])) after += 1;
  const withText = (word, text) => ({ ...word, text });
  return [
    ...heard.slice(0, before).map((word, place) => withText(word, told[place])),
    ...replacing(told.slice(before, told.length - after), heard, before, heard.length - after),
    ...heard.slice(heard.length - after).map((word, place) => withText(word, told[told.length - after + place])),
  ];
}

/** Give words that stand for those heard from `first` until `last`, spread over the same time by their lengths. */
function replacing(texts, heard, first, last) {
  if (!texts.length) return [];
  const start_s = first < last ? heard[first].start_s : heard[Math.max(0, first - 1)].end_s;
  const end_s = first < last ? heard[last - 1].end_s : start_s;
  const length = texts.reduce((sum, text) => sum + text.length, 0);
  let passed = 0;
  return texts.map((text) => {
    const begins = passed;
    passed += text.length;
    const at = (place) => start_s + ((end_s - start_s) * place) / length;
    return { text, start_s: at(begins), end_s: at(passed), confidence: 1 };
  });
}
