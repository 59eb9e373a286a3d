// Tables as files: CSV and Excel, made in the browser.
"use strict";

function downloadFile(name, type, content) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = element("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

/** Rows of texts and numbers as CSV in UTF-8. */
function csvText(rows) {
  const cell = (value) => (/[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : String(value));
  return rows.map((row) => `${row.map(cell).join(",")}\n`).join("");
}

/** A CSV for spreadsheets: a mark tells them that it is UTF-8; a text that they would take for a formula gets an apostrophe. */
function downloadCsv(name, rows) {
  const safe = rows.map((row) => row.map((value) => (/^[=+\-@\t\r]/.test(value) && typeof value === "string" ? `'${value}` : value)));
  downloadFile(name, "text/csv", `\ufeff${csvText(safe)}`);
}

const xmlText = (text) => text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "").replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** Rows of texts and numbers as an Excel workbook of one sheet, its first row in bold. */
function downloadExcel(name, rows) {
  const cell = (value, style) => typeof value === "number"
    ? `<c s="${style}"><v>${value}</v></c>`
    : `<c t="inlineStr" s="${style}"><is><t xml:space="preserve">${xmlText(value)}</t></is></c>`;
  const sheet = rows.map((row, i) => `<row>${row.map((value) => cell(value, i ? 0 : 1)).join("")}</row>`).join("");
  const head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>';
  const main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
  const office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
  const packages = "http://schemas.openxmlformats.org/package/2006";
  const type = "application/vnd.openxmlformats-officedocument.spreadsheetml";
  const parts = {
    "[Content_Types].xml": `<Types xmlns="${packages}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="${type}.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="${type}.worksheet+xml"/><Override PartName="/xl/styles.xml" ContentType="${type}.styles+xml"/></Types>`,
    "_rels/.rels": `<Relationships xmlns="${packages}/relationships"><Relationship Id="rId1" Type="${office}/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
    "xl/workbook.xml": `<workbook xmlns="${main}" xmlns:r="${office}"><sheets><sheet name="products" sheetId="1" r:id="rId1"/></sheets></workbook>`,
    "xl/_rels/workbook.xml.rels": `<Relationships xmlns="${packages}/relationships"><Relationship Id="rId1" Type="${office}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="${office}/styles" Target="styles.xml"/></Relationships>`,
    "xl/styles.xml": `<styleSheet xmlns="${main}"><fonts count="2"><font/><font><b/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="2"><xf/><xf fontId="1" applyFont="1"/></cellXfs></styleSheet>`,
    "xl/worksheets/sheet1.xml": `<worksheet xmlns="${main}"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" state="frozen"/></sheetView></sheetViews><sheetData>${sheet}</sheetData></worksheet>`,
  };
  downloadFile(name, `${type}.sheet`, zipFiles(Object.entries(parts).map(([path, xml]) => [path, new TextEncoder().encode(head + xml)])));
}

/** The checksum of bytes that a ZIP needs (CRC-32). */
function checksum(bytes) {
  checksum.table ??= Uint32Array.from({ length: 256 }, (_, n) => {
    for (let k = 0; k < 8; k += 1) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n;
  });
  let value = 0xffffffff;
  for (const byte of bytes) value = checksum.table[(value ^ byte) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

/** Files [path, bytes] as a ZIP without compression. */
function zipFiles(files) {
  const parts = [];
  const directory = [];
  let offset = 0;
  const record = (size, fields) => {
    const view = new DataView(new ArrayBuffer(size));
    for (const [place, width, value] of fields) { if (width === 2) view.setUint16(place, value, true); else view.setUint32(place, value, true); }
    return new Uint8Array(view.buffer);
  };
  for (const [path, bytes] of files) {
    const name = new TextEncoder().encode(path);
    const sum = checksum(bytes);
    const sizes = (from) => [[from, 4, sum], [from + 4, 4, bytes.length], [from + 8, 4, bytes.length], [from + 12, 2, name.length]];
    parts.push(record(30, [[0, 4, 0x04034b50], [4, 2, 20], [12, 2, 0x21], ...sizes(14)]), name, bytes);
    directory.push(record(46, [[0, 4, 0x02014b50], [4, 2, 20], [6, 2, 20], [14, 2, 0x21], ...sizes(16), [42, 4, offset]]), name);
    offset += 30 + name.length + bytes.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = record(22, [[0, 4, 0x06054b50], [8, 2, files.length], [10, 2, files.length], [12, 4, size], [16, 4, offset]]);
  return new Blob([...parts, ...directory, end]);
}
