//! The whole device over its sockets: XML API, faults, data plane.

#[cfg(test)]
mod api;
#[cfg(test)]
mod commits;
#[cfg(test)]
mod data_plane;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod support;
