//! What the identities need around them: [`binding`] in each namespace, [`webhook_tls`] for the webhook, [`leaving`] for the
//! day on which Sallyport goes.

pub mod binding;
pub mod leaving;
pub mod webhook_tls;
