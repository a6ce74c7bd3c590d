//! By which roots an authority's certificates are trusted, and who is told.
//!
//! [`root`] one root · [`book`] the roots of an authority: seen, published, over · [`overlap`] when the first certificate under a
//! new one may come · [`bundle`] what lies where clients look for them.

pub mod book;
pub mod bundle;
pub mod overlap;
pub mod root;
#[cfg(test)]
pub(crate) mod tests;
