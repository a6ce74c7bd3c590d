//! Any text as manifests: each document is read or told with its line, and every place has a line of the file.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sallyport_cli::document;

fuzz_target!(|body: &[u8]| {
    let text = String::from_utf8_lossy(body);
    let lines = text.lines().count() + 1;
    for read in document::all(&text) {
        match read {
            Ok(document) => {
                for place in ["", "Pod a/b, metadata.name", "Pod a/b, spec.containers[0].env[1]"] {
                    let line = document.line_of(place);
                    assert!((1..=lines).contains(&line), "line {line} of {lines}");
                }
            }
            Err((line, words)) => {
                assert!((1..=lines).contains(&line), "line {line} of {lines}");
                assert!(words.len() < 5000, "{} bytes of words", words.len());
            }
        }
    }
});
