//! The governor: how fast one AWS account and Region is asked, and who goes first when many wait.
//!
//! [`rates`] what was configured · [`bucket`] how much may go out now · [`line`] who goes next · [`gate`] the
//! one gate that every call to AWS passes.

pub mod bucket;
pub mod gate;
pub mod line;
pub mod rates;
