//go:build oldest

package main

import corev1 "k8s.io/api/core/v1"

// sourcesOfTheirOwn are none: the oldest version knows no projection that a newer one has added.
func sourcesOfTheirOwn() map[string]corev1.VolumeProjection { return nil }
