//! Makes identities from workloads, claims their names, issues and renews their certificates.
