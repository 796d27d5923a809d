/**
 * What a person sets about the page itself: contrast, opacities, sizes. Kept by the browser for each project.
 */
export const MIN_RADIUS = 0.5;
export const MAX_RADIUS = 200;
const DEFAULTS = {
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
export function thresholdKey(source, name) {
    return `${source}/${name}`;
}
export function loadSettings(folder) {
    try {
        const kept = JSON.parse(localStorage.getItem(storageKey(folder)) ?? "{}");
        return { ...DEFAULTS, ...kept };
    }
    catch {
        return { ...DEFAULTS, thresholds: {} };
    }
}
export function saveSettings(folder, settings) {
    try {
        localStorage.setItem(storageKey(folder), JSON.stringify(settings));
    }
    catch {
        // The settings are then those of the start next time; no work is lost.
    }
}
function storageKey(folder) {
    return `annotate settings ${folder}`;
}
