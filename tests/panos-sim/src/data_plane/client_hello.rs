//! Reads the server name out of a TLS ClientHello. The bytes come from anybody.
//!
//! RFC 8446 sections 4.1.2 and 5.1 (one handshake message may span records), RFC 6066 section 3 (server_name).

/// A ClientHello longer than this is not waited for.
pub(crate) const MAX_HELLO: usize = 16 * 1024;

const RECORD_HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const EXTENSION_SERVER_NAME: u16 = 0;

/// What the first bytes of a session are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FirstBytes {
    /// So far it could be a ClientHello.
    Incomplete,
    /// A whole ClientHello.
    Hello { sni: Option<Vec<u8>> },
    /// Not TLS, or not as TLS should be.
    Other,
}

pub(crate) fn read(bytes: &[u8]) -> FirstBytes {
    match handshake(bytes) {
        Ok(Some(hello)) => match server_name(&hello) {
            Some(sni) => FirstBytes::Hello { sni },
            None => FirstBytes::Other,
        },
        Ok(None) if bytes.len() < MAX_HELLO => FirstBytes::Incomplete,
        Ok(None) | Err(NotTls) => FirstBytes::Other,
    }
}

struct NotTls;

/// The body of the first handshake message, put together from its records.
fn handshake(bytes: &[u8]) -> Result<Option<Vec<u8>>, NotTls> {
    let mut message = Vec::new();
    let mut rest = bytes;
    loop {
        if let [kind, a, b, c, body @ ..] = message.as_slice() {
            if *kind != CLIENT_HELLO {
                return Err(NotTls);
            }
            let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
            if length > MAX_HELLO {
                return Err(NotTls);
            }
            if let Some(body) = body.get(..length) {
                return Ok(Some(body.to_vec()));
            }
        }
        match rest {
            [kind, ..] if *kind != RECORD_HANDSHAKE => return Err(NotTls),
            [_, major, ..] if *major != 3 => return Err(NotTls),
            [_, _, _, high, low, after @ ..] => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                if length == 0 || length > MAX_HELLO {
                    return Err(NotTls);
                }
                let Some((fragment, next)) = after.split_at_checked(length) else { return Ok(None) };
                message.extend_from_slice(fragment);
                rest = next;
            }
            _ => return Ok(None),
        }
    }
}

/// `None` when the message is malformed; `Some(None)` when it has no server name.
fn server_name(hello: &[u8]) -> Option<Option<Vec<u8>>> {
    let mut scan = Scan(hello);
    scan.take(2 + 32)?; // version, random
    scan.vector8()?; // session id
    scan.vector16()?; // cipher suites
    scan.vector8()?; // compression methods
    if scan.0.is_empty() {
        return Some(None);
    }
    let mut extensions = Scan(scan.vector16()?);
    let mut found = None;
    while !extensions.0.is_empty() {
        let kind = extensions.number16()?;
        let body = extensions.vector16()?;
        if kind == EXTENSION_SERVER_NAME {
            if found.is_some() {
                return None; // no extension comes twice
            }
            found = Some(host_name(body)?);
        }
    }
    scan.0.is_empty().then_some(found)
}

/// The one `host_name` of the list.
fn host_name(body: &[u8]) -> Option<Vec<u8>> {
    let mut outer = Scan(body);
    let mut list = Scan(outer.vector16()?);
    let mut found = None;
    while !list.0.is_empty() {
        let [kind] = list.take(1)? else { return None };
        let name = list.vector16()?;
        if *kind == 0 && found.replace(name.to_vec()).is_some() {
            return None; // no two names of one type
        }
    }
    found.filter(|name| !name.is_empty() && outer.0.is_empty())
}

struct Scan<'a>(&'a [u8]);

impl<'a> Scan<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    fn vector8(&mut self) -> Option<&'a [u8]> {
        let [length] = self.take(1)? else { return None };
        self.take(usize::from(*length))
    }

    fn vector16(&mut self) -> Option<&'a [u8]> {
        let length = self.number16()?;
        self.take(usize::from(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector16(body: &[u8]) -> Vec<u8> {
        [&u16::try_from(body.len()).unwrap().to_be_bytes(), body].concat()
    }

    fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
        [kind.to_be_bytes().to_vec(), vector16(body)].concat()
    }

    fn sni(names: &[&str]) -> Vec<u8> {
        let list: Vec<u8> = names.iter().flat_map(|n| [vec![0], vector16(n.as_bytes())].concat()).collect();
        extension(0, &vector16(&list))
    }

    fn hello(extensions: &[Vec<u8>]) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.push(0);
        body.extend(vector16(&[0x13, 0x01]));
        body.extend([1, 0]);
        body.extend(vector16(&extensions.concat()));
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        [&[1], &length[1..], &body].concat()
    }

    fn records(message: &[u8], size: usize) -> Vec<u8> {
        message.chunks(size).flat_map(|part| [vec![22, 3, 1], vector16(part)].concat()).collect()
    }

    fn named(name: &str) -> FirstBytes {
        FirstBytes::Hello { sni: Some(name.as_bytes().to_vec()) }
    }

    #[test]
    fn the_name_is_found_however_the_message_is_cut() {
        let message = hello(&[extension(43, &[2, 3, 4]), sni(&["pay.example"]), extension(21, &[0; 900])]);
        for size in [1, 5, 100, 4000] {
            assert_eq!(read(&records(&message, size)), named("pay.example"), "records of {size}");
        }
        let whole = records(&message, 300);
        for cut in 0..whole.len() {
            assert_eq!(read(&whole[..cut]), FirstBytes::Incomplete, "first {cut} bytes");
        }
        let mut more = whole;
        more.extend(b"\x17\x03\x03early data");
        assert_eq!(read(&more), named("pay.example"));
    }

    #[test]
    fn a_hello_without_a_name_is_still_tls() {
        assert_eq!(
            read(&records(&hello(&[extension(43, &[2, 3, 4])]), 500)),
            FirstBytes::Hello { sni: None }
        );
        assert_eq!(read(&records(&hello(&[]), 500)), FirstBytes::Hello { sni: None });
    }

    #[test]
    fn what_is_not_a_proper_hello_is_something_else() {
        let good = hello(&[sni(&["a.example"])]);
        let mut short = good.clone();
        short[3] -= 1;
        let mut server = good.clone();
        server[0] = 2;
        for (what, bytes) in [
            ("http", b"GET / HTTP/1.1\r\n".to_vec()),
            ("two names", records(&hello(&[sni(&["a.example", "b.example"])]), 500)),
            ("two extensions", records(&hello(&[sni(&["a.example"]), sni(&["b.example"])]), 500)),
            ("empty name", records(&hello(&[sni(&[""])]), 500)),
            ("cut extension", records(&hello(&[vec![0, 0, 0, 9, 1]]), 500)),
            ("wrong length", records(&short, 500)),
            ("a server's hello", records(&server, 500)),
            ("empty record", vec![22, 3, 1, 0, 0]),
            ("ssl 2", vec![22, 2, 0, 0, 5]),
            ("huge", [vec![22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff]].concat()),
            ("zeroes", vec![0; 100]),
        ] {
            assert_eq!(read(&bytes), FirstBytes::Other, "{what}");
        }
        assert_eq!(
            read(&records(&[vec![1, 0, 0x3f, 0xff], vec![0; MAX_HELLO]].concat(), 4000)),
            FirstBytes::Other
        );
    }
}
