//! Real sockets: through a simulated firewall, around it, and where nobody answers.

use std::net::{Ipv4Addr, SocketAddr};

use panos_sim::{Flow, Options, Running, Simulator};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{
    super::{listener, session::hello},
    *,
};

const CONTROL: &str = "probe.path.corp.example";
const CANARY: &str = "canary.path.corp.example";

fn app(name: &str, pattern: &str) -> String {
    format!(
        "<entry name='{name}'><category>business-systems</category><subcategory>general-business</subcategory>\
         <technology>client-server</technology><risk>1</risk><parent-app>ssl</parent-app><signature><entry name='sni'>\
         <and-condition><entry name='a'><or-condition><entry name='o'><operator><pattern-match>\
         <pattern>(?i)^{pattern}\\.path\\.corp\\.example\\.?$</pattern><context>ssl-req-chello-sni</context>\
         </pattern-match></operator></entry></or-condition></entry></and-condition></entry></signature></entry>"
    )
}

fn rule(name: &str, app: &str, action: &str) -> String {
    let any = ["from", "to", "source", "destination", "service"]
        .map(|field| format!("<{field}><member>any</member></{field}>"));
    format!(
        "<entry name='{name}'>{}<application><member>{app}</member></application><action>{action}</action></entry>",
        any.concat()
    )
}

/// A firewall that allows the control, ends the canary so, and treats all else so.
async fn firewall(canary: &str, rest: &str) -> Running {
    let rules =
        [rule("allow", "control", "allow"), rule("deny", "canary", canary), rule("rest", "any", rest)];
    let config = format!(
        "<config><shared/><devices><entry name='localhost.localdomain'><vsys><entry name='vsys1'><zone><entry \
         name='trust'/></zone><application>{}{}</application><rulebase><security><rules>{}</rules></security></rulebase>\
         </entry></vsys></entry></devices></config>",
        app("control", "probe"),
        app("canary", "canary"),
        rules.concat()
    );
    Simulator::start(Options { config: Some(config), ..Options::default() }).await.unwrap()
}

async fn listener(tasks: &mut JoinSet<()>) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tasks.spawn(listener::serve(listener));
    address
}

async fn met(peer: SocketAddr) -> (PathOutcome, PathOutcome) {
    let hellos = Hellos { control: hello(CONTROL).unwrap(), canary: hello(CANARY).unwrap() };
    let met = round(&hellos, vec![peer]).await;
    assert_eq!((met.len(), met[0].address.as_str()), (1, "127.0.0.1"));
    (met[0].control, met[0].canary)
}

#[tokio::test]
async fn a_firewall_on_the_way_tells_the_names_apart_and_around_it_both_are_answered() {
    let mut tasks = JoinSet::new();
    let upstream = listener(&mut tasks).await;
    for (canary, rest, outcome) in [
        ("reset-both", "deny", PathOutcome::Reset),
        ("reset-both", "allow", PathOutcome::Reset),
        ("drop", "deny", PathOutcome::Silent),
        ("allow", "deny", PathOutcome::Answered),
    ] {
        let running = firewall(canary, rest).await;
        let flow: Flow = format!("upstream={upstream}").parse().unwrap();
        let through = running.add_flow(flow).await.unwrap();
        assert_eq!(met(through).await, (PathOutcome::Answered, outcome), "{canary}, and the rest {rest}");
        let names: Vec<_> = running.sessions().into_iter().filter_map(|session| session.sni).collect();
        assert_eq!(names, [CONTROL, CANARY], "the device saw both names");
    }
    assert_eq!(met(upstream).await, (PathOutcome::Answered, PathOutcome::Answered), "around it");
}

#[tokio::test]
async fn who_is_not_there_and_who_is_no_probe_shows_nothing() {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap();
    assert_eq!(met(free).await, (PathOutcome::NoConnection, PathOutcome::NoConnection));

    let stranger = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = stranger.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        for answer in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b""] {
            let (mut stream, _) = stranger.accept().await.unwrap();
            let mut said = [0; 4096];
            assert!(stream.read(&mut said).await.unwrap() > 0);
            stream.write_all(answer).await.unwrap();
        }
    });
    assert_eq!(met(address).await, (PathOutcome::Strange, PathOutcome::Strange));
}

#[tokio::test]
async fn a_probe_answers_whole_records_alone_and_keeps_on_after_those_who_say_less() {
    let mut tasks = JoinSet::new();
    let address = listener(&mut tasks).await;
    for bytes in [&b""[..], b"\x16\x03", b"\x16\x03\x01\xff\xffmore to come"] {
        let mut rude = TcpStream::connect(address).await.unwrap();
        rude.write_all(bytes).await.unwrap();
        rude.shutdown().await.unwrap();
        let mut back = Vec::new();
        drop(rude.read_to_end(&mut back).await);
        assert!(back.is_empty(), "{bytes:?}");
    }
    assert_eq!(met(address).await, (PathOutcome::Answered, PathOutcome::Answered));
}

#[test]
fn a_hello_fits_one_packet_and_says_the_name_in_clear() {
    let said = hello(CANARY).unwrap();
    assert!(said.len() < 600, "{} bytes", said.len());
    assert!(said.windows(CANARY.len()).any(|window| window == CANARY.as_bytes()));
    for bad in ["", "two words.example", "*.corp.example"] {
        assert!(hello(bad).is_err(), "{bad:?}");
    }
}
