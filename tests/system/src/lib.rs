//! System tests on a real Kubernetes API server. Everything is in `tests/system`.
