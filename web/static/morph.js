// Makes one tree like another and keeps what is the same, so that focus, scroll and open menus stay.

const KEPT = { DETAILS: ["open"], OPTION: ["selected"], BUTTON: ["disabled"] };

const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.id ?? "") === (b.id ?? "");

function attributes(from, to) {
  const kept = KEPT[from.nodeName] ?? [];
  for (const { name, value } of to.attributes) {
    if (!kept.includes(name) && from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name) && !kept.includes(name)) from.removeAttribute(name);
  }
}

function children(from, to) {
  let at = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    let same = at;
    // Something with a name may have moved up; anything else is compared with what stands here.
    while (same && !alike(same, wanted)) same = wanted.id ? same.nextSibling : null;
    if (!same) {
      from.insertBefore(document.importNode(wanted, true), at);
      continue;
    }
    if (same !== at) from.insertBefore(same, at);
    else at = at.nextSibling;
    morph(same, wanted);
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

export function morph(from, to) {
  if (from.nodeType !== Node.ELEMENT_NODE) {
    if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
    return;
  }
  attributes(from, to);
  children(from, to);
}
