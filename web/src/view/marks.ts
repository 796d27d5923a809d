/**
 * What a person places in the volume before an edit is sent: the seeds of a split, the line of a cut.
 * It is drawn by Neuroglancer, so that it moves with the picture, in space too.
 */
import type { Voxel } from "./contract.js";
import type { Scene } from "./scene.js";

const NAME = "marks of the tool";

/** The layer of marks as Neuroglancer's state describes it; its source is given with the voxel size. */
export const MARKS_LAYER = { name: NAME, type: "annotation", annotationColor: "#ffe14d", crossSectionAnnotationSpacing: 0, shader: "void main() { setPointMarkerSize(11.0); setPointMarkerBorderWidth(2.0); setPointMarkerBorderColor(vec3(0.0)); setColor(defaultColor()); setLineWidth(3.0); }" };

/** Numbers of Neuroglancer's kinds of annotations. */
const POINT = 0;
const LINE = 1;

interface Annotations {
  clear(): void;
  add(annotation: object): unknown;
}

export function drawPoints(scene: Scene, points: Voxel[]): void {
  draw(scene, points.map((point) => ({ type: POINT, point: turned(point) })));
}

export function drawLine(scene: Scene, points: Voxel[]): void {
  draw(scene, points.slice(1).map((point, i) => ({ type: LINE, pointA: turned(points[i]!), pointB: turned(point) })));
}

function draw(scene: Scene, annotations: object[]): void {
  const layer = scene.shown(NAME) as unknown as { localAnnotations?: Annotations } | null;
  layer?.localAnnotations?.clear();
  annotations.forEach((annotation, i) => layer?.localAnnotations?.add({ id: String(i), properties: [], ...annotation }));
}

function turned([z, y, x]: Voxel): Float32Array {
  return Float32Array.of(x, y, z);
}
