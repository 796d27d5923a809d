/**
 * Objects as outlines: Neuroglancer fills objects, so its shader gets a line in front that leaves out what has no border near.
 */
import { SegmentationRenderLayer } from "neuroglancer/unstable/sliceview/volume/segmentation_renderlayer.js";

/** Whether objects are drawn as outlines, for all layers. */
export const outlines = { value: false };

/** A voxel counts as border where a voxel of another object lies this many pixels of the screen away. */
const REACH_PIXELS = 2.5;

const LINE_STRENGTH = 2;

/** `getDataValueAt` knows the voxels of one chunk, so the last voxels of a chunk look no further. */
const BORDER_SHADER = `
bool differsAt(vec3 offset, uint64_t value) {
  highp vec3 p = clamp(floor(vChunkPosition + offset), vec3(0.0), uChunkDataSize - 1.0);
  uint64_t other = toUint64(getDataValueAt(ivec3(p)));
  return other.value != value.value;
}
bool isInside() {
  highp vec3 right = ${REACH_PIXELS} * dFdx(vChunkPosition);
  highp vec3 up = ${REACH_PIXELS} * dFdy(vChunkPosition);
  uint64_t value = toUint64(getDataValue());
  return !(differsAt(right, value) || differsAt(-right, value) || differsAt(up, value) || differsAt(-up, value));
}
`;

const ONLY_BORDER = `
  if (uOutlines > 0.5 && isInside()) {
    emit(vec4(0.0));
    return;
  }
`;

/** Teaches Neuroglancer to draw outlines; has to be called before the first layer is made. */
export function teachOutlines(): void {
  const { prototype } = SegmentationRenderLayer;
  const { defineShader, initializeShader } = prototype;
  prototype.defineShader = function (builder, parameters) {
    builder.addUniform("highp float", "uOutlines");
    builder.addFragmentCode(BORDER_SHADER);
    const setMain = builder.setFragmentMain;
    builder.setFragmentMain = (main: string) => setMain.call(builder, ONLY_BORDER + main);
    defineShader.call(this, builder, parameters);
    builder.setFragmentMain = setMain;
  };
  prototype.initializeShader = function (sliceView, shader, parameters) {
    this.gl.uniform1f(shader.uniform("uOutlines"), outlines.value ? 1 : 0);
    initializeShader.call(this, sliceView, shader, parameters);
    if (!outlines.value) return;
    // A line covers little, so it may be stronger than what is filled.
    const { selectedAlpha, notSelectedAlpha } = this.displayState;
    this.gl.uniform1f(shader.uniform("uSelectedAlpha"), Math.min(1, LINE_STRENGTH * selectedAlpha.value));
    this.gl.uniform1f(shader.uniform("uNotSelectedAlpha"), Math.min(1, LINE_STRENGTH * notSelectedAlpha.value));
  };
}
