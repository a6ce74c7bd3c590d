//! Bugs of releases under which a commit ends well and our change is not in force.

/// A bug of some releases.
struct Bug {
    /// The vendor's number, or where it was told.
    id: &'static str,
    /// What happens.
    what: &'static str,
    /// The releases that have the correction, each for its own line of releases.
    fixed: &'static [&'static str],
    /// Where that is written.
    source: &'static str,
}

/// From the vendor's lists of addressed issues and from public threads.
const BUGS: &[Bug] = &[
    Bug {
        id: "PAN-299705",
        what: "a partial commit by the API misses changes",
        fixed: &["11.1.10-h21", "11.1.13-h2", "11.2.11", "12.1.5"],
        source: "https://docs.paloaltonetworks.com/pan-os/11-2/pan-os-release-notes/pan-os-11-2-11-known-and-addressed-issues/pan-os-11-2-11-addressed-issues",
    },
    Bug {
        id: "PAN-304205",
        what: "a partial commit by the API is not pushed",
        fixed: &["11.1.14", "11.2.11", "12.1.5"],
        source: "https://docs.paloaltonetworks.com/pan-os/11-1/pan-os-release-notes/pan-os-11-1-14-known-and-addressed-issues/pan-os-11-1-14-addressed-issues",
    },
    Bug {
        id: "PAN-266559",
        what: "a partial commit after a rename misses it",
        fixed: &["11.1.8"],
        source: "https://docs.paloaltonetworks.com/pan-os/11-1/pan-os-release-notes/pan-os-11-1-8-known-and-addressed-issues/pan-os-11-1-8-addressed-issues",
    },
    Bug {
        id: "PAN-250270",
        what: "partial commits fail after somebody edited a whole rulebase",
        fixed: &["11.1.4"],
        source: "https://docs.paloaltonetworks.com/pan-os/11-1/pan-os-release-notes/pan-os-11-1-4-known-and-addressed-issues/pan-os-11-1-4-addressed-issues",
    },
    Bug {
        id: "pan-os-ansible issue 569",
        what: "objects stay in the candidate configuration",
        fixed: &["11.2.0"],
        source: "https://github.com/PaloAltoNetworks/pan-os-ansible/issues/569",
    },
];

/// What to say of a commit that ended well without effect. `failures`: how often in a row that was before.
#[must_use]
pub(crate) fn ineffective(version: &str, failures: u32) -> String {
    let what =
        "the commit job ended well, but the running configuration does not hold what the candidate does";
    if failures == 0 {
        return format!("{what}; it is tried once more");
    }
    let suspects: Vec<String> = BUGS
        .iter()
        .filter(|bug| may_have(version, bug.fixed))
        .map(|bug| format!("{} ({}, fixed in {}, {})", bug.id, bug.what, bug.fixed.join(", "), bug.source))
        .collect();
    let suspects = match suspects.as_slice() {
        [] => format!("no known bug of release {version} explains it"),
        some => format!("suspected on {version}: {}", some.join("; ")),
    };
    format!(
        "{what}, {failures} times in a row; {suspects}; commit all changes by hand once, or update the firewall"
    )
}

/// Whether a release is older than the correction of its own line. A line without one has the bug as far as we know,
/// unless it is newer than every line that has.
fn may_have(version: &str, fixed: &[&str]) -> bool {
    let Some(release) = parse(version) else { return false };
    let fixed: Vec<[u32; 4]> = fixed.iter().filter_map(|text| parse(text)).collect();
    let line = |release: &[u32; 4]| [release[0], release[1]];
    if fixed.iter().all(|fix| line(fix) < line(&release)) {
        return false;
    }
    let same: Vec<&[u32; 4]> = fixed.iter().filter(|fix| line(fix) == line(&release)).collect();
    // 11.1.10-h21 corrects 11.1.10 alone, 11.1.13-h2 everything from there on.
    match same.iter().max() {
        None => release >= [11, 0, 0, 0],
        Some(newest) => {
            let hotfix = same.iter().find(|fix| fix[2] == release[2]);
            release < **newest && hotfix.is_none_or(|fix| release < **fix)
        }
    }
}

/// `11.1.13-h2` as numbers.
fn parse(version: &str) -> Option<[u32; 4]> {
    let (release, hotfix) = version.split_once("-h").unwrap_or((version, "0"));
    let mut numbers = release.split('.').map(|part| part.parse().ok());
    let mut next = || numbers.next().flatten();
    Some([next()?, next()?, next()?, hotfix.parse().ok()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_suspected_until_its_correction() {
        const FIXED: &[&str] = &["11.1.10-h21", "11.1.13-h2", "11.2.11", "12.1.5"];
        for (version, has) in [
            ("11.1.6", true),
            ("11.1.10-h20", true),
            ("11.1.10-h21", false),
            ("11.1.11", true),
            ("11.1.13-h1", true),
            ("11.1.13-h2", false),
            ("11.1.14", false),
            ("11.2.10-h3", true),
            ("11.2.11", false),
            ("12.1.4", true),
            ("12.2.0", false),
            ("10.2.9", false),
            ("11.0.3", true),
            ("odd", false),
        ] {
            assert_eq!(may_have(version, FIXED), has, "{version}");
        }
    }

    #[test]
    fn the_second_failure_names_suspects_and_choices() {
        assert!(ineffective("11.1.6", 0).ends_with("tried once more"));
        let words = ineffective("11.1.6", 1);
        assert!(words.contains("PAN-299705") && words.contains("commit all changes by hand"), "{words}");
        assert!(ineffective("12.2.1", 2).contains("no known bug of release 12.2.1"));
    }
}
