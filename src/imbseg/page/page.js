"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  document.documentElement.classList.add("js");

  // Sorting: every heading of a table becomes a button; numbers sort by their full value, empty cells stay last.
  const valueOf = (row, place) => {
    const cell = row.cells[place];
    return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
  };
  const compare = (one, other) => {
    if (one === "" || other === "") return (one === "") - (other === "");
    if (typeof one === "number" && typeof other === "number") return one - other;
    return String(one).localeCompare(String(other), undefined, {numeric: true});
  };
  const sort = (heading, place) => {
    const table = heading.closest("table");
    const numeric = table.tBodies[0].rows.length && typeof valueOf(table.tBodies[0].rows[0], place) === "number";
    const before = heading.getAttribute("aria-sort");
    const down = before ? before === "ascending" : numeric;
    all("th", table).forEach(one => one.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...table.tBodies[0].rows];
    rows.sort((one, other) => {
      const [a, b] = [valueOf(one, place), valueOf(other, place)];
      return a === "" || b === "" ? compare(a, b) : (down ? -1 : 1) * compare(a, b);
    });
    table.tBodies[0].append(...rows);
  };
  all("table").forEach(table => all("thead th", table).forEach((heading, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => sort(heading, place));
  }));

  // Hiding a strategy takes it out of every chart and table of its group.
  all(".chapter").forEach(chapter => all("input[data-hides]", chapter).forEach(box => {
    const hide = () => all(`[data-s="${box.dataset.hides}"]`, chapter).forEach(one => {
      one.toggleAttribute("hidden", !box.checked);
      one.style.display = box.checked ? "" : "none";
    });
    box.addEventListener("change", hide);
    hide();  // a browser may restore an unticked box on reload
  }));

  // What a mark says, at once and by keyboard too; without this script the browser shows its title after a moment.
  const tip = document.getElementById("tip");
  all("svg title").forEach(title => {
    title.parentNode.dataset.tip = title.textContent;
    title.parentNode.setAttribute("aria-label", title.textContent);
    title.remove();
  });
  const show = element => {
    tip.textContent = element.dataset.tip;
    tip.hidden = false;
    const box = element.getBoundingClientRect(), own = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(innerWidth - own.width - 4, box.x + box.width / 2 - own.width / 2))}px`;
    tip.style.top = `${box.y - own.height - 8 > 0 ? box.y - own.height - 8 : box.bottom + 8}px`;
  };
  for (const kind of ["pointerover", "focusin"])
    document.addEventListener(kind, event => {
      const one = event.target.closest && event.target.closest("svg [data-tip]");
      if (one) show(one); else tip.hidden = true;
    });
  document.addEventListener("focusout", () => { tip.hidden = true; });
  document.addEventListener("keydown", event => { if (event.key === "Escape") tip.hidden = true; });

  // What is folded up is printed too.
  let folded = [];
  addEventListener("beforeprint", () => { folded = all("details:not([open])"); folded.forEach(one => { one.open = true; }); });
  addEventListener("afterprint", () => folded.forEach(one => { one.open = false; }));
})();
