// The pictures of a page that needs no server: WebPs in the page itself, in parts that are read when they are shown.
"use strict";

const pictureParts = new Map();
/** The addresses of a listing's pictures, the first one first. */
function pictureSources(number) {
  const part = Math.floor(number / PICTURES_PER_PART);
  if (!pictureParts.has(part)) pictureParts.set(part, JSON.parse(document.getElementById(`picture-data-${part}`)?.textContent ?? "[]"));
  return [pictureParts.get(part)[number % PICTURES_PER_PART] ?? []].flat().map((webp) => `data:image/webp;base64,${webp}`);
}
