//! The configured rates: `account=123456789012,region=eu-central-1,issue=10,get=30,others=5`.

use std::str::FromStr;

/// Calls a second, well below AWS's quotas of 25, 75 and 20, which others share:
/// <https://docs.aws.amazon.com/general/latest/gr/pca.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// `IssueCertificate`.
    pub issue: u32,
    /// `GetCertificate`.
    pub get: u32,
    /// Each of the others.
    pub others: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self { issue: 10, get: 30, others: 5 }
    }
}

/// The rates of an account and a Region; of any, where one is not said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateRule {
    account: Option<String>,
    region: Option<String>,
    rates: Rates,
}

/// Why a text is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not understood; a rate is written account=123456789012,region=eu-central-1,issue=10,get=30,others=5, \
     each part may be left out, and numbers are calls a second from 1 to 10000"
)]
pub struct NoRate(String);

/// No account has more.
const FASTEST: u32 = 10_000;

impl FromStr for RateRule {
    type Err = NoRate;

    fn from_str(text: &str) -> Result<Self, NoRate> {
        let mut rule = Self::default();
        for part in text.split(',') {
            let no_rate = || NoRate(part.to_owned());
            let (key, value) = part.trim().split_once('=').ok_or_else(no_rate)?;
            let number = || {
                let number = value.parse().ok().filter(|number| (1..=FASTEST).contains(number));
                number.ok_or_else(no_rate)
            };
            match key {
                "account" if !value.is_empty() => rule.account = Some(value.to_owned()),
                "region" if !value.is_empty() => rule.region = Some(value.to_owned()),
                "issue" => rule.rates.issue = number()?,
                "get" => rule.rates.get = number()?,
                "others" => rule.rates.others = number()?,
                _ => return Err(no_rate()),
            }
        }
        Ok(rule)
    }
}

/// The rates for an account and Region: of the first rule that is about them.
#[must_use]
pub fn rates(rules: &[RateRule], account: &str, region: &str) -> Rates {
    let about = |said: &Option<String>, this: &str| said.as_ref().is_none_or(|said| said == this);
    let rule = rules.iter().find(|rule| about(&rule.account, account) && about(&rule.region, region));
    rule.map(|rule| rule.rates).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_is_about_an_account_holds() {
        let rules: Vec<RateRule> = [
            "account=1,region=eu-central-1,issue=3",
            "region=eu-central-1,issue=4, get=5",
            "account=1,others=6",
        ]
        .map(|text| text.parse().unwrap())
        .into();
        for (account, region, issue, get, others) in [
            ("1", "eu-central-1", 3, 30, 5),
            ("2", "eu-central-1", 4, 5, 5),
            ("1", "eu-west-1", 10, 30, 6),
            ("2", "eu-west-1", 10, 30, 5),
        ] {
            assert_eq!(rates(&rules, account, region), Rates { issue, get, others }, "{account} {region}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_with_how_it_is_written() {
        for text in ["", "issue", "issue=0", "issue=10001", "issue=-1", "issue=many", "rate=1", "account="] {
            let error = text.parse::<RateRule>().unwrap_err().to_string();
            assert!(error.contains("issue=10,get=30"), "{text:?}: {error}");
        }
    }
}
