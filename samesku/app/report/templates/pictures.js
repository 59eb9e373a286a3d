// The pictures of a page that needs no server: WebPs in the page itself.
"use strict";

let pictures = null;
/** The addresses of a listing's pictures, the first one first. */
function pictureSources(number) {
  pictures ??= JSON.parse(document.getElementById("picture-data").textContent);
  return [pictures[number] ?? []].flat().map((webp) => `data:image/webp;base64,${webp}`);
}
