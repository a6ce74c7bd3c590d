//! What each context of a signature sees of a session whose SNI is a name of ours.
//!
//! <https://docs.paloaltonetworks.com/advanced-threat-prevention/custom-signatures-reference/custom-signature-contexts>

/// How a test on a context is decided against a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// It sees the SNI and nothing else.
    Sni,
    /// It sees the whole ClientHello, the SNI among other things.
    Hello,
    /// It is 1 where there is no SNI. A session of ours has one.
    MissingSni,
    /// It sees what comes with any name, for this reason.
    Beside(&'static str),
}

const SIGHTS: [(&str, Sight); 12] = [
    (crate::elements::SNI_CONTEXT, Sight::Sni),
    ("ssl-req-client-hello", Sight::Hello),
    ("ssl-req-client-hello-missing-sni", Sight::MissingSni),
    ("ssl-req-client-hello-ext-type", Sight::Beside("is about the extensions that a client sends")),
    ("ssl-req-random-bytes", Sight::Beside("is about bytes that a client draws")),
    ("ssl-req-certificate", Sight::Beside("is about the client's certificate")),
    ("ssl-req-protocol-payload", Sight::Beside("is about all that a client sends")),
    ("ssl-rsp-server-hello", Sight::Beside("is about the server's answer")),
    ("ssl-rsp-version", Sight::Beside("is about the version that the server chooses")),
    ("ssl-rsp-certificate", Sight::Beside("is about the server's certificate, which may hold any names")),
    ("ssl-rsp-cert-subjectpublickey", Sight::Beside("is about the server's key")),
    ("ssl-rsp-protocol-payload", Sight::Beside("is about all that a server sends")),
];

/// Whether a context is one of the TLS decoder, whose signatures a session for our names can meet.
pub(super) fn of_tls(context: &str) -> bool {
    context.starts_with("ssl-")
}

/// What a context sees.
pub(super) fn sight(context: &str) -> Sight {
    let known = SIGHTS.iter().find(|(name, _)| *name == context);
    known.map_or(Sight::Beside("is a context that we do not know"), |(_, sight)| *sight)
}
