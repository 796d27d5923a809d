"""Writes the golden files of em-io with the tools that people use.

    python3 crates/em-io/tests/make_fixtures.py

Needs numpy 2.4, tifffile 2026.3.3, imagecodecs, Pillow 13.0, mrcfile 1.5.4, nibabel 5.4.2 and h5py 3.16.0. The tests compute the expected
voxels from the formulas of `voxels` below, so that a file and its test cannot drift together.
"""

import gzip
import struct
from pathlib import Path

import h5py
import mrcfile
import nibabel
import numpy as np
import tifffile
from PIL import Image, TiffImagePlugin

OUT = Path(__file__).resolve().parents[3] / "fixtures" / "em-io"
SHAPE = (3, 13, 17)


def voxels(shape=SHAPE, dtype=np.uint8, shift=0):
    z, y, x = np.indices(shape, dtype=np.int64)
    z = z + shift
    if dtype == np.uint8:
        return ((z * 37 + y * 11 + x * 5) % 256).astype(np.uint8)
    wide = (z * 3701 + y * 1103 + x * 509) % 65536
    spread = wide * 65537
    integers = {np.uint16: wide, np.int16: wide - 2**15, np.uint32: spread, np.int32: spread - 2**31}
    # Values that 64-bit floats do not hold, up to the largest.
    integers[np.uint64] = np.uint64(2**64 - 1) - spread.astype(np.uint64)
    integers[np.int64] = spread + np.iinfo(np.int64).min
    integers[np.int8] = (z * 37 + y * 11 + x * 5) % 256 - 128
    if dtype in integers:
        return integers[dtype].astype(dtype)
    return (wide.astype(np.float32) * 0.25 - 100).astype(np.float32)


def colour(shape=SHAPE, dtype=np.uint8):
    return np.stack([voxels(shape, dtype, shift) for shift in (0, 1, 2)], axis=-1)


def write(name, array, **options):
    options.setdefault("metadata", None)
    options.setdefault("software", False)
    tifffile.imwrite(OUT / name, array, **options)


def tiffs():
    grey, wide, real = voxels(), voxels(dtype=np.uint16), voxels(dtype=np.float32)
    write("plain.tif", grey, photometric="minisblack")
    write("strips.tif", grey, photometric="minisblack", rowsperstrip=4)
    write("lzw.tif", grey, photometric="minisblack", compression="lzw", predictor=2)
    write("deflate.tif", wide, photometric="minisblack", compression="deflate", predictor=2)
    write("lzw-tiled.tif", grey, photometric="minisblack", tile=(16, 16), compression="lzw")
    write("zstd.tif", wide, photometric="minisblack", compression="zstd", predictor=2)
    write("deflate-strips-big-endian.tif", wide, photometric="minisblack", rowsperstrip=5, compression="deflate", predictor=2, byteorder=">")
    write("deflate-tiled-8.tif", grey, photometric="minisblack", tile=(16, 16), compression="deflate", predictor=2)
    write("packbits.tif", grey, photometric="minisblack", compression="packbits")
    write("tiled.tif", wide, photometric="minisblack", tile=(16, 16), compression="deflate")
    write("big-endian.tif", wide, photometric="minisblack", byteorder=">")
    write("bigtiff.tif", grey, photometric="minisblack", bigtiff=True)
    write("bigtiff-big-endian.tif", wide, photometric="minisblack", bigtiff=True, byteorder=">")
    write("float.tif", real, photometric="minisblack")
    write("float-predictor.tif", real, photometric="minisblack", compression="deflate", predictor=3)
    write("float-tiled.tif", real, photometric="minisblack", tile=(16, 16), compression="deflate", predictor=3)
    write("rgb.tif", colour(), photometric="rgb")
    write("rgb-planar.tif", np.moveaxis(colour(), -1, 1), photometric="rgb", planarconfig="separate")
    # Without `photometric` three sections become the colours of one page.
    write("sections-as-colours.tif", grey)
    write("rgb-tiled-16.tif", colour(dtype=np.uint16), photometric="rgb", tile=(16, 16))
    alpha = np.full(SHAPE + (1,), 99, np.uint8)
    write("rgba.tif", np.concatenate([colour(), alpha], -1), photometric="rgb", extrasamples=["unassalpha"])
    write("white-is-zero.tif", 255 - grey, photometric="miniswhite")
    write("bilevel.tif", grey > 127, photometric="minisblack")
    # A quality of 100 keeps a flat section exact through the discrete cosine transform.
    write("jpeg.tif", np.full((2, 16, 16), 90, np.uint8), photometric="minisblack", compression="jpeg", compressionargs={"level": 100})
    imagej = dict(imagej=True, resolution=(1 / 4.6, 1 / 4.6), metadata={"axes": "ZYX", "spacing": 50.0, "unit": "nm"})
    write("imagej.tif", grey, **imagej)
    imagej["resolution"] = (200, 200)
    imagej["metadata"] = {"axes": "ZYX", "spacing": 0.05, "unit": "\\u00B5m"}
    write("imagej-micron.tif", wide, **imagej)
    write("imagej-channels.tif", voxels((4, 5, 6)).reshape(2, 2, 5, 6), imagej=True, metadata={"axes": "ZCYX"})
    write("signed-8.tif", voxels(dtype=np.int8), photometric="minisblack", compression="deflate", predictor=2)
    write("signed.tif", voxels(dtype=np.int16), photometric="minisblack")
    write("unsigned-32.tif", voxels(dtype=np.uint32), photometric="minisblack", byteorder=">", compression="lzw", predictor=2)
    write("signed-32.tif", voxels(dtype=np.int32), photometric="minisblack", tile=(16, 16), compression="deflate")
    write("signed-64.tif", voxels(dtype=np.int64), photometric="minisblack", byteorder=">")
    write("unsigned-64.tif", voxels(dtype=np.uint64), photometric="minisblack", tile=(16, 16), compression="deflate", predictor=2)
    write("unsigned-64-zstd.tif", voxels(dtype=np.uint64), photometric="minisblack", rowsperstrip=5, compression="zstd", predictor=2)
    write("double.tif", real.astype(np.float64), photometric="minisblack")
    half = (grey * 0.25 - 20).astype(np.float16)
    write("half.tif", half, photometric="minisblack", byteorder=">")
    write("half-predictor.tif", half, photometric="minisblack", tile=(16, 16), compression="deflate", predictor=3)
    colours = np.random.default_rng(0).integers(0, 2**16, (3, 256)).astype(np.uint16)
    write("palette.tif", grey[:1], photometric="palette", colormap=colours)
    # What is refused, each with its own message.
    with tifffile.TiffWriter(OUT / "sizes.tif") as tif:
        for page in (grey[0], grey[1], grey[2, :5]):
            tif.write(page, photometric="minisblack", metadata=None, software=False)
    with tifffile.TiffWriter(OUT / "pyramid.tif") as tif:
        tif.write(grey[0], photometric="minisblack", metadata=None, software=False)
        tif.write(grey[0, ::2, ::2], photometric="minisblack", subfiletype=1, metadata=None, software=False)


def stored_as_said():
    """Files whose stored numbers, bits or axes are not what a first look takes them for."""
    grey, wide = voxels(), voxels(dtype=np.uint16)
    # The description and the name of the program tell that tifffile wrote these.
    tifffile.imwrite(OUT / "mask-of-tifffile.tif", grey > 127)
    tifffile.imwrite(OUT / "sections-of-tifffile.tif", wide)
    tifffile.imwrite(OUT / "channels-of-tifffile.tif", np.stack([grey, 255 - grey], 1), photometric="minisblack", metadata={"axes": "ZCYX"})
    tifffile.imwrite(OUT / "samples-of-tifffile.tif", np.moveaxis(voxels((6, 13, 17)), 0, -1), photometric="minisblack", planarconfig="contig", compression="deflate", predictor=True)
    tifffile.imwrite(OUT / "one-directory-of-tifffile.tif", wide, photometric="minisblack", truncate=True)
    write("white-is-zero-float.tif", voxels(dtype=np.float32), photometric="miniswhite")
    for name, options in {"": {}, "-lzw": {"compression": "lzw"}, "-deflate": {"compression": "deflate"}}.items():
        write(f"fill-order{name}.tif", wide[:1], photometric="minisblack", software="replaced", **options)
        reverse_bits(OUT / f"fill-order{name}.tif")
    mask = voxels((1, 61, 75))[0] > 127
    for name, compression, tags in [
        ("rle", "tiff_ccitt", {}),
        ("group-3", "group3", {}),
        ("group-3-2d", "group3", {292: 5}),
        ("group-4", "group4", {}),
        ("group-4-reversed", "group4", {266: 2}),
        ("rle-white", "tiff_ccitt", {262: 0, 266: 2}),
    ]:
        directory = TiffImagePlugin.ImageFileDirectory_v2()
        for tag, value in tags.items():
            directory[tag] = value
        Image.fromarray(mask).save(OUT / f"fax-{name}.tif", compression=compression, tiffinfo=directory)
    labels = Image.fromarray(grey[0] % 5, "P")
    labels.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0, 0, 0, 200, 255, 255, 255])
    labels.save(OUT / "labels-with-palette.png")


def reverse_bits(path):
    """Turns the bits of the strip round, and puts FillOrder 2 in the place of the tag Software, as tifffile writes none."""
    contents = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tif:
        page = tif.pages[0]
        strip = slice(page.dataoffsets[0], page.dataoffsets[0] + page.databytecounts[0])
        software = page.tags["Software"].offset
    contents[strip] = (int(f"{byte:08b}"[::-1], 2) for byte in contents[strip])
    contents[software : software + 12] = struct.pack("<HHIHH", 266, 3, 1, 2, 0)
    path.write_bytes(contents)


def imagej_in_one_piece():
    """As ImageJ writes stacks above 4 GB: one directory, then all sections."""
    options = dict(imagej=True, truncate=True, metadata={"axes": "ZYX", "spacing": 50.0, "unit": "nm"}, resolution=(1 / 4.6, 1 / 4.6))
    write("imagej-one-directory.tif", voxels(), **options)
    write("imagej-one-directory-float.tif", voxels(dtype=np.float32), byteorder=">", **options)


def ome():
    size = {"PhysicalSizeX": 4.6, "PhysicalSizeY": 4.6, "PhysicalSizeZ": 0.05}
    units = {"PhysicalSizeXUnit": "nm", "PhysicalSizeYUnit": "nm", "PhysicalSizeZUnit": "\u00b5m"}
    uuid = {"UUID": "00000000-0000-0000-0000-000000000000"}
    write("ome.ome.tif", voxels(dtype=np.uint16), ome=True, photometric="minisblack", compression="deflate", metadata={"axes": "ZYX", **size, **units, **uuid})
    write("ome-big.ome.tif", voxels(dtype=np.int16), ome=True, photometric="minisblack", bigtiff=True, byteorder=">", metadata={"axes": "ZYX", **uuid})
    write("ome-channels.ome.tif", voxels((4, 5, 6)).reshape(2, 2, 5, 6), ome=True, photometric="minisblack", metadata={"axes": "ZCYX", **uuid})

    def by_hand(name, pages, images):
        xml = "<OME xmlns='http://www.openmicroscopy.org/Schemas/OME/2016-06'>" + "".join(images) + "</OME>"
        with tifffile.TiffWriter(OUT / name) as tif:
            for index, page in enumerate(pages):
                tif.write(page, photometric="minisblack", metadata=None, software=False, description=xml if index == 0 else None)

    def image(sections, planes):
        return f"<Image><Pixels DimensionOrder='XYZCT' SizeZ='{sections}' SizeC='1' SizeT='1'>{planes}</Pixels></Image>"

    grey = voxels()
    planes = "".join(f"<TiffData FirstZ='{z}' IFD='{3 - z}'/>" for z in range(3))
    by_hand("ome-order.ome.tif", [grey[0, :5], *grey[::-1]], [image(3, planes), image(1, "<TiffData IFD='0'/>")])
    files = "".join(f"<TiffData FirstZ='{z}' IFD='0'><UUID FileName='{z}.ome.tif'>urn:uuid:{z}</UUID></TiffData>" for z in range(3))
    by_hand("ome-files.ome.tif", grey[:1], [image(3, files)])


def write_mrc(name, array, patch={}, **header):
    with mrcfile.new(OUT / name, overwrite=True) as mrc:
        mrc.set_data(array)
        for key, value in header.items():
            setattr(mrc, key, value)
        # The label has the time of day in it.
        mrc.header.label[:] = b""
        mrc.header.nlabl = 0
    contents = bytearray((OUT / name).read_bytes())
    for at, value in patch.items():
        contents[at : at + 4] = np.array(value, "<i4" if isinstance(value, int) else "<f4").tobytes()
    (OUT / name).write_bytes(contents)


def mrcs():
    imod = 1146047817
    signed, grey = voxels(dtype=np.int8), voxels().view(np.int8)
    write_mrc("signed-bytes.mrc", signed)
    write_mrc("imod-signed.mrc", signed, {152: imod, 156: 1, 76: 0.0, 80: 255.0})
    write_mrc("imod-unsigned.rec", grey, {152: imod, 156: 0})
    write_mrc("unsigned-by-range.mrc", grey, {76: 0.0, 80: 255.0})
    write_mrc("big-endian.mrc", voxels(dtype=np.int16).astype(">i2"), voxel_size=(46.0, 46.0, 500.0))
    write_mrc("float.mrc", voxels(dtype=np.float32), voxel_size=(46.0, 46.0, 500.0))
    write_mrc("mode-6.st", voxels(dtype=np.uint16), voxel_size=1.0)
    with mrcfile.new(OUT / "extended.mrc", overwrite=True) as mrc:
        mrc.set_data(voxels(dtype=np.uint16))
        mrc.set_extended_header(np.zeros(100, "S1"))
        mrc.header.label[:] = b""
        mrc.header.nlabl = 0
    write_mrc("half.mrc", (voxels() * 0.25 - 20).astype(np.float16), voxel_size=(46.0, 46.0, 500.0))
    # A row of two volumes of three sections, and a stack of images.
    write_mrc("row-of-volumes.mrc", voxels((6,) + SHAPE[1:], np.int16), {28 + 8: 3, 88: 401, 48: 1500.0}, voxel_size=(46.0, 46.0, 500.0))
    write_mrc("images.mrcs", voxels(dtype=np.int16), {28 + 8: 1, 88: 0}, voxel_size=(46.0, 46.0, 500.0))
    # Four bits, as IMOD writes them: mode 101, and a flag that halves the columns of mode 0.
    four = voxels() % 16
    padded = np.pad(four, ((0, 0), (0, 0), (0, 1)))
    write_mrc("four-bits.mrc", (padded[..., ::2] | padded[..., 1::2] << 4).view(np.int8), {0: SHAPE[2], 12: 101, 28: SHAPE[2]})
    write_mrc("four-bits-by-flag.mrc", (four[..., :16:2] | four[..., 1:16:2] << 4).view(np.int8), {152: imod, 156: 16})
    for name in ("float.mrc", "four-bits.mrc"):
        (OUT / (name + ".gz")).write_bytes(gzip.compress((OUT / name).read_bytes(), mtime=0))
    # What is refused.
    write_mrc("complex.mrc", voxels((1, 4, 5), np.float32).astype(np.complex64))
    write_mrc("axes.mrc", voxels((2, 4, 5), np.float32), {64: 3, 72: 1})


def write_nifti(name, array, kind=nibabel.Nifti1Image, unit="micron", zooms=(0.0046, 0.0046, 0.05), endianness="<", scale=None, affine=None):
    header = kind.header_class(endianness=endianness)
    header.set_data_dtype(array.dtype)
    image = kind(np.moveaxis(array, (0, 1, 2), (2, 1, 0)), affine, header)
    image.header.set_xyzt_units(unit)
    image.header.set_zooms(zooms + (1.0,) * (array.ndim - 3))
    contents = bytearray(image.to_bytes())
    if scale:
        # nibabel fits a scale of its own to the values.
        contents[112:120] = np.array(scale, "<f4").tobytes()
    if name.endswith(".gz"):
        contents = gzip.compress(contents, mtime=0)
    (OUT / name).write_bytes(contents)


def niftis():
    write_nifti("grey.nii", voxels())
    write_nifti("grey.nii.gz", voxels())
    write_nifti("big-endian.nii", voxels(dtype=np.int16), endianness=">", unit="mm", zooms=(4.6e-6, 4.6e-6, 50e-6))
    write_nifti("double.nii", voxels(dtype=np.float32).astype(np.float64), unit=None)
    write_nifti("scaled.nii", voxels(dtype=np.uint16), scale=(0.25, -100.0))
    write_nifti("version-2.nii", voxels(dtype=np.uint32), nibabel.Nifti2Image)
    write_nifti("signed-64.nii", voxels(dtype=np.int64))
    write_nifti("unsigned-64-big-endian.nii.gz", voxels(dtype=np.uint64), endianness=">")
    write_nifti("version-2-big-endian.nii.gz", voxels(dtype=np.int32), nibabel.Nifti2Image, endianness=">")
    # The axes point to the left, up and to the front.
    affine = np.array([[-0.0046, 0, 0, 1], [0, 0, 0.05, 2], [0, 0.0046, 0, 3], [0, 0, 0, 1]])
    write_nifti("oriented.nii", voxels(dtype=np.int16), affine=affine)
    write_nifti("oriented-version-2.nii.gz", voxels(dtype=np.int16), nibabel.Nifti2Image, endianness=">", affine=affine)
    write_nifti("time.nii", voxels((3, 4, 5)).reshape(3, 4, 5, 1).repeat(2, axis=3))
    times = np.stack([voxels(dtype=np.uint16), voxels(dtype=np.uint16, shift=1)], axis=3)
    write_nifti("times.nii", times)
    write_nifti("times.nii.gz", times)
    # What is refused.
    write_nifti("complex.nii", voxels((1, 4, 5), np.float32).astype(np.complex64))


def npys():
    grey, real = voxels(), voxels(dtype=np.float32)
    np.save(OUT / "grey.npy", grey)
    np.save(OUT / "fortran-big-endian.npy", np.asfortranarray(voxels(dtype=np.int16).astype(">i2")))
    np.save(OUT / "half.npy", (grey * 0.25 - 20).astype(np.float16)[None, ..., None])
    np.save(OUT / "double.npy", real.astype(np.float64))
    np.save(OUT / "labels-64.npy", np.asfortranarray(voxels(dtype=np.uint64)))
    np.save(OUT / "mask.npy", grey > 127)
    np.save(OUT / "section.npy", grey[0])
    for version in (2, 3):
        with open(OUT / f"version-{version}.npy", "wb") as file:
            np.lib.format.write_array(file, voxels(dtype=np.uint32), (version, 0))
    # What is refused, each with its own message.
    np.save(OUT / "complex.npy", grey.astype(np.complex64))
    np.save(OUT / "channels.npy", np.stack([grey, grey]))
    np.save(OUT / "objects.npy", np.array([None, "a"], object), allow_pickle=True)


def images():
    grey, wide = voxels((1,) + SHAPE[1:])[0], voxels((1,) + SHAPE[1:], np.uint16)[0]
    rgb = colour((1,) + SHAPE[1:])[0]
    Image.fromarray(grey).save(OUT / "grey.png")
    Image.fromarray(wide).save(OUT / "grey-16.png")
    Image.fromarray(rgb).save(OUT / "rgb.png")
    Image.fromarray(np.dstack([rgb, np.full(grey.shape, 99, np.uint8)])).save(OUT / "rgba.png")
    Image.fromarray(grey > 127).save(OUT / "bilevel.png")
    Image.fromarray(grey // 64 * 60).convert("P").save(OUT / "palette.png")
    Image.fromarray(np.full((16, 16), 90, np.uint8)).save(OUT / "grey.jpg", quality=100)
    # What Pillow makes of the colours, the judge of our grey.
    Image.fromarray(rgb).convert("L").save(OUT / "rgb-as-grey-by-pillow.png")


def hdf5s():
    # A folder of their own: most tests are built without the library of HDF5.
    (OUT / "hdf5").mkdir(exist_ok=True)
    with h5py.File(OUT / "hdf5" / "plain-big-endian.h5", "w") as file:
        file["volumes/raw"] = voxels(dtype=np.uint16).astype(">u2")
    with h5py.File(OUT / "hdf5" / "labels-64.h5", "w") as file:
        file["volumes/labels"] = voxels(dtype=np.uint64)
    with h5py.File(OUT / "hdf5" / "chunked.h5", "w") as file:
        options = {"chunks": (2, 8, 8), "compression": "gzip", "shuffle": True}
        raw = file.create_dataset("raw", data=voxels(), **options)
        raw.attrs["element_size_um"] = np.array([50, 4.6, 4.6]) / 1000
        # ilastik keeps time and channel as axes of length 1.
        file.create_dataset("exported_data", data=voxels(dtype=np.float32)[None, ..., None])
    grey = voxels()
    with h5py.File(OUT / "hdf5" / "stored.h5", "w") as file:
        file["half"] = (grey * 0.25 - 20).astype(np.float16)
        file["double"] = voxels(dtype=np.float32).astype(np.float64)
        file["double"].attrs["resolution"] = [40, 4, 4]
        file["mask"] = grey > 127
        file.create_dataset("checked", data=voxels(dtype=np.int16), chunks=(1, 13, 17), fletcher32=True)
        layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        layout.set_layout(h5py.h5d.COMPACT)
        compact = h5py.h5d.create(file.id, b"compact", h5py.h5t.NATIVE_UINT8, h5py.h5s.create_simple(SHAPE[1:]), layout)
        compact.write(h5py.h5s.ALL, h5py.h5s.ALL, grey[0].copy())
        filled = file.create_dataset("filled", SHAPE, np.uint16, chunks=(2, 8, 8), fillvalue=7, compression="gzip")
        filled[:2, :8, :8] = voxels(dtype=np.uint16)[:2, :8, :8]
        # What is refused, each with its own message.
        file["complex"] = grey.astype(np.complex64)
        file["numbers"] = np.arange(7)
        file.create_dataset("lzf", data=grey, compression="lzf")
    with h5py.File(OUT / "hdf5" / "newest-behind-a-block.h5", "w", libver="latest", userblock_size=512) as file:
        file.create_dataset("raw", data=voxels(dtype=np.uint16), chunks=(2, 8, 8), compression="gzip", shuffle=True)


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    tiffs()
    stored_as_said()
    imagej_in_one_piece()
    ome()
    images()
    mrcs()
    niftis()
    npys()
    hdf5s()
    print(sum(file.stat().st_size for file in OUT.iterdir()), "bytes in", OUT)
