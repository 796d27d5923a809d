/**
 * What the pointer does in Neuroglancer's views. Keys are the page's own (`commands.ts`), so that none has two meanings.
 */
import { EventActionMap } from "neuroglancer/unstable/util/event_action_map.js";
import type { InputEventBindings } from "neuroglancer/unstable/viewer.js";

const EVERYWHERE = {
  "at:wheel": { action: "z+1-via-wheel", preventDefault: true },
  "at:shift+wheel": { action: "z+10-via-wheel", preventDefault: true },
  "control+wheel": { action: "zoom-via-wheel", preventDefault: true },
  "at:mousedown2": "move-to-mouse-position",
  "at:touchpinch": "zoom-via-touchpinch",
  "at:touchtranslate2": "translate-in-plane-via-touchtranslate",
};

const SECTION = {
  "at:mousedown0": { action: "translate-via-mouse-drag", stopPropagation: true },
  "at:shift+mousedown0": { action: "translate-via-mouse-drag", stopPropagation: true },
  "at:touchtranslate1": "translate-z-via-touchtranslate",
};

const SPACE = {
  "at:mousedown0": { action: "rotate-via-mouse-drag", stopPropagation: true },
  "at:shift+mousedown0": { action: "translate-via-mouse-drag", stopPropagation: true },
  "at:touchtranslate1": "rotate-out-of-plane-via-touchtranslate",
};

export function makeBindings(): InputEventBindings {
  return {
    global: new EventActionMap(),
    sliceView: EventActionMap.fromObject({ ...EVERYWHERE, ...SECTION }),
    perspectiveView: EventActionMap.fromObject({ ...EVERYWHERE, ...SPACE }),
  } as InputEventBindings;
}
