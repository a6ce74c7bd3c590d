//! The whole device over its sockets: XML API, faults, data plane.

#[cfg(test)]
mod api;
#[cfg(test)]
mod colleague;
#[cfg(test)]
mod commits;
#[cfg(test)]
mod data_plane;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod faults_by_request;
#[cfg(test)]
mod fleet_control;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod managed;
#[cfg(test)]
mod pairs;
#[cfg(test)]
mod push_jobs;
#[cfg(test)]
mod pushes;
#[cfg(test)]
mod sdk_needs;
#[cfg(test)]
mod support;
#[cfg(test)]
mod switches;
#[cfg(test)]
mod traffic;
#[cfg(test)]
mod user_id;
