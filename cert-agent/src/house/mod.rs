//! What the identities need around them: [`binding`] in each namespace, [`webhook_tls`] for the webhook.

pub mod binding;
pub mod webhook_tls;
