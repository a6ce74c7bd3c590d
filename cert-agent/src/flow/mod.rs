//! The flow: one piece of work at a time for each key, many keys at once, nobody sleeps.
//!
//! [`queue`] what is due · [`intake`] what a change makes due · [`worker`] who does it · [`agent`] what all
//! work shares · [`namespace`] what is wanted there · [`audit`] what slipped past the webhook · [`identity`] one identity · [`memo`] what is
//! remembered of it · [`certificate`] its steps,
//! [`asking`] the authority's side and [`stored`] the stored side · [`pods`] the same for pods with certificates of
//! their own · [`claiming`] its names · [`spending`] how many may be asked for · [`authority`] who signs ·
//! [`policies`] what their writers read · [`requests`] what people ask · restarts after a renewal · [`sweep`] what is over · [`webhook`] the
//! webhook's own certificate, and what it goes with.

pub mod agent;
pub mod asking;
pub mod audit;
pub mod authority;
pub mod certificate;
pub mod claiming;
pub mod identity;
pub mod intake;
mod leaving;
pub mod memo;
pub mod namespace;
mod pod_steps;
pub mod pods;
pub mod policies;
pub mod queue;
pub mod requests;
mod restarts;
pub mod spending;
pub mod stored;
pub mod sweep;
pub mod webhook;
pub mod worker;

#[cfg(test)]
mod tests;
