/**
 * Small helpers for elements of the page.
 */

export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no element "${id}"`);
  return found as T;
}

type Child = Node | string;

/** Makes an element with properties (not attributes) and children. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

export function svg(tag: string, attributes: Record<string, string | number>, ...children: Child[]): SVGElement {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** Makes the children anew where what they show (`key`) has changed, so that focus and drags survive all other changes. */
export function rebuild(parent: HTMLElement, key: unknown, children: () => Child[]): void {
  const text = JSON.stringify(key);
  if (parent.dataset["shown"] === text) return;
  parent.dataset["shown"] = text;
  parent.replaceChildren(...children());
}

/** Sets the text only where it differs: the panel is refreshed often. */
export function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Binds a slider to a setting; returns what shows the setting's value. */
export function bindSlider(id: string, read: () => number, write: (value: number) => void, text: (value: number) => string): () => void {
  const slider = byId<HTMLInputElement>(id);
  const output = byId(`${id}-value`);
  slider.addEventListener("input", () => write(slider.valueAsNumber));
  return () => {
    const value = read();
    if (slider.valueAsNumber !== value) slider.valueAsNumber = value;
    setText(output, text(value));
  };
}

export function percent(value: number): string {
  return `${Math.round(value * 100)} %`;
}
