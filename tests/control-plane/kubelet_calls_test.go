//go:build !oldest

package main

import corev1 "k8s.io/api/core/v1"

// sourcesOfTheirOwn are the projections that only newer versions know.
func sourcesOfTheirOwn() map[string]corev1.VolumeProjection {
	return map[string]corev1.VolumeProjection{
		"pod certificate": {PodCertificate: &corev1.PodCertificateProjection{}},
	}
}
