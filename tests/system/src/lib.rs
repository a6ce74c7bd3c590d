//! System tests on a real Kubernetes API server.
