//! What is decided where each pod has a certificate of its own, whose key the kubelet made and keeps
//! (`certificates.k8s.io/v1`, PodCertificateRequest).
//!
//! In the order of a request's life: [`facts`] is it answered · [`judge`] whose it is, and may it have what ·
//! [`stub`] the key in it · [`ask`] what an authority is asked · [`memory`] what is stored before each step ·
//! [`step`] what to do next · [`answer`] the status · [`tally`] what the identity says of all its pods.

pub mod answer;
pub mod ask;
pub mod facts;
pub mod judge;
pub mod memory;
pub mod step;
pub mod stub;
pub mod tally;
