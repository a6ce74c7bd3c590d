//! Any body as an answer of PAN-OS: it is read, or refused in few words that people can see.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sallyport_policy_sync::panos::envelope::Reply;

/// The longest words in bytes: characters have four at most, and events and conditions hold them.
const LONGEST: usize = 5000;

fn told(words: &str) {
    assert!(words.len() < LONGEST && !words.chars().any(char::is_control), "{words:?}");
}

fuzz_target!(|body: &[u8]| {
    match Reply::read(&String::from_utf8_lossy(body)) {
        Ok(reply) => {
            told(&reply.words);
            reply.nested().iter().for_each(|(_, _, words)| told(words));
            let seen = (reply.status, reply.code);
            let silent = reply.without_words();
            assert_eq!((silent.status, silent.code), seen);
        }
        Err(error) => told(&error.to_string()),
    }
});
