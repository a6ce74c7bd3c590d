//! `docs/REASONS.md` is the closed list. `UPDATE_DOCS=1` writes it.

use std::fs;

use sallyport_contract::Reason;

#[test]
fn law_12_the_reasons_are_documented() {
    let mut text = String::from(
        "# Reasons\n\nThe same codes stand on pods' gates, on conditions, in events and in metrics. Generated from the types.\n\n\
         | Reason | What it means | Whose turn it is |\n|---|---|---|\n",
    );
    for reason in Reason::ALL {
        text.push_str(&format!("| `{reason}` | {} | {} |\n", reason.meaning(), reason.turn().as_str()));
    }
    let file = tidy::repository().join("docs/REASONS.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, &text).unwrap();
    }
    assert_eq!(fs::read_to_string(&file).unwrap_or_default(), text, "stale: run the test with UPDATE_DOCS=1");
}
