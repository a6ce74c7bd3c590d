//! What there is in the cluster, and what is wanted because of it.
//!
//! [`facts`] what we keep of an object, [`made`] of an identity, [`template`] of a pod · [`shelf`] where it is kept · [`world`] everything together ·
//! [`owners`] whose pod it is · [`wanted`] the decision, with [`carried`] what pods carry and [`conflict`]
//! who may say what happens to a name, and [`missed`] what slipped past the webhook · [`watch`] how we hear of it.

pub mod carried;
pub mod conflict;
pub mod facts;
pub mod made;
pub mod missed;
pub mod owners;
pub mod shelf;
pub mod template;
pub mod wanted;
pub mod watch;
pub mod world;

#[cfg(test)]
mod tests;
