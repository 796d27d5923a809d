use super::*;

#[test]
fn outputs_lie_beside_the_store_elsewhere_or_behind_an_address() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let job = Job::Measure { classes: Vec::new() };
    let join = |output: &Path| {
        ShardStore::join(output, vec![0, 4], job.clone(), Fingerprint::default(), || Ok(())).unwrap()
    };
    let output = at("out/m.zarr");
    let store = join(&output);
    for (path, name) in [
        (at("out/m.zarr"), PathBuf::from("m.zarr")),
        (at("out/sub/p.zarr"), "sub/p.zarr".into()),
        (at("p.zarr"), at("p.zarr")),
        ("s3://bucket/p.zarr".into(), "s3://bucket/p.zarr".into()),
    ] {
        let named = named(&output, &path).unwrap();
        assert_eq!((&named, store.resolved(&named)), (&name, path));
    }
    let bucket = Path::new("s3://bucket/a/m.zarr");
    assert_eq!(named(bucket, Path::new("s3://bucket/a/p.zarr")).unwrap(), Path::new("p.zarr"));
}

#[test]
fn a_marker_of_another_request_counts_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out");
    let join = |settings: &str| {
        let fingerprint = Fingerprint::default().with("settings", settings);
        let job = Job::Measure { classes: Vec::new() };
        ShardStore::join(&output, vec![0, 4], job, fingerprint, || Ok(())).unwrap()
    };
    let store = join("old");
    store.mark(0, &Marker::default()).unwrap();
    assert_eq!(join("old").states(true).unwrap(), [ShardState::Done]);
    // The end was killed on its way, or a doubled shard came behind it.
    objects::remove(&store.folder().join(REQUEST)).unwrap();
    assert_eq!(join("new").states(true).unwrap(), [ShardState::Missing]);
}
