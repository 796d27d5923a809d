//! Files written by tifffile and Pillow are read as they wrote them.

mod common;

use common::{
    SHAPE, check, check_with_size, f32_at, fixture, i8_at, i16_at, i32_at, i64_at, of, open, u8_at, u16_at,
    u32_at, u64_at,
};
use em_io::{Mask, Roi};

/// Rec. 601 luma in Pillow's integers.
fn luma<T: Into<u32>>(value: impl Fn(usize, usize, usize) -> T) -> impl Fn(usize, usize, usize) -> u32 {
    move |z, y, x| {
        let [red, green, blue] = [0, 1, 2].map(|shift| value(z + shift, y, x).into());
        (19_595 * red + 38_470 * green + 7_471 * blue + 32_768) >> 16
    }
}

#[test]
fn eight_bit_tiff_of_every_layout() {
    let expected = of(SHAPE, u8_at);
    for name in [
        "plain.tif",
        "strips.tif",
        "lzw.tif",
        "lzw-tiled.tif",
        "deflate-tiled-8.tif",
        "packbits.tif",
        "bigtiff.tif",
        "white-is-zero.tif",
        "imagej.tif",
    ] {
        check(name, &expected);
    }
}

#[test]
fn sixteen_bit_tiff_of_every_layout() {
    let expected = of(SHAPE, u16_at);
    for name in [
        "deflate.tif",
        "zstd.tif",
        "deflate-strips-big-endian.tif",
        "tiled.tif",
        "big-endian.tif",
        "bigtiff-big-endian.tif",
        "imagej-micron.tif",
    ] {
        check(name, &expected);
    }
}

#[test]
fn float_tiff_with_and_without_predictor() {
    let expected = of(SHAPE, f32_at);
    for name in ["float.tif", "float-predictor.tif", "float-tiled.tif"] {
        check(name, &expected);
    }
}

#[test]
fn integers_of_every_size_and_sign_keep_their_values() {
    check("signed-8.tif", &of(SHAPE, i8_at));
    check("signed.tif", &of(SHAPE, i16_at));
    check("unsigned-32.tif", &of(SHAPE, u32_at));
    check("signed-32.tif", &of(SHAPE, i32_at));
    check("unsigned-64.tif", &of(SHAPE, u64_at));
    check("unsigned-64-zstd.tif", &of(SHAPE, u64_at));
    check("signed-64.tif", &of(SHAPE, i64_at));
}

#[test]
fn doubles_are_rounded_and_said_aloud() {
    check("double.tif", &of(SHAPE, f32_at));
    assert_eq!(open("double.tif").notes(), ["64-bit float rounded to 32-bit float"]);
}

#[test]
fn half_floats_keep_their_values() {
    let expected = of(SHAPE, |z, y, x| f32::from(u8_at(z, y, x)) * 0.25 - 20.0);
    for name in ["half.tif", "half-predictor.tif"] {
        check(name, &expected);
        assert!(open(name).notes().is_empty(), "{name}");
    }
}

#[test]
fn white_is_zero_is_inverted_and_said_aloud() {
    check("white-is-zero.tif", &of(SHAPE, u8_at));
    assert_eq!(open("white-is-zero.tif").notes(), ["inverted: the file stores 0 for white"]);
}

#[test]
fn white_is_zero_changes_no_number_but_those_of_pictures() {
    check("mask-of-tifffile.tif", &of(SHAPE, |z, y, x| if u8_at(z, y, x) > 127 { 255_u8 } else { 0 }));
    check("white-is-zero-float.tif", &of(SHAPE, f32_at));
    for name in ["mask-of-tifffile.tif", "white-is-zero-float.tif"] {
        let last = open(name).notes().last().cloned().unwrap_or_default();
        assert_eq!(last, "not inverted, though the file shows 0 as white: values are as stored", "{name}");
    }
}

#[test]
fn who_asks_decides_whether_values_are_turned() {
    let with = |name, invert| {
        let options = em_io::OpenOptions { invert: Some(invert), ..em_io::OpenOptions::default() };
        options.open(fixture(name)).and_then(|volume| volume.read_all())
    };
    let (stored, turned) = (of(SHAPE, |z, y, x| 255 - u8_at(z, y, x)), of(SHAPE, u8_at));
    assert_eq!(with("white-is-zero.tif", false).unwrap(), stored);
    assert_eq!(with("white-is-zero.tif", true).unwrap(), turned);
    assert_eq!(with("plain.tif", true).unwrap(), stored);
    assert!(matches!(with("float.tif", true), Err(em_io::Error::CannotInvert { .. })));
    assert!(matches!(with("float.mrc", true), Err(em_io::Error::CannotInvert { .. })));
}

#[test]
fn bits_that_are_stored_in_reverse_are_reversed_before_they_are_unpacked() {
    for name in ["fill-order.tif", "fill-order-lzw.tif", "fill-order-deflate.tif"] {
        check(name, &of([1, SHAPE[1], SHAPE[2]], u16_at));
    }
}

#[test]
fn masks_of_fax_machines_are_what_pillow_was_given() {
    let expected = of([1, 61, 75], |z, y, x| if u8_at(z, y, x) > 127 { 255_u8 } else { 0 });
    for name in ["rle", "group-3", "group-3-2d", "group-4", "group-4-reversed", "rle-white"] {
        check(&format!("fax-{name}.tif"), &expected);
    }
}

#[test]
fn palettes_give_indices_where_they_are_no_scale_of_greys() {
    let note = "a palette's indices are read, not its colours";
    check("palette.tif", &of([1, SHAPE[1], SHAPE[2]], u8_at));
    assert_eq!(open("palette.tif").notes(), [note]);
    #[cfg(feature = "images")]
    {
        check("labels-with-palette.png", &of([1, SHAPE[1], SHAPE[2]], |z, y, x| u8_at(z, y, x) % 5));
        assert_eq!(open("labels-with-palette.png").notes(), [note]);
        assert!(open("palette.png").notes().is_empty());
    }
}

#[test]
fn axes_that_tifffile_tells_are_followed() {
    check("sections-of-tifffile.tif", &of(SHAPE, u16_at));
    check("one-directory-of-tifffile.tif", &of(SHAPE, u16_at));
    let of_channel = |name, channel| {
        let options = em_io::OpenOptions { channel, ..em_io::OpenOptions::default() };
        options.open(fixture(name)).and_then(|volume| volume.read_all())
    };
    assert_eq!(of_channel("channels-of-tifffile.tif", Some(0)).unwrap(), of(SHAPE, u8_at));
    assert_eq!(
        of_channel("channels-of-tifffile.tif", Some(1)).unwrap(),
        of(SHAPE, |z, y, x| 255 - u8_at(z, y, x))
    );
    assert_eq!(
        of_channel("samples-of-tifffile.tif", Some(5)).unwrap(),
        of([1, SHAPE[1], SHAPE[2]], |_, y, x| u8_at(5, y, x))
    );
    for name in ["channels-of-tifffile.tif", "samples-of-tifffile.tif"] {
        let refused = of_channel(name, None).unwrap_err();
        assert!(
            matches!(refused, em_io::Error::SeveralParts { part: em_io::Part::Channel, .. }),
            "{refused}"
        );
    }
}

#[test]
fn colour_is_read_as_grey_and_said_aloud() {
    let expected = of(SHAPE, |z, y, x| luma(u8_at)(z, y, x) as u8);
    for name in ["rgb.tif", "rgb-planar.tif", "rgba.tif"] {
        check(name, &expected);
        assert!(open(name).notes()[0].contains("colour read as grey"), "{name}");
    }
    check("rgb-tiled-16.tif", &of(SHAPE, |z, y, x| luma(u16_at)(z, y, x) as u16));
    assert_eq!(open("rgba.tif").notes()[1], "alpha channel left out");
    assert!(open("plain.tif").notes().is_empty());
}

#[test]
fn colours_that_may_be_sections_are_said_aloud() {
    check("sections-as-colours.tif", &of([1, 13, 17], |z, y, x| luma(u8_at)(z, y, x) as u8));
    let notes = |name| open(name).notes().to_vec();
    assert!(notes("sections-as-colours.tif")[1].contains("if its colours are sections"));
    // Pages of their own are sections already, and colours that lie side by side are colours.
    assert_eq!(notes("rgb-planar.tif").len(), 1);
    assert_eq!(notes("rgb.tif").len(), 1);
}

#[test]
fn imagej_stacks_with_one_directory_are_read_whole() {
    check_with_size("imagej-one-directory.tif", "TIFF", &of(SHAPE, u8_at));
    check_with_size("imagej-one-directory-float.tif", "TIFF", &of(SHAPE, f32_at));
}

#[test]
fn ome_tiff_has_its_sections_where_the_xml_says() {
    check_with_size("ome.ome.tif", "OME-TIFF", &of(SHAPE, u16_at));
    check("ome-big.ome.tif", &of(SHAPE, i16_at));
    assert_eq!(open("ome-big.ome.tif").voxel_size_nm(), None);
    check("ome-order.ome.tif", &of(SHAPE, u8_at));
    assert_eq!(open("ome-order.ome.tif").notes(), ["a second image of the OME-TIFF left out"]);
}

#[cfg(feature = "images")]
#[test]
fn colour_png_is_the_grey_that_pillow_makes() {
    let pillow = open("rgb-as-grey-by-pillow.png").read_all().unwrap();
    check("rgb.png", &pillow);
    check("rgba.png", &pillow);
    assert_eq!(open("rgba.png").notes().len(), 2);
}

#[cfg(feature = "images")]
#[test]
fn png_keeps_its_depth() {
    let shape = [1, SHAPE[1], SHAPE[2]];
    check("grey.png", &of(shape, u8_at));
    check("grey-16.png", &of(shape, u16_at));
    check("palette.png", &of(shape, |z, y, x| u8_at(z, y, x) / 64 * 60));
}

#[test]
fn one_bit_files_are_masks() {
    let expected = |shape| of(shape, |z, y, x| if u8_at(z, y, x) > 127 { 255_u8 } else { 0 });
    check("bilevel.tif", &expected(SHAPE));
    #[cfg(feature = "images")]
    check("bilevel.png", &expected([1, SHAPE[1], SHAPE[2]]));
    let mask = Mask::read(fixture("bilevel.tif")).unwrap();
    assert_eq!(mask.view()[[0, 0, 16]], u8_at(0, 0, 16) > 127);
}

#[test]
fn jpeg_is_read_alone_and_inside_tiff() {
    check("jpeg.tif", &of([2, 16, 16], |_, _, _| 90_u8));
    #[cfg(feature = "images")]
    {
        check("grey.jpg", &of([1, 16, 16], |_, _, _| 90_u8));
        assert_eq!(open("grey.jpg").format(), "JPEG");
    }
}

#[test]
fn the_voxel_size_of_imagej_is_in_nanometres() {
    assert_eq!(open("imagej.tif").voxel_size_nm(), Some([50.0, 4.6, 4.6]));
    assert_eq!(open("imagej-micron.tif").voxel_size_nm(), Some([50.0, 5.0, 5.0]));
    assert_eq!(open("plain.tif").voxel_size_nm(), None);
    #[cfg(feature = "images")]
    assert_eq!(open("grey.png").voxel_size_nm(), None);
}

#[test]
fn smaller_copies_of_a_section_are_left_out() {
    check("pyramid.tif", &of([1, SHAPE[1], SHAPE[2]], u8_at));
    assert_eq!(open("pyramid.tif").notes(), ["1 reduced-resolution page left out"]);
}

#[test]
fn a_block_without_voxels_is_empty() {
    let volume = open("tiled.tif");
    for shape in [[0, 13, 17], [3, 0, 17], [3, 13, 0]] {
        let block = volume.read(Roi { start: [0; 3], shape }).unwrap();
        assert_eq!(block.shape(), shape);
    }
}

#[test]
fn a_volume_is_shared_between_threads() {
    fn shared<T: Send + Sync>(value: T) -> T {
        value
    }
    let volume = shared(open("tiled.tif"));
    let sections: Vec<_> = std::thread::scope(|scope| {
        let threads = [0, 1, 2].map(|z| {
            scope.spawn({
                let volume = &volume;
                move || volume.read_section(z).unwrap()
            })
        });
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (z, section) in sections.iter().enumerate() {
        assert_eq!(section, &of([1, SHAPE[1], SHAPE[2]], |_, y, x| u16_at(z, y, x)));
    }
}
