//! What an intermediate may be, and every way to one, over twins.

pub(crate) mod ca;
mod constraints;
mod fit;
mod ways;
