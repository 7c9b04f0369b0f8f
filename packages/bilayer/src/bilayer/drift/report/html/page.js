"use strict";
const form = document.getElementById("tools");
const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];

function filter() {
  const wanted = new Set(all("[name=severity]:checked", form).map((box) => box.value));
  const engine = form.elements.engine ? form.elements.engine.value : "";
  const words = form.elements.search.value.trim().toLowerCase();
  const fits = (element) => !engine || !element.dataset.e || element.dataset.e.split(" ").includes(engine);
  for (const each of all("[data-s]")) each.hidden = !wanted.has(each.dataset.s) || !fits(each);
  for (const line of all(".l")) line.hidden = !fits(line);
  for (const row of all("tr.n")) row.classList.toggle("off", !row.querySelector(".m:not([hidden])"));
  let tables = 0;
  for (const table of all("details.t")) {
    const found = table.querySelector(".f:not([hidden])");
    table.hidden = !table.dataset.t.includes(words) || (form.elements.differing.checked && !found);
    tables += !table.hidden;
    const entry = document.querySelector(`[data-for="${CSS.escape(table.id)}"]`);
    if (entry) entry.hidden = table.hidden;
  }
  const findings = all(".f:not([hidden])").filter((card) => !card.closest(".t[hidden]")).length;
  form.elements.shown.value =
    `${findings} of ${all(".f").length} findings, ${tables} of ${all("details.t").length} tables shown`;
}

function reveal() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const table = target && target.closest("details");
  if (!table) return;
  table.hidden = target.hidden = false;
  table.open = true;
  target.scrollIntoView();
}

async function copy(button, text) {
  // Where nothing may be copied, it is at least selected.
  getSelection().selectAllChildren(text);
  try {
    await navigator.clipboard.writeText(text.textContent);
    button.textContent = "Copied";
  } catch {
    button.textContent = document.execCommand("copy") ? "Copied" : "Selected";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
}

for (const pre of all(".x pre")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", () => copy(button, pre));
  pre.before(button);
}

const picture = document.querySelector(".pan svg");
if (picture) {
  const { width, height } = picture.viewBox.baseVal;
  const zoom = document.querySelector(".zoom");
  let scale = 1;
  zoom.hidden = false;
  zoom.addEventListener("click", ({ target }) => {
    if (!target.dataset.z) return;
    const fit = (picture.parentElement.clientWidth - 2) / width;
    scale = Number(target.dataset.z) ? Math.min(4, Math.max(0.1, scale * target.dataset.z)) : fit;
    picture.setAttribute("width", width * scale);
    picture.setAttribute("height", height * scale);
  });
}

form.hidden = false;
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", filter);
addEventListener("hashchange", reveal);
filter();
reveal();
