//! moto.
