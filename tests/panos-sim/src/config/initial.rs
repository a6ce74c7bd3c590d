//! The configuration that the device starts with: a small built-in one, or a file in the same form.

use super::validate;
use crate::{
    engine::{CONTEXT_CLIENT_HELLO, CONTEXT_SNI},
    quirks::Quirks,
    scope::Scope,
    tree::{Element, ParseError, find, parse_one},
};

const BUILT_IN: &str = include_str!("initial.xml");

/// Why a configuration cannot be the first one.
#[derive(Debug, thiserror::Error)]
pub enum InitialError {
    /// The text is not XML.
    #[error("the configuration file is not XML: {0}")]
    Xml(String),
    /// The text is XML, but no configuration of this device.
    #[error("the configuration file is refused: {0}")]
    Refused(String),
}

impl From<ParseError> for InitialError {
    fn from(error: ParseError) -> Self {
        InitialError::Xml(error.to_string())
    }
}

/// The built-in configuration, or the given one.
///
/// # Errors
/// The text is not XML, has no such vsys, or would not pass a commit's validation.
pub(crate) fn load(text: Option<&str>, vsys: &Scope, quirks: &Quirks) -> Result<Element, InitialError> {
    let built_in = || match quirks.sni_context_known {
        true => BUILT_IN.to_owned(),
        // A device without the context has no signature that uses it.
        false => BUILT_IN.replace(CONTEXT_SNI, CONTEXT_CLIENT_HELLO),
    };
    let config = parse_one(&text.map_or_else(built_in, str::to_owned))?;
    if find(&config, &vsys.base()).is_none() {
        return Err(InitialError::Refused(format!("there is no {vsys} in it")));
    }
    validate(&config, quirks).map_err(|refusal| InitialError::Refused(refusal.text()))?;
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quirks::PatternEngine;

    #[test]
    fn the_built_in_configuration_is_valid() {
        let vsys = Scope::Vsys("vsys1".to_owned());
        load(None, &vsys, &Quirks::default()).unwrap();
        load(None, &vsys, &Quirks { sni_context_known: false, ..Quirks::default() }).unwrap();
        let classic = Quirks { pattern_engine: PatternEngine::Classic, ..Quirks::default() };
        load(None, &vsys, &classic).unwrap();
        let error = load(None, &Scope::Vsys("vsys9".to_owned()), &Quirks::default()).unwrap_err();
        assert!(error.to_string().contains("vsys9"), "{error}");
        assert!(load(Some("<config/>"), &vsys, &Quirks::default()).is_err());
        assert!(load(Some("text"), &vsys, &Quirks::default()).is_err());
    }
}
