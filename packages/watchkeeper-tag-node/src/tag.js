"use strict";
// The tag: one comment in front of a statement, constant for a line of code and a slot.

const UNSAFE = /[^A-Za-z0-9_./:<>-]/gu;

function encode(value) {
  return value.replace(UNSAFE, (found) =>
    [...Buffer.from(found)].map((byte) => `~${byte.toString(16).toUpperCase().padStart(2, "0")}`).join(""),
  );
}

/** What is not known is left out. In front, since what a server shows of a long statement is its beginning. */
function renderTag({ revision, site, process, thread, slot }) {
  const named = [
    ["rev", revision],
    ["sym", site.symbol],
    ["at", site.shown],
    ["pid", process],
    ["tid", thread],
    ["task", slot],
  ];
  const parts = named.filter(([, value]) => value).map(([key, value]) => `${key}=${encode(String(value))}`);
  return `/*wk:${parts.join(",")}*/ `;
}

exports.renderTag = renderTag;
