"use strict";
// Niceties only: the page is complete without them. Text from reports is set as text, never as markup.
(() => {
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.hidden = true;
  document.body.append(tip);

  const place = (event) => {
    const box = tip.getBoundingClientRect();
    const left = Math.min(event.clientX + 14, innerWidth - box.width - 8);
    const above = event.clientY + 18 + box.height > innerHeight;
    tip.style.left = Math.max(left, 8) + "px";
    tip.style.top = (above ? event.clientY - box.height - 12 : event.clientY + 18) + "px";
  };

  const cellSays = (cell) => {
    if (cell.dataset.tip) return cell.dataset.tip;
    const table = cell.closest("table");
    const role = cell.parentElement.firstElementChild.textContent;
    const layer = table.tHead.rows[0].cells[cell.cellIndex].textContent.trim();
    const stack = table.caption.firstChild && table.caption.firstChild.nodeType === 3 ? table.caption.firstChild.data + " · " : "";
    const where = stack + role + (layer === "–" ? ", outside any layer" : ", layer " + layer);
    const many = cell.dataset.n ? " (median of " + cell.dataset.n + " modules)" : "";
    const dead = cell.dataset.dead ? ", " + cell.dataset.dead + " of them zero" : "";
    if (cell.classList.contains("dead")) return where + ": zero update" + (cell.dataset.n ? " in all " + cell.dataset.n + " modules" : "");
    if (cell.classList.contains("broken")) return where + ": not finite or could not be measured";
    return where + ": " + cell.textContent + many + dead;
  };

  // The browser's own tooltip would come up beside ours: take over its text.
  for (const line of document.querySelectorAll(".line")) {
    const title = line.querySelector("title");
    line.dataset.tip = title.textContent;
    line.setAttribute("aria-label", title.textContent);
    title.remove();
  }
  for (const cell of document.querySelectorAll(".map td[title]")) {
    cell.dataset.tip = cell.title;
    cell.removeAttribute("title");
  }

  document.addEventListener("pointermove", (event) => {
    const cell = event.target.closest(".map tbody td:not(.absent)");
    const line = event.target.closest(".line");
    const text = cell ? cellSays(cell) : line ? line.dataset.tip : "";
    tip.hidden = !text;
    if (text) {
      tip.textContent = text;
      place(event);
    }
  });

  const value = (row, column) => {
    const cell = row.cells[column];
    if (!cell.classList.contains("n")) return cell.textContent.trim();
    return cell.dataset.v === undefined ? null : Number(cell.dataset.v);
  };
  const compare = (a, b) => {
    if (a === null || b === null) return (a === null) - (b === null);
    return typeof a === "number" ? b - a : a.localeCompare(b, undefined, { numeric: true });
  };
  for (const table of document.querySelectorAll(".sortable")) {
    const body = table.tBodies[0];
    for (const head of table.tHead.rows[0].cells) {
      const button = document.createElement("button");
      button.type = "button";
      button.title = (head.title ? head.title + " " : "") + "Sort by this column";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const again = head.getAttribute("aria-sort") === "descending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", again ? "ascending" : "descending");
        const rows = [...body.rows].map((row) => [value(row, head.cellIndex), row]);
        rows.sort((a, b) => (a[0] === null || b[0] === null ? compare(a[0], b[0]) : (again ? -1 : 1) * compare(a[0], b[0])));
        body.append(...rows.map((pair) => pair[1]));
      });
    }
    if (body.rows.length < 12 || table.classList.contains("brief")) continue;
    const filter = document.createElement("input");
    filter.type = "search";
    filter.className = "filter";
    filter.placeholder = "Filter rows";
    filter.setAttribute("aria-label", "Filter rows");
    filter.addEventListener("input", () => {
      const wanted = filter.value.toLowerCase();
      for (const row of body.rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    });
    table.parentElement.before(filter);
  }

  const reveal = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (target && target.tagName === "DETAILS") {
      target.open = true;
      target.scrollIntoView();
    }
  };
  addEventListener("hashchange", reveal);
  if (location.hash) reveal();
  addEventListener("beforeprint", () => document.querySelectorAll("details:not(.all)").forEach((part) => { part.open = true; }));
})();
