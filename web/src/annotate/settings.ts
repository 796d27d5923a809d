/**
 * What a person sets about the page itself: contrast, opacities, sizes. Kept by the browser for each project.
 */

export interface Settings {
  /** Brush radius in voxels. */
  radius: number;
  /** Grey values that a flood fill may differ from where it began. */
  tolerance: number;
  /** Grey values shown as black and as white. */
  low: number;
  high: number;
  labelOpacity: number;
  suggestionOpacity: number;
  outlines: boolean;
  showLabels: boolean;
  showBackground: boolean;
  showSuggestions: boolean;
  source: string;
  /** Thresholds that differ from the source's own, by `thresholdKey`. */
  thresholds: Record<string, number>;
  panelOpen: boolean;
}

export const MIN_RADIUS = 0.5;
export const MAX_RADIUS = 200;

const DEFAULTS: Settings = {
  radius: 8,
  tolerance: 12,
  low: 0,
  high: 255,
  labelOpacity: 0.45,
  suggestionOpacity: 0.6,
  outlines: false,
  showLabels: true,
  showBackground: true,
  showSuggestions: true,
  source: "",
  thresholds: {},
  panelOpen: true,
};

export function thresholdKey(source: string, name: string): string {
  return `${source}/${name}`;
}

export function loadSettings(folder: string): Settings {
  try {
    const kept = JSON.parse(localStorage.getItem(storageKey(folder)) ?? "{}") as Partial<Settings>;
    return { ...DEFAULTS, ...kept };
  } catch {
    return { ...DEFAULTS, thresholds: {} };
  }
}

export function saveSettings(folder: string, settings: Settings): void {
  try {
    localStorage.setItem(storageKey(folder), JSON.stringify(settings));
  } catch {
    // The settings are then those of the start next time; no work is lost.
  }
}

function storageKey(folder: string): string {
  return `annotate settings ${folder}`;
}
