//! Looks the rules up for traffic beside our App-IDs.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    application::Subject,
    book::{Book, texts},
    default_deny::{Answer, Decider, Pair, Question, Verdict},
    extent::Extent,
    ours::What,
    rule::{Fit, Rule},
};

const QUESTIONS: [Question; 4] =
    [Question::OtherName, Question::NoName, Question::OtherTcp, Question::Udp443];

/// The answers for every pair of zones that our rules are about, the worst where they are about it twice.
pub(super) fn answers(book: &Book<'_>) -> Vec<Answer> {
    let mut worst: BTreeMap<(Pair, Question), Verdict> = BTreeMap::new();
    for (reach, ground, _) in &book.grounds {
        for (from, to) in
            texts(&reach.from).iter().flat_map(|from| texts(&reach.to).into_iter().map(move |to| (*from, to)))
        {
            let near: Vec<_> = book
                .rules
                .iter()
                .filter(|rule| rule.ours.is_none())
                .filter_map(|rule| Some((rule, rule.fit(&[from], &[to], ground)?)))
                .collect();
            for question in QUESTIONS {
                let Some(verdict) = verdict(question, &near, book, ground.ports) else { continue };
                let pair = Pair { from: from.to_owned(), to: to.to_owned() };
                match worst.get(&(pair.clone(), question)) {
                    Some(other) if other.weight() >= verdict.weight() => {}
                    Some(_) | None => {
                        worst.insert((pair, question), verdict);
                    }
                }
            }
        }
    }
    worst.into_iter().map(|((pair, question), verdict)| Answer { pair, question, verdict }).collect()
}

type Near<'b, 'a> = (&'b Rule<'a>, Fit);

fn verdict(
    question: Question,
    near: &[Near<'_, '_>],
    book: &Book<'_>,
    ports: &BTreeSet<u16>,
) -> Option<Verdict> {
    match question {
        Question::OtherName => lookup(near, Subject::Ssl, ports),
        Question::NoName => without_sni(near, book, ports),
        Question::OtherTcp => lookup(near, Subject::OtherTcp, ports),
        Question::Udp443 => lookup(near, Subject::Udp, &BTreeSet::from([443])),
    }
}

/// A session without an SNI is `ssl`, or what somebody made an App-ID of: then one more lookup follows, and
/// what that says counts too.
fn without_sni(near: &[Near<'_, '_>], book: &Book<'_>, ports: &BTreeSet<u16>) -> Option<Verdict> {
    let as_ssl = lookup(near, Subject::Ssl, ports)?;
    let mut others = book.without_sni.iter().filter_map(|app| lookup(near, Subject::Custom(app), ports));
    let differs = others.find(|other| (other.weight() == 0) != (as_ssl.weight() == 0));
    Some(match differs {
        Some(Verdict::Denied { by } | Verdict::Allowed { by, .. } | Verdict::Depends { on: by }) => {
            Verdict::Depends { on: by }
        }
        None => as_ssl,
    })
}

/// Top-down, the first rule that takes a session decides. Our rules take none of these; that they let a
/// handshake begin changes nothing in the end, when the session is looked up without them.
fn lookup(near: &[Near<'_, '_>], subject: Subject<'_>, ports: &BTreeSet<u16>) -> Option<Verdict> {
    let (mut denied, mut doubt) = (None, None);
    for (rule, fit) in near {
        let Some(extent) = rule.takes(*fit, subject, ports).map(|met| met.extent()) else { continue };
        let by = Decider { rule: rule.name.to_owned(), layer: rule.layer.clone() };
        match (rule.what, extent) {
            (What::Deny, Extent::Whole) => {
                return Some(doubt.map_or(Verdict::Denied { by }, |on| Verdict::Depends { on }));
            }
            (What::Deny, Extent::Part | Extent::May) => denied = Some(by),
            (What::Allow, Extent::Whole) if denied.is_none() => return Some(Verdict::Allowed { by, extent }),
            (What::Allow, Extent::Whole) => {
                return Some(Verdict::Allowed { by, extent: Extent::Part });
            }
            (What::Allow, Extent::Part) if denied.is_none() => return Some(Verdict::Allowed { by, extent }),
            (What::Allow, Extent::Part | Extent::May) => {
                doubt.get_or_insert(by);
            }
        }
    }
    // The default rules take a zone called any in two parts.
    doubt.map(|on| Verdict::Depends { on }).or_else(|| denied.map(|by| Verdict::Denied { by }))
}
