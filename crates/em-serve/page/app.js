/**
 * The state of the page and the way changes take: actions go out through the queue, the server's state comes in through `receive`.
 */
import { classColour } from "./colours.js";
import { contains } from "./contract.js";
import { drawProposal, drawRegions, drawScaleBar, strokeOnAny } from "./decor.js";
import { Labels } from "./labels.js";
import { Motion } from "./motion.js";
import { pictureLayer } from "./picture.js";
import { Pointer } from "./pointer.js";
import { ActionQueue } from "./queue.js";
import { ServerError } from "./request.js";
import { server } from "./server.js";
import { Session } from "./session.js";
import { loadSettings, saveSettings, thresholdKey } from "./settings.js";
import { suggestionLayer } from "./suggestions.js";
import { makeTools } from "./tools.js";
import { View, clamp } from "./view.js";
import { Viewer } from "./viewer.js";
const BRUSHES = ["brush", "background", "eraser"];
export class App {
    project;
    notices;
    view;
    settings;
    picture;
    labels;
    suggestions;
    viewer;
    motion;
    pointer;
    queue;
    session;
    tools;
    state;
    tool = "brush";
    classIndex = 0;
    proposal = null;
    selectedRegion = null;
    /** The key is held that makes every tool move the picture. */
    held = false;
    /** The revision that the labels in memory belong to. */
    labelsRevision;
    answersWhenAsked = 0;
    going = new Set();
    /** `refresh` shows in the panel what changed; it is called at most once for each frame. */
    constructor(project, notices, canvas, refresh) {
        this.project = project;
        this.notices = notices;
        this.state = project.state;
        this.labelsRevision = project.state.revision;
        this.view = new View(project.shape, project.voxel_size_nm);
        this.settings = loadSettings(project.folder);
        this.queue = this.makeQueue();
        this.session = this.makeSession();
        this.picture = pictureLayer(this.settings);
        this.labels = this.makeLabels();
        this.suggestions = this.makeSuggestions();
        this.tools = makeTools(this);
        this.motion = new Motion(this.view, () => this.viewer.redraw());
        this.pointer = new Pointer(this, canvas, () => this.viewer.redraw());
        const layers = {
            picture: this.picture,
            labels: this.labels.layer,
            suggestions: this.suggestions,
            shows: (layer) => this.shows(layer),
        };
        const afterFrame = () => {
            this.motion.step();
            refresh();
        };
        this.viewer = new Viewer(canvas, this.view, project, layers, (pen) => this.decorate(pen), afterFrame);
        this.view.setIndex(project.state.regions[0]?.start[0] ?? this.view.index);
        this.view.fit();
    }
    get className() {
        return this.project.classes[this.classIndex] ?? "";
    }
    get colour() {
        return classColour(this.classIndex);
    }
    get activeTool() {
        return this.tools[this.tool];
    }
    /** The source of suggestions in use: the one chosen, or the first there is. */
    get source() {
        const { sources } = this.state;
        return sources.find(({ name }) => name === this.settings.source) ?? sources[0] ?? null;
    }
    threshold(name) {
        const { source } = this;
        if (source === null)
            return 0.5;
        return this.settings.thresholds[thresholdKey(source.name, name)] ?? source.thresholds[name] ?? 0.5;
    }
    setThreshold(name, threshold) {
        if (this.source !== null)
            this.settings.thresholds[thresholdKey(this.source.name, name)] = threshold;
        this.suggestions.restyle();
        this.changed();
    }
    /** What accepting and rejecting refers to; says why where there is nothing. */
    suggested() {
        const { source, className } = this;
        if (source === null) {
            this.notices.say("There are no suggestions yet. Paint some foreground and some background first.");
            return null;
        }
        if (!this.settings.showSuggestions) {
            this.notices.say("The suggestions are hidden. Press S to see what you judge.");
            return null;
        }
        if (!source.classes.includes(className)) {
            this.notices.say(`"${source.title}" makes no suggestions for ${className}.`);
            return null;
        }
        return { source: source.name, class: className, threshold: this.threshold(className) };
    }
    act(action) {
        this.queue.push(action);
    }
    /** Runs a request that is not part of the queue; its failure is shown. */
    async ask(request) {
        try {
            const state = await request();
            if (state)
                this.receive(state);
        }
        catch (error) {
            this.notices.fail(error instanceof ServerError ? error.message : "The program does not answer. Please try again.");
        }
    }
    /** Does something that takes long, with a note; asking again meanwhile does nothing. */
    async once(note, work) {
        if (this.going.has(note))
            return;
        this.going.add(note);
        const done = this.notices.busy(note);
        await this.ask(work);
        done();
        this.going.delete(note);
    }
    setTool(tool) {
        if (tool === this.tool)
            return;
        this.activeTool.cancel();
        this.tool = tool;
        this.changed();
    }
    setClass(index) {
        if (index >= this.project.classes.length)
            return;
        this.classIndex = index;
        this.labels.layer.restyle();
        this.changed();
    }
    /** Changes settings of the page; tiles get their new look, and the browser keeps the settings. */
    set(change) {
        const before = { ...this.settings };
        Object.assign(this.settings, change);
        const differs = (...keys) => keys.some((key) => before[key] !== this.settings[key]);
        if (differs("low", "high"))
            this.picture.restyle();
        if (differs("labelOpacity", "outlines", "showBackground"))
            this.labels.layer.restyle();
        if (differs("suggestionOpacity"))
            this.suggestions.restyle();
        if (differs("source"))
            this.suggestions.store.clear();
        this.changed();
    }
    setAxis(axis) {
        if (axis !== "xy" && !this.project.cuts)
            return this.notices.say("This volume is shown in sections only.");
        this.activeTool.cancel();
        this.view.axis = axis;
        this.changed();
    }
    step(sections) {
        this.showSection(this.view.index + sections);
    }
    showSection(index) {
        this.view.setIndex(index);
        this.changed();
    }
    /** Shows the middle of a box, so that it fills most of the window. */
    flyTo({ start, shape }) {
        this.view.axis = "xy";
        const middle = start.map((first, axis) => first + shape[axis] / 2);
        middle[0] = start[0] + Math.floor(shape[0] / 2) + 0.5;
        this.motion.goTo(middle, this.view.zoomFor(shape));
        this.changed();
    }
    regionAt(voxel) {
        return this.state.regions.find((region) => contains(region, voxel)) ?? null;
    }
    /** The box of this section from one corner to the other, in whole voxels inside of the volume; null where it is empty. */
    sectionBox(from, to) {
        const [, height, width] = this.project.shape;
        const [y0, x0] = [clamp(Math.floor(from[0]), 0, height), clamp(Math.floor(from[1]), 0, width)];
        const [y1, x1] = [clamp(Math.ceil(to[0]), 0, height), clamp(Math.ceil(to[1]), 0, width)];
        if (y1 <= y0 || x1 <= x0)
            return null;
        return { start: [this.view.index, y0, x0], shape: [1, y1 - y0, x1 - x0] };
    }
    /** Takes over what the server says; labels are dealt with by the callers, who know what changed. */
    receive(state) {
        const before = this.state;
        const source = this.source;
        this.state = state;
        this.notices.news(before, state);
        if (source?.name !== this.source?.name)
            this.suggestions.store.clear();
        else if (source?.version !== this.source?.version)
            this.suggestions.store.invalidate(() => true);
        if (!state.regions.some(({ name }) => name === this.selectedRegion))
            this.selectedRegion = null;
        this.dropReviewedProposal();
        this.changed();
    }
    /** A box that lies within a reviewed region is no longer proposed, whichever way it was reviewed. */
    dropReviewedProposal() {
        if (this.proposal === null)
            return;
        const { start, shape } = this.proposal;
        const last = start.map((first, axis) => first + shape[axis] - 1);
        if (this.state.regions.some((region) => contains(region, start) && contains(region, last)))
            this.proposal = null;
    }
    /** Has the picture drawn anew, and after it the panel refreshed. */
    changed() {
        this.viewer.redraw();
    }
    saveSettings() {
        saveSettings(this.project.folder, this.settings);
    }
    shows(layer) {
        if (layer === "labels")
            return this.settings.showLabels;
        return this.settings.showSuggestions && this.source !== null;
    }
    decorate(pen) {
        drawRegions(pen, this.view, this.state.regions, this.selectedRegion);
        drawProposal(pen, this.view, this.proposal);
        this.activeTool.draw?.(pen, this.pointer.hover);
        this.drawBrush(pen);
        drawScaleBar(pen, this.view);
    }
    drawBrush(pen) {
        const { position } = this.pointer;
        if (position === null || this.held || this.view.axis !== "xy" || !BRUSHES.includes(this.tool))
            return;
        const outline = new Path2D();
        outline.arc(...position, Math.max(1, this.settings.radius * this.view.zoom), 0, 2 * Math.PI);
        strokeOnAny(pen, outline, this.tool === "brush" ? this.colour : "#fff", 1.75);
    }
    makeLabels() {
        return new Labels({
            classes: this.project.classes,
            tile: this.project.tile,
            settings: this.settings,
            current: () => this.classIndex,
            revision: () => this.labelsRevision,
            unsent: () => this.queue.actions,
            changed: (address) => this.suggestions.store.restyle(address),
        });
    }
    makeSuggestions() {
        return suggestionLayer({
            classes: this.project.classes,
            settings: this.settings,
            source: () => this.source,
            threshold: (name) => this.threshold(name),
            labels: (address) => this.labels.layer.store.get(address),
        });
    }
    makeQueue() {
        return new ActionQueue(`annotate queue ${this.project.folder}`, server.act, {
            acknowledged: (_, reply) => this.acknowledged(reply),
            refused: (action, message) => {
                this.labels.invalidateAll();
                // A click beside an object is no trouble; all else that is dropped must be noticed.
                if ("object" in action)
                    this.notices.say(message);
                else
                    this.notices.fail(message);
            },
            waiting: (reason) => this.notices.banner("queue", reason),
            changed: () => this.viewer?.redraw(),
        });
    }
    acknowledged({ state, changed }) {
        this.labelsRevision = state.revision;
        if (changed !== null)
            this.labels.invalidate(changed);
        this.receive(state);
    }
    makeSession() {
        const calls = { beat: server.session, end: server.end };
        return new Session(calls, {
            asking: () => {
                this.answersWhenAsked = this.queue.answers;
            },
            state: (state) => this.heard(state),
            connection: (connection, reason) => {
                this.notices.connection(connection, reason);
                if (connection === "taken")
                    this.queue.stop();
                this.changed();
            },
        });
    }
    /** An answer to the heartbeat. The answer to an action that came meanwhile is newer. */
    heard(state) {
        this.queue.start();
        if (this.answersWhenAsked !== this.queue.answers)
            return;
        if (this.queue.length === 0 && state.revision !== this.labelsRevision) {
            this.labelsRevision = state.revision;
            this.labels.invalidateAll();
        }
        this.receive(state);
    }
}
