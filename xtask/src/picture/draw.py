"""A section as it is, and beside it the mask on it.

Takes a raw stack with voxels of 10 nm, a mask of it, the section and the picture to write.
"""

import sys

import numpy as np
import tifffile
from PIL import Image, ImageDraw, ImageFont

# Pixels of the picture for one of the section; a README shows it at a little over half of that.
SCALE = 2
GAP, BAND = 16, 44
# Okabe and Ito's orange, as the outlines of `em-cli`.
COLOUR = np.array([230, 159, 0])
OPACITY, OUTLINE = 0.22, 4
BAR_NM, NM = 500, 10
LIGHT, DARK = (255, 255, 255), (31, 35, 40)


def enlarged(plane, kind):
    height, width = plane.shape
    return np.asarray(Image.fromarray(plane).resize((width * SCALE, height * SCALE), kind))


def veiled(colours):
    return (1 - OPACITY) * colours + OPACITY * COLOUR


def palette():
    """160 greys, 95 of them under the veil, and the outline: a third of the bytes of full colours."""
    greys, under = (np.repeat(np.linspace(0, 255, count)[:, None], 3, axis=1) for count in (160, 95))
    image = Image.new("P", (1, 1))
    image.putpalette(np.concatenate([greys, veiled(under), [COLOUR]]).round().astype(np.uint8).tobytes())
    return image


def covered(grey, mask):
    """Greys with the mask as a veil and an outline, which lies inside of it."""
    inside = enlarged(mask.astype(np.float32), Image.Resampling.BICUBIC) > 0.5
    core = inside.copy()
    for _ in range(OUTLINE):
        padded = np.pad(core, 1, mode="edge")
        core = core & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    colours = np.repeat(grey[..., None], 3, axis=2).astype(np.float32)
    colours[inside] = veiled(colours[inside])
    colours[inside & ~core] = COLOUR
    return colours.astype(np.uint8)


def main(raw, mask, section, output):
    section = int(section)
    grey = tifffile.imread(raw)[section].astype(np.float32)
    low, high = np.quantile(grey, [0.001, 0.999])
    grey = (np.clip((grey - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    grey = enlarged(grey, Image.Resampling.BICUBIC)
    found = covered(grey, tifffile.imread(mask)[section] > 0)
    height, width = grey.shape
    picture = Image.new("RGB", (2 * width + GAP, BAND + height), LIGHT)
    picture.paste(Image.fromarray(np.repeat(grey[..., None], 3, axis=2)), (0, BAND))
    picture.paste(Image.fromarray(found), (width + GAP, BAND))

    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(28)
    draw.text((2, 6), f"fly brain, FIB-SEM, section {section}", DARK, font)
    draw.text((width + GAP + 2, 6), "mitochondria that the built-in network found", DARK, font)
    length, left, top = BAR_NM // NM * SCALE, 20, BAND + height - 34
    draw.rectangle((left - 10, top - 34, left + length + 10, top + 22), (0, 0, 0))
    draw.rectangle((left, top + 4, left + length, top + 12), LIGHT)
    draw.text((left, top - 31), f"{BAR_NM} nm", LIGHT, font)
    picture.quantize(palette=palette(), dither=Image.Dither.NONE).save(output, optimize=True)


main(*sys.argv[1:])
