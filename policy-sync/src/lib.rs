//! Makes the firewall agree with the identities, proves it, and opens the pods' gates.
