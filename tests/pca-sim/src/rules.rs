//! What AWS Private CA accepts in a request, and what it makes of it: pure, one file for each rule.

pub mod arn;
pub mod constraints;
pub mod csr;
pub mod san;
pub mod scope;
pub mod signing;
pub mod template;
pub mod token;
pub mod validity;
