/** Tables that are sorted by a click on a head, and filtered by a word. */

function valueOf(row: HTMLTableRowElement, column: number): string {
  return row.cells[column]?.textContent?.trim() ?? "";
}

/** Numbers by their value, words by their letters; what is no number comes last. */
function compared(a: string, b: string): number {
  const [first, second] = [a, b].map((text) => Number.parseFloat(text.replace(/^z = /, ""))) as [number, number];
  if (Number.isNaN(first) || Number.isNaN(second)) {
    return Number(Number.isNaN(first)) - Number(Number.isNaN(second)) || a.localeCompare(b);
  }
  return first - second;
}

export function sortable(table: HTMLTableElement): void {
  const body = table.tBodies[0];
  const heads = [...(table.tHead?.rows[0]?.cells ?? [])];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const falls = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", falls ? "descending" : "ascending");
      const rows = [...(body?.rows ?? [])];
      const missing = (row: HTMLTableRowElement) => ["", "none"].includes(valueOf(row, column));
      rows.sort((a, b) => Number(missing(a)) - Number(missing(b)) || compared(valueOf(a, column), valueOf(b, column)) * (falls ? -1 : 1));
      body?.append(...rows);
    });
  });
}

export function filtered(field: HTMLInputElement): void {
  const table = document.getElementById(field.dataset["table"] ?? "") as HTMLTableElement | null;
  const shown = document.getElementById("shown");
  field.addEventListener("input", () => {
    const wanted = field.value.trim().toLowerCase();
    let count = 0;
    for (const row of table?.tBodies[0]?.rows ?? []) {
      const cells = [...row.cells].map((cell) => cell.textContent?.trim().toLowerCase() ?? "");
      row.hidden = wanted !== "" && !cells.some((cell) => cell === wanted || cell.startsWith(wanted));
      count += row.hidden ? 0 : 1;
    }
    if (shown) {
      shown.textContent = wanted === "" ? "" : `${count} shown`;
    }
  });
}
