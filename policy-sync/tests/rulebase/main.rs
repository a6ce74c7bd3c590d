//! What the rules in force make of ours: cases, properties, and the simulator's own lookup as an oracle.
#![cfg(test)]

mod bounded;
mod defaults;
mod filters;
mod notation;
mod oracle;
mod properties;
mod shadows;
