//! Every manifest of the corpus is answered as its golden says, and a second pass finds nothing to do.
//! `UPDATE_CASES=1` writes what comes out into `tests/cases/corpus/golden`, to be read before it is committed.
#![cfg(test)]

use std::{collections::BTreeSet, fs};

use corpus::{Golden, Manifest, folder, judged, manifests, snapshot};
use sallyport_webhook::{facts::Snapshot, review::Ruling};

#[test]
fn law_3_the_corpus_is_answered_as_written_and_twice_is_once() {
    let (manifests, snapshot) = (manifests().unwrap(), snapshot().unwrap());
    assert!(manifests.len() >= 150, "the corpus is missing: {} manifests", manifests.len());
    let update = std::env::var_os("UPDATE_CASES").is_some();
    let mut wrong = Vec::new();
    for manifest in &manifests {
        let answer = judged(&manifest.object, &snapshot).unwrap();
        check_second_pass(manifest, &answer.answer.ruling, &snapshot);
        let is = Golden::from(&answer);
        let file = folder().join("golden").join(format!("{}.yaml", manifest.name));
        let read = fs::read_to_string(&file).ok();
        let expected: Option<Golden> = read.map(|text| serde_saphyr::from_str(&text).unwrap());
        if expected.as_ref() == Some(&is) {
            continue;
        }
        let shown = serde_saphyr::to_string(&is).unwrap();
        if update {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, shown).unwrap();
        } else {
            wrong.push(format!("{} ({})\nis:\n{shown}", manifest.name, manifest.about));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check_second_pass(manifest: &Manifest, ruling: &Ruling, snapshot: &Snapshot) {
    let Ruling::Allowed(patch) = ruling else { return };
    let mut patched = manifest.object.clone();
    json_patch::patch(&mut patched, patch.operations()).unwrap();
    let again = judged(&patched, snapshot).unwrap().answer.ruling;
    let Ruling::Allowed(second) = again else { panic!("{}: {again:?}", manifest.name) };
    assert!(second.is_empty(), "{}: the second pass patches {second:?}", manifest.name);
}

#[test]
fn no_two_manifests_are_alike_and_no_golden_is_left_over() {
    let manifests = manifests().unwrap();
    let objects: BTreeSet<String> = manifests.iter().map(|manifest| manifest.object.to_string()).collect();
    assert_eq!(objects.len(), manifests.len(), "a manifest is there twice");
    let names: BTreeSet<&str> = manifests.iter().map(|manifest| manifest.name.as_str()).collect();
    for entry in fs::read_dir(folder().join("golden")).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        assert!(names.contains(stem), "{} is the golden of nothing", path.display());
    }
}
