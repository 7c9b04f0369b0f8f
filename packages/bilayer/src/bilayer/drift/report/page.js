const form = document.getElementById("tools");
form.hidden = false;
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", () => {
  const wanted = new Set([...form.elements.severity].filter((box) => box.checked).map((box) => box.value));
  const text = form.elements.search.value.trim().toLowerCase();
  for (const article of document.querySelectorAll("article")) {
    const { severity, place } = article.dataset;
    article.hidden = !wanted.has(severity) || !place.includes(text);
  }
  for (const section of document.querySelectorAll("section")) {
    section.hidden = !section.querySelector("article:not([hidden])");
  }
  document.getElementById("none").hidden = !!document.querySelector("article:not([hidden])");
});
