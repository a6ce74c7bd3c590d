// Whether a volume could be mounted now.

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// objectReader reads what volumes are made of, as a node may.
type objectReader interface {
	secret(ctx context.Context, namespace, name string) (*corev1.Secret, error)
	configMap(ctx context.Context, namespace, name string) (*corev1.ConfigMap, error)
}

// errUnsupportedVolume marks a volume that no retry will mount.
var errUnsupportedVolume = errors.New("the kubelet stand-in does not support it")

// checkVolume returns nil when a kubelet could mount the volume now: every
// Secret and ConfigMap that is not optional exists and holds the keys that are
// asked for. It judges their content with the kubelet's own code. Service
// account tokens, the downward API and all other kinds of volumes count as there.
func checkVolume(ctx context.Context, objects objectReader, namespace string, volume corev1.Volume) error {
	switch {
	case volume.Secret != nil:
		source := volume.Secret
		return checkSecret(ctx, objects, namespace, source.SecretName, source.Items, source.DefaultMode, source.Optional)
	case volume.ConfigMap != nil:
		source := volume.ConfigMap
		return checkConfigMap(ctx, objects, namespace, source.Name, source.Items, source.DefaultMode, source.Optional)
	case volume.Projected != nil:
		var problems []error
		for _, source := range volume.Projected.Sources {
			problems = append(problems, checkProjection(ctx, objects, namespace, source, volume.Projected.DefaultMode))
		}
		return errors.Join(problems...)
	}
	return nil
}

func checkProjection(ctx context.Context, objects objectReader, namespace string, source corev1.VolumeProjection, mode *int32) error {
	switch {
	case source.Secret != nil:
		return checkSecret(ctx, objects, namespace, source.Secret.Name, source.Secret.Items, mode, source.Secret.Optional)
	case source.ConfigMap != nil:
		return checkConfigMap(ctx, objects, namespace, source.ConfigMap.Name, source.ConfigMap.Items, mode, source.ConfigMap.Optional)
	case asksForCertificate(source):
		return fmt.Errorf("podCertificate: %w", errUnsupportedVolume)
	case source.ClusterTrustBundle != nil && !isTrue(source.ClusterTrustBundle.Optional):
		return fmt.Errorf("clusterTrustBundle: %w", errUnsupportedVolume)
	}
	return nil
}

func checkSecret(ctx context.Context, objects objectReader, namespace, name string, items []corev1.KeyToPath, mode *int32, optional *bool) error {
	found, err := objects.secret(ctx, namespace, name)
	if apierrors.IsNotFound(err) && isTrue(optional) {
		return nil
	}
	if err != nil {
		return err
	}
	return checkSecretItems(items, found, mode, isTrue(optional))
}

func checkConfigMap(ctx context.Context, objects objectReader, namespace, name string, items []corev1.KeyToPath, mode *int32, optional *bool) error {
	found, err := objects.configMap(ctx, namespace, name)
	if apierrors.IsNotFound(err) && isTrue(optional) {
		return nil
	}
	if err != nil {
		return err
	}
	return checkConfigMapItems(items, found, mode, isTrue(optional))
}

func isTrue(value *bool) bool {
	return value != nil && *value
}

// apiObjects reads from the API server with the node's own certificate.
type apiObjects struct {
	client kubernetes.Interface
}

func (a apiObjects) secret(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	return whenAllowed(ctx, func(ctx context.Context) (*corev1.Secret, error) {
		return a.client.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
	})
}

func (a apiObjects) configMap(ctx context.Context, namespace, name string) (*corev1.ConfigMap, error) {
	return whenAllowed(ctx, func(ctx context.Context) (*corev1.ConfigMap, error) {
		return a.client.CoreV1().ConfigMaps(namespace).Get(ctx, name, metav1.GetOptions{})
	})
}

// whenAllowed asks again for up to a second while the answer is Forbidden: the
// Node authorizer learns of a pod a moment after its node does. A kubelet, too,
// waits a second for what it reads before it calls the mount failed
// (https://github.com/kubernetes/kubernetes/blob/v1.37.0/pkg/kubelet/util/manager/watch_based_manager.go).
func whenAllowed[T any](ctx context.Context, get func(context.Context) (T, error)) (T, error) {
	const (
		patience = time.Second
		pause    = 20 * time.Millisecond
	)
	ctx, cancel := context.WithTimeout(ctx, objectTimeout)
	defer cancel()
	deadline := time.Now().Add(patience)
	for {
		found, err := get(ctx)
		if !apierrors.IsForbidden(err) || time.Now().After(deadline) {
			return found, err
		}
		select {
		case <-ctx.Done():
			return found, err
		case <-time.After(pause):
		}
	}
}

// objectTimeout bounds the reading of one object.
const objectTimeout = 10 * time.Second
