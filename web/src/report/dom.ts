/** Elements of the page. */

/** The element of a name, which the template of the page has. */
export function element<T extends HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) {
    throw new Error(`the page has no #${id}`);
  }
  return found as T;
}

/** Text within markup. */
export function escaped(text: string): string {
  const names: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text.replace(/[&<>"]/g, (character) => names[character] ?? character);
}

/** A number with at most so many digits that say something. */
export function digits(value: number, count = 4): string {
  if (value === 0 || Number.isInteger(value)) {
    return String(value);
  }
  return String(Number(value.toPrecision(count)));
}

/** Opens what an element is folded into. */
export function unfold(inner: Element): void {
  for (let at = inner.closest("details"); at; at = at.parentElement?.closest("details") ?? null) {
    at.open = true;
  }
}
