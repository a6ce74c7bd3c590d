//! An intermediate of our own, below a CA of AWS Private CA: [`constraints`] what it may sign · [`asked`] what AWS is asked
//! for · [`parent`] the CA above, a port · [`held`] is what came fit to sign · [`stored`] the two Secrets · [`journey`] the
//! way from one to the other, in steps that are each stored before the next.
//!
//! The running agent reads what the journey leaves ([`crate::issuer::intermediate`]) and never goes on it: a person runs
//! it with `sallyport ca intermediate`, and with an AWS role that the agent does not have.

pub mod asked;
pub mod constraints;
pub mod held;
pub mod journey;
pub mod parent;
pub mod stored;
#[cfg(test)]
pub(crate) mod tests;
