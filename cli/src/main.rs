//! The one binary: the programs that run in the cluster and the commands for people and CI.

fn main() {}
