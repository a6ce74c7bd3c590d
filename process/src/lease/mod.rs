//! One leader among replicas: the holder of a Lease works, the others watch and wait.
//!
//! The rules are those of client-go's leader election
//! (<https://pkg.go.dev/k8s.io/client-go/tools/leaderelection>): every write carries the version that was
//! read, and a holder is only taken for gone when its Lease has not changed for its whole duration *by our
//! own clock*, so that clocks of different nodes are never compared. Beside that, a leader stops to write
//! before anybody else may begin: [`Leadership::holds`] counts from when its last renewal was *sent*.
//!
//! A Lease makes two writers rare, not impossible: a process may be stopped between the question and the
//! write. So whatever is written is also safe when two do it.

mod campaign;
mod fence;
mod rules;
#[cfg(test)]
mod tests;

pub use campaign::{Campaign, LeaseArgs, LeaseError};
pub use fence::{Deposed, Fence, Leadership};
