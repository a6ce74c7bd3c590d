//! What public sources do not settle: each open question is one switch, obeyed from here and nowhere else.

use serde::{Deserialize, Serialize};

/// The open questions and the answers that this device gives. `Default` is what we expect of PAN-OS 11.1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "snake_case", deny_unknown_fields)]
pub struct Quirks {
    /// Do `^`, `$`, `\A`, `\Z`, `\z` meet the edges of the SNI field?
    pub anchors: Anchors,
    /// Does a pattern without `(?i)` tell upper from lower case? The vendor says it depends on the decoder
    /// (<https://docs.paloaltonetworks.com/advanced-threat-prevention/custom-signatures/custom-application-and-threat-signatures/custom-signature-pattern-requirements>).
    pub case_sensitive: bool,
    /// Which of several custom App-IDs that match one SNI gets the session?
    pub overlap_winner: OverlapWinner,
    /// Which pattern engine is set on the device? Enhanced is the default from 10.0
    /// (<https://docs.paloaltonetworks.com/ngfw/help/12-1/objects/objects-custom-objects/objects-custom-objects-data-patterns/syntax-for-regular-expression-data-patterns>).
    pub pattern_engine: PatternEngine,
    /// Is a pattern that the engine does not take refused when written, or found at commit?
    pub bad_pattern: BadPattern,
    /// Does the installed content know the context `ssl-req-chello-sni`? Contexts come with content updates
    /// (<https://docs.paloaltonetworks.com/ngfw/help/12-1/objects/objects-applications/defining-applications>).
    pub sni_context_known: bool,
    /// Does a change of a rule's members count as a rule change where several administrators' work in one
    /// rulebase must be committed together
    /// (<https://docs.paloaltonetworks.com/ngfw/help/12-2/web-interface-basics/commit-changes>)?
    pub member_edit_is_rule_change: bool,
    /// Does a `set` at the parent list with an `<entry>` inside lose its owner, so that a partial commit skips it
    /// (<https://github.com/PaloAltoNetworks/pan-os-codegen/issues/119>)?
    pub parent_set_loses_owner: bool,
    /// Are configuration writes taken while a commit job waits or runs?
    pub writes_during_commit: bool,
    /// How many administrator commits may wait; the firewall's number is model-dependent, Panorama's is 10
    /// (<https://docs.paloaltonetworks.com/pan-os/7-1/pan-os-new-features/management-features/commit-queues>).
    pub commit_queue_limit: usize,
    /// Does `application-default` let a custom App-ID without default ports pass on every port, or on none?
    pub portless_application_default: PortlessDefault,
    /// Does `test security-policy-match` name the default rules when no other rule matches?
    pub policy_match_names_defaults: bool,
    /// How `test security-policy-match` writes the rule's lists: `<from>any</from>` as recorded on 9.x
    /// (public Go client example `TestSecurityPolicyMatch`), or `<from><member>any</member></from>` as newer ones show.
    pub policy_match_lists: PolicyMatchLists,
    /// Are live sessions looked up again after a commit? "Rematch Sessions" is on by default
    /// (<https://docs.paloaltonetworks.com/ngfw/help/12-1/device/device-setup-session/session-settings>).
    pub rematch_sessions: bool,
}

/// See [`Quirks::anchors`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Anchors {
    /// An anchor holds only at the field's edge.
    Hold,
    /// An anchor is taken and means nothing: the pattern is found anywhere.
    Ignored,
    /// The engine sees more than the field, so that an anchor never holds.
    NeverHold,
}

/// See [`Quirks::overlap_winner`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverlapWinner {
    /// The one that stands first in the configuration.
    First,
    /// The one that stands last in the configuration.
    Last,
    /// The first by name.
    Alphabetical,
}

/// See [`Quirks::pattern_engine`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatternEngine {
    /// Two literal characters, anchors, character classes and inline options.
    Enhanced,
    /// Seven literal characters and the operators of 9.1.
    Classic,
}

/// See [`Quirks::bad_pattern`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BadPattern {
    /// The write is refused.
    RefusedAtWrite,
    /// The commit succeeds; the signature is among the bad ones.
    BadSignature,
}

/// See [`Quirks::portless_application_default`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PortlessDefault {
    /// The service matches no port.
    NoPort,
    /// The service matches every port.
    EveryPort,
}

/// See [`Quirks::policy_match_lists`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyMatchLists {
    /// One text; several values in brackets.
    Text,
    /// `<member>` elements.
    Members,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            anchors: Anchors::Hold,
            case_sensitive: true,
            overlap_winner: OverlapWinner::First,
            pattern_engine: PatternEngine::Enhanced,
            bad_pattern: BadPattern::RefusedAtWrite,
            sni_context_known: true,
            member_edit_is_rule_change: false,
            parent_set_loses_owner: false,
            writes_during_commit: true,
            commit_queue_limit: 10,
            portless_application_default: PortlessDefault::NoPort,
            policy_match_names_defaults: true,
            policy_match_lists: PolicyMatchLists::Members,
            rematch_sessions: true,
        }
    }
}
