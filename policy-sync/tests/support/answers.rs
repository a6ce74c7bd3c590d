//! Bodies as devices send them and bodies as nobody should, from `tests/answers`, and ways to bend them.

use std::path::Path;

use proptest::{collection::vec, prelude::*, sample::Index};

/// Name and body of each.
pub(crate) fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/answers");
    let mut bodies: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_stem().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap())
        })
        .collect();
    bodies.sort();
    assert!(bodies.len() > 10, "the corpus is not where it should be");
    bodies
}

/// One way to bend a body.
#[derive(Clone, Debug)]
pub(crate) enum Bend {
    /// It ends here.
    Cut(Index),
    /// These bytes stand there instead of one.
    Put(Index, Vec<u8>),
    /// This stretch comes so often.
    Repeat(Index, Index, usize),
    /// The rest of another body follows.
    Splice(Index, Index, Index),
}

/// Any of them.
pub(crate) fn bends() -> impl Strategy<Value = Bend> {
    let markup = prop_oneof![
        vec(any::<u8>(), 0..8),
        "[<>/&;a='\"! \\[\\]-]{1,12}".prop_map(String::into_bytes),
        Just(b"<![CDATA[".to_vec()),
        Just(b"&#x10FFFF;&#0;".to_vec()),
        Just(b"\xff\xfe<\x00r\x00".to_vec()),
    ];
    prop_oneof![
        any::<Index>().prop_map(Bend::Cut),
        (any::<Index>(), markup).prop_map(|(at, bytes)| Bend::Put(at, bytes)),
        (any::<Index>(), any::<Index>(), 2_usize..400).prop_map(|(from, to, n)| Bend::Repeat(from, to, n)),
        (any::<Index>(), any::<Index>(), any::<Index>()).prop_map(|(a, b, c)| Bend::Splice(a, b, c)),
    ]
}

/// A body that was bent in these ways, one after another.
pub(crate) fn bent(mut body: Vec<u8>, bends: &[Bend], corpus: &[(String, Vec<u8>)]) -> Vec<u8> {
    for bend in bends {
        if body.is_empty() || body.len() > 1 << 20 {
            break;
        }
        match bend {
            Bend::Cut(at) => body.truncate(at.index(body.len())),
            Bend::Put(at, bytes) => {
                let at = at.index(body.len());
                body.splice(at..=at, bytes.iter().copied());
            }
            Bend::Repeat(from, to, times) => {
                let (from, to) = (from.index(body.len()), to.index(body.len()));
                let stretch = body[from.min(to)..=from.max(to)].repeat(*times);
                body.splice(from.min(to)..=from.max(to), stretch);
            }
            Bend::Splice(at, other, from) => {
                let other = &other.get(corpus).1;
                body.truncate(at.index(body.len()));
                body.extend_from_slice(&other[from.index(other.len())..]);
            }
        }
    }
    body
}
