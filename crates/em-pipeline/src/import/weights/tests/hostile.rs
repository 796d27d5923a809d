//! Files that somebody made to do harm, or that were damaged.

use zip::CompressionMethod;

use super::super::pickle::{self, Value};
use super::archives::{Pickle, archive, read_bytes};
use super::*;

/// An archive of one table and one storage of four bytes.
fn with_table(table: &[u8]) -> Vec<u8> {
    archive(&[("a/data.pkl", table), ("a/data/0", &[0; 4])], CompressionMethod::Stored)
}

#[test]
fn nothing_is_called() {
    // pickle.dumps of an object whose `__reduce__` gives (os.system, ("touch /tmp/x",)), protocol 2.
    let program = b"\x80\x02cposix\nsystem\nq\x00X\x0c\x00\x00\x00touch /tmp/xq\x01\x85q\x02Rq\x03.";
    let error = read_bytes(&with_table(program)).unwrap_err();
    assert!(error.starts_with("holds an object of `posix.system`"), "{error}");
    // Beside weights it is passed over.
    let beside = Pickle::default()
        .raw(b"\x80\x02}(")
        .text("hook")
        .raw(&program[2..program.len() - 1])
        .text("w")
        .tensor("FloatStorage", "0", 1, [&[0], &[1]], &[1])
        .raw(b"u.");
    let dict = read_bytes(&with_table(&beside.0)).unwrap();
    assert_eq!(dict.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["w"]);
}

#[test]
fn protocols_up_to_5_are_read() {
    // pickle.dumps(collections.OrderedDict(a=[1, 2.5, None, True, b"x", {3}, (4, 5)]), protocol=5)
    let bytes = b"\x80\x05\x95K\x00\x00\x00\x00\x00\x00\x00\x8c\x0bcollections\x94\x8c\x0bOrderedDict\x94\x93\x94)R\x94\x8c\x01a\x94]\x94(K\x01G@\x04\x00\x00\x00\x00\x00\x00N\x88C\x01x\x94\x8f\x94(K\x03\x90K\x04K\x05\x86\x94es.";
    let found = pickle::read(bytes).unwrap();
    let Value::Dict(pairs) = found.get(found.root) else { panic!("{:?}", found.get(found.root)) };
    assert_eq!(found.text(pairs[0].0), Some("a"));
    assert!(matches!(found.get(pairs[0].1), Value::List(items) if items.len() == 7));
}

#[test]
fn cycles_and_depth_end() {
    // A table that holds itself as its model, and a million lists in each other.
    let cycle = Pickle::default().raw(b"\x80\x02}q\x00").text("model").raw(b"h\x00s.").0;
    assert!(read_bytes(&with_table(&cycle)).unwrap_err().starts_with("holds no tensors but `model`"));
    let count = 1_000_000;
    let nested = [&vec![b']'; count][..], &vec![b'a'; count - 1], b"."].concat();
    assert_eq!(read_bytes(&with_table(&nested)).unwrap_err(), "holds no state dict");
}

#[test]
fn small_files_take_little_memory() {
    let most = |bytes: &[u8]| pickle::read(bytes).unwrap_err();
    // A table of 100 000 pairs, copied 100 000 times.
    let pair = Pickle::default().raw(b"\x80\x02ccollections\nOrderedDict\nq\x00K\x01K\x02\x86q\x01]q\x02(");
    let pairs = pair.raw(&b"h\x01".repeat(100_000)).raw(b"eh\x02\x85q\x03");
    let copies = pairs.raw(&b"h\x00h\x03R".repeat(100_000)).raw(b".").0;
    assert!(most(&copies).starts_with("far more names and tables than a state dict has"));
    // A name of 60 000 bytes, as the class of 100 000 others.
    let name = Pickle::default().text(&"a".repeat(60_000)).raw(b"q\x00");
    let names = name.raw(&b"h\x00h\x00\x93".repeat(100_000)).raw(b".").0;
    assert!(most(&names).starts_with("far more names and tables than a state dict has"));
    assert!(most(&b"N".repeat(1 << 23)).starts_with("more than 4194304 values"));
    assert!(most(&b"(".repeat(1 << 23)).starts_with("more than 4194304 marks at once"));
    // A place in the memo, and lengths of texts and integers, that are not there.
    assert!(most(b"Nr\xff\xff\xff\xff.").contains("expected one below 4194304"));
    assert!(most(b"X\xff\xff\xff\xffabc").starts_with("it ends too early"));
    assert!(most(b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc").starts_with("it ends too early"));
}

#[test]
fn packed_files_are_refused() {
    let zeros = vec![0; 1 << 20];
    let packed = archive(&[("a/data.pkl", &zeros)], CompressionMethod::Deflated);
    assert!(packed.len() < 1 << 12);
    let error = read_bytes(&packed).unwrap_err();
    assert_eq!(error, "has `a/data.pkl` packed, which `torch.save` does not do");
}

#[test]
fn a_problem_has_its_place() {
    assert_eq!(
        pickle::read(b"\x80\x02N\xffN.").unwrap_err(),
        "an instruction 0xff that `torch.save` does not write, at byte 3 of its pickle"
    );
    assert_eq!(pickle::read(b"").unwrap_err(), "it ends too early, at byte 0 of its pickle");
}

/// Opcodes that go far: with what they need behind them.
fn opcodes() -> impl Strategy<Value = Vec<u8>> {
    let plain = b".(012N]})\x8f\x88aesu\x90\x91t\x85\x86\x87ld\x93R\x81\x92bQ\x94".to_vec();
    let one = prop::sample::select(plain).prop_map(|opcode| vec![opcode]);
    let number = (0_u8..3).prop_map(|number| vec![b'K', number]);
    let memo =
        (prop::sample::select(b"qh".to_vec()), 0_u8..4).prop_map(|(opcode, place)| vec![opcode, place]);
    let names: Vec<Vec<u8>> = [
        &b"ccollections\nOrderedDict\n"[..],
        b"ctorch._utils\n_rebuild_tensor_v2\n",
        b"ctorch._utils\n_rebuild_parameter\n",
        b"ctorch\nFloatStorage\n",
        b"\x8c\x07storage",
        b"\x8c\x010",
        b"\x8c\x05model",
    ]
    .map(<[u8]>::to_vec)
    .to_vec();
    let name = prop::sample::select(names);
    let tensor = prop::collection::vec(-1_i64..3, 6)
        .prop_map(|n| Pickle::default().tensor("FloatStorage", "0", n[0], [&[n[1]], &n[2..4]], &n[4..6]).0);
    prop_oneof![6 => one, 2 => number, 2 => memo, 3 => name, 1 => tensor]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        drop(pickle::read(&bytes));
        drop(read_bytes(&bytes));
        drop(read_bytes(&with_table(&bytes)));
    }

    #[test]
    fn any_instructions_are_read_or_refused(steps in prop::collection::vec(opcodes(), 0..64)) {
        let bytes = [&steps.concat()[..], b"."].concat();
        drop(read_bytes(&with_table(&bytes)));
    }

    #[test]
    fn damaged_files_are_read_or_refused(
        which in 0_usize..4,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        end in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let names = ["strided.pt", "torch-unet-plain.pt", "nnunet.pt", "basic-unet.safetensors"];
        let mut bytes = std::fs::read(fixture(names[which])).unwrap();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if is_cut {
            bytes.truncate(end.index(bytes.len()));
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.pt");
        std::fs::write(&path, bytes).unwrap();
        if let Ok(dict) = read(&path) {
            for kind in Network::ALL {
                drop(network(&dict, kind));
            }
        }
    }

    /// Tables alone, past the checksums of the archive.
    #[test]
    fn damaged_tables_are_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let whole = std::fs::read(fixture("torch-unet-plain.pt")).unwrap();
        let mut archived = zip::ZipArchive::new(std::io::Cursor::new(whole)).unwrap();
        let mut table = Vec::new();
        let mut file = archived.by_name("torch-unet-plain/data.pkl").unwrap();
        std::io::Read::read_to_end(&mut file, &mut table).unwrap();
        prop_assert!(pickle::read(&table).is_ok());
        for (place, byte) in changes {
            let place = place.index(table.len());
            table[place] = byte;
        }
        drop(read_bytes(&with_table(&table)));
    }
}
