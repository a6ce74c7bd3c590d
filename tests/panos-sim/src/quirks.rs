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
    /// Must a partial commit take along what others added, deleted or moved in the same rulebase? The page above says
    /// so; Panorama can commit them apart since 11.0.1
    /// (<https://docs.paloaltonetworks.com/pan-os/11-0/pan-os-new-features/panorama-features/admin-level-commit-with-policy-reordering>).
    pub rules_commit_together: bool,
    /// Does a partial commit put its changes into force? On several releases its job ends well and the changes stay in
    /// the candidate (<https://github.com/PaloAltoNetworks/pan-os-ansible/issues/569>).
    pub partial_commit_takes_effect: bool,
    /// Is `force` around a partial commit taken? A reviewer of the vendor's SDK doubts that it ever was
    /// (<https://github.com/PaloAltoNetworks/pan-os-python/pull/604>).
    pub forced_partial_commit: bool,
    /// Is `multi-config` switched on? It was off by default in 10.0, and 11.2 still has the command that switches it
    /// (<https://docs.paloaltonetworks.com/ngfw/pan-os-cli-quick-start/cli-command-hierarchy/pan-os-11-2-cli-ops-command-hierarchy>).
    pub multi_config_enabled: bool,
    /// Do others' configuration locks hold back the XML API? Not before 11.0.4
    /// (<https://docs.paloaltonetworks.com/pan-os/11-0/pan-os-release-notes/pan-os-11-0-4-known-and-addressed-issues/pan-os-11-0-4-addressed-issues>, PAN-214311).
    pub config_locks_hold_the_api: bool,
    /// What `status` says of a job that waits in the queue.
    pub queued_status: QueuedStatus,
    /// What `progress` says of a job that has ended; `PaloAltoNetworks/pango:client.go` reads both.
    pub finished_progress: FinishedProgress,
    /// Are job numbers above 65535 cut to 16 bits where a commit is answered? Jobs then begin there. Fixed in 11.1.14
    /// (<https://docs.paloaltonetworks.com/pan-os/11-1/pan-os-release-notes/pan-os-11-1-14-known-and-addressed-issues/pan-os-11-1-14-addressed-issues>, PAN-271643).
    pub job_ids_cut: bool,
    /// How long an API key lives; 0 means for ever. The device counts in minutes
    /// (<https://docs.paloaltonetworks.com/pan-os/11-1/pan-os-admin/firewall-administration/manage-firewall-administrators/configure-administrative-accounts-and-authentication/configure-api-key-lifetime>).
    pub key_lifetime_ms: u64,
    /// The longest description of an application: `PaloAltoNetworks/pan-os-codegen:specs/objects/application.yaml` says
    /// 1023, the web interface takes 255.
    pub application_description_limit: usize,
    /// Without which members an application is not valid.
    pub application_needs: ApplicationNeeds,
    /// How many custom applications a vsys holds; 6416 on every VM-Series
    /// (<https://docs.paloaltonetworks.com/vm-series/activation-and-onboarding/software-ngfw/maximum-limits-based-on-memory/maximum-limits-based-on-memory-11-1>).
    pub application_limit: usize,
    /// What an administrator demands of every rule that is made or changed
    /// (<https://docs.paloaltonetworks.com/pan-os/11-0/pan-os-admin/policy/enforce-policy-rule-description-tag-and-audit-comment>).
    /// Whether the XML API is held to it is not said.
    pub rule_needs: RuleNeeds,
    /// How `show bad-custom-signature` writes its list; no answer is public.
    pub bad_signature_list: BadSignatureList,
    /// Does a `set` at the parent list with an `<entry>` inside lose its owner, so that a partial commit skips it
    /// (<https://github.com/PaloAltoNetworks/pan-os-codegen/issues/119>)?
    pub parent_set_loses_owner: bool,
    /// Are configuration writes taken while a commit job waits or runs?
    pub writes_during_commit: bool,
    /// How many administrator commits may wait; the firewall's number is model-dependent, Panorama's is 10
    /// (<https://docs.paloaltonetworks.com/pan-os/7-1/pan-os-new-features/management-features/commit-queues>).
    pub commit_queue_limit: usize,
    /// When does a push job end: with its firewalls, or as soon as everything is sent, while firewalls still show
    /// `PEND`? `PaloAltoNetworks/pango:client.go` waits for the firewalls after the job has ended.
    pub push_job_ends: PushJobEnds,
    /// What a push job says when a firewall failed; `PaloAltoNetworks/pan-os-python:panos/base.py` asks each firewall.
    pub push_job_result: PushJobResult,
    /// Do applications that a Panorama pushed count towards what the vsys holds? Not said anywhere.
    pub pushed_applications_count: bool,
    /// Does `show devices` tell for each vsys whether the policy is in sync? In recorded answers the element is empty and
    /// only `show devicegroups` tells (`demisto/content:Packs/PAN-OS/Integrations/Panorama/test_data/show_device_groups.xml`).
    pub devices_tell_sync_status: bool,
    /// Does an application filter hold custom App-IDs by their attributes, as it holds predefined ones? The vendor speaks
    /// of new App-IDs
    /// (<https://docs.paloaltonetworks.com/pan-os/11-0/pan-os-admin/app-id/use-application-objects-in-policy/create-an-application-filter.html>).
    pub filters_hold_custom_applications: bool,
    /// Does a synchronization with the peer throw away what is pending on the device that takes it over? Not said.
    pub ha_sync_replaces_candidate: bool,
    /// Is an API key of one device good on its peer too? Not said.
    pub keys_hold_on_the_peer: bool,
    /// Do uncommitted changes outlive a restart? Since 10.1
    /// (<https://docs.paloaltonetworks.com/pan-os/10-1/pan-os-new-features/management-features/persistent-uncommitted-changes-on-pan-os.html>).
    pub candidate_survives_a_restart: bool,
    /// Does `application-default` let a custom App-ID without default ports pass on every port, or on none?
    pub portless_application_default: PortlessDefault,
    /// Does `test security-policy-match` name the default rules when no other rule matches?
    pub policy_match_names_defaults: bool,
    /// How `test security-policy-match` writes the rule's lists: `<from>any</from>` as recorded on 9.x
    /// (public Go client example `TestSecurityPolicyMatch`), or `<from><member>any</member></from>` as newer ones show.
    pub policy_match_lists: PolicyMatchLists,
    /// Are live sessions looked up again after a commit, where the configuration does not say? "Rematch Sessions" is on by default
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

/// See [`Quirks::push_job_ends`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushJobEnds {
    /// When the last firewall is done.
    WithItsFirewalls,
    /// When everything is sent.
    WhenSent,
}

/// See [`Quirks::push_job_result`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushJobResult {
    /// `FAIL` when one of its firewalls failed.
    AsItsFirewalls,
    /// `OK` whatever its firewalls say.
    AlwaysOk,
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

/// See [`Quirks::queued_status`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueuedStatus {
    /// `PEND`, and only `ACT` once it runs.
    Pend,
    /// `ACT` from the beginning; `queued` tells the difference.
    Act,
}

/// See [`Quirks::finished_progress`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishedProgress {
    /// `100`.
    Percent,
    /// The time at which it ended.
    Timestamp,
}

/// See [`Quirks::application_needs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplicationNeeds {
    /// Category and risk, as the vendor's OpenAPI files say.
    CategoryAndRisk,
    /// Those, subcategory and technology, as the web interface asks for.
    WhatTheFormAsks,
    /// Nothing, as `PaloAltoNetworks/pan-os-codegen:specs/objects/application.yaml` says.
    Nothing,
}

/// See [`Quirks::rule_needs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleNeeds {
    /// Nothing more than the schema.
    Nothing,
    /// A tag and a description.
    TagAndDescription,
    /// An audit comment, given before the change.
    AuditComment,
}

/// See [`Quirks::bad_signature_list`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BadSignatureList {
    /// One `<entry>` for each.
    Entries,
    /// One line of text for each.
    Lines,
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
            rules_commit_together: true,
            partial_commit_takes_effect: true,
            forced_partial_commit: true,
            multi_config_enabled: true,
            config_locks_hold_the_api: true,
            queued_status: QueuedStatus::Pend,
            finished_progress: FinishedProgress::Percent,
            job_ids_cut: false,
            key_lifetime_ms: 0,
            application_description_limit: 1023,
            application_needs: ApplicationNeeds::CategoryAndRisk,
            application_limit: 6416,
            rule_needs: RuleNeeds::Nothing,
            bad_signature_list: BadSignatureList::Entries,
            parent_set_loses_owner: false,
            writes_during_commit: true,
            commit_queue_limit: 10,
            push_job_ends: PushJobEnds::WithItsFirewalls,
            push_job_result: PushJobResult::AsItsFirewalls,
            pushed_applications_count: true,
            devices_tell_sync_status: false,
            filters_hold_custom_applications: true,
            ha_sync_replaces_candidate: true,
            keys_hold_on_the_peer: false,
            candidate_survives_a_restart: true,
            portless_application_default: PortlessDefault::NoPort,
            policy_match_names_defaults: true,
            policy_match_lists: PolicyMatchLists::Members,
            rematch_sessions: true,
        }
    }
}
