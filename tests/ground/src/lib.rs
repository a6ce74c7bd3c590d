//! The test ground: a real control plane, the simulators and the three programs, started and stopped for a test or the demo.
