//go:build oldest

// The same as kubelet_calls.go for the oldest version.

package main

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/component-helpers/apimachinery/lease"
	podutil "k8s.io/kubernetes/pkg/api/v1/pod"
	kubeletutil "k8s.io/kubernetes/pkg/kubelet/util"
	"k8s.io/kubernetes/pkg/volume/configmap"
	"k8s.io/kubernetes/pkg/volume/secret"
)

func nodeOwner(_ context.Context, client kubernetes.Interface, node string) lease.ProcessLeaseFunc {
	return kubeletutil.SetNodeOwnerFunc(client, node)
}

func observedGeneration(pod *corev1.Pod) int64 {
	return podutil.GetPodObservedGenerationIfEnabled(pod)
}

func asksForCertificate(corev1.VolumeProjection) bool {
	return false
}

func checkSecretItems(items []corev1.KeyToPath, found *corev1.Secret, mode *int32, optional bool) error {
	_, err := secret.MakePayload(items, found, mode, optional)
	return err
}

func checkConfigMapItems(items []corev1.KeyToPath, found *corev1.ConfigMap, mode *int32, optional bool) error {
	_, err := configmap.MakePayload(items, found, mode, optional)
	return err
}
