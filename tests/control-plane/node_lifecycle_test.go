package main

import (
	"context"
	"log/slog"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/record"
)

// storedObjects stands in for the API server's Secrets and ConfigMaps.
type storedObjects struct {
	secrets    map[string]*corev1.Secret
	configMaps map[string]*corev1.ConfigMap
}

func (s storedObjects) secret(_ context.Context, _, name string) (*corev1.Secret, error) {
	if found, ok := s.secrets[name]; ok {
		return found, nil
	}
	return nil, apierrors.NewNotFound(corev1.Resource("secrets"), name)
}

func (s storedObjects) configMap(_ context.Context, _, name string) (*corev1.ConfigMap, error) {
	if found, ok := s.configMaps[name]; ok {
		return found, nil
	}
	return nil, apierrors.NewNotFound(corev1.Resource("configmaps"), name)
}

func testKubelet(t *testing.T, objects storedObjects, now *time.Time, pods ...*corev1.Pod) *kubelet {
	t.Helper()
	client := fake.NewClientset()
	k := newKubelet("node-1", 0, client, slog.New(slog.DiscardHandler))
	k.objects, k.events = objects, record.NewFakeRecorder(100)
	k.now = func() time.Time { return *now }
	for _, pod := range pods {
		if _, err := client.CoreV1().Pods(pod.Namespace).Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := k.pods.GetStore().Add(pod); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

func secretVolume(name string, items ...string) corev1.Volume {
	mode := int32(0o644)
	source := &corev1.SecretVolumeSource{SecretName: name, DefaultMode: &mode}
	for _, item := range items {
		source.Items = append(source.Items, corev1.KeyToPath{Key: item, Path: item})
	}
	return corev1.Volume{Name: "volume-" + name, VolumeSource: corev1.VolumeSource{Secret: source}}
}

// phase reads the pod back from the API server and shows it to the kubelet.
func phase(t *testing.T, k *kubelet) corev1.PodPhase {
	t.Helper()
	pod, err := k.client.CoreV1().Pods("default").Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := k.pods.GetStore().Update(pod); err != nil {
		t.Fatal(err)
	}
	return pod.Status.Phase
}

func TestASecretIsNoticedOnlyAtTheNextRetry(t *testing.T) {
	now := testNow
	objects := storedObjects{secrets: map[string]*corev1.Secret{}}
	pod := testPod()
	pod.Spec.Volumes = []corev1.Volume{secretVolume("certificate")}
	k := testKubelet(t, objects, &now, pod)

	again, err := k.sync(t.Context(), "default/web")
	if err != nil || again != 600*time.Millisecond || phase(t, k) != corev1.PodPending {
		t.Fatalf("first try: again in %s, error %v", again, err)
	}
	objects.secrets["certificate"] = &corev1.Secret{}
	now = now.Add(again - time.Millisecond)
	// As after an update of the pod: it does not make the kubelet try earlier.
	if _, err := k.sync(t.Context(), "default/web"); err != nil || phase(t, k) != corev1.PodPending {
		t.Fatalf("the Secret was noticed before the retry (error %v)", err)
	}
	now = now.Add(time.Millisecond)
	if again, err := k.sync(t.Context(), "default/web"); err != nil || again != 0 || phase(t, k) != corev1.PodRunning {
		t.Fatalf("the retry did not start the pod: again in %s, error %v", again, err)
	}
}

func TestMountRetries(t *testing.T) {
	want := []time.Duration{
		500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second,
		32 * time.Second, 64 * time.Second, 122 * time.Second, 122 * time.Second,
	}
	for i, delay := range want {
		if got := mountRetry(i + 1); got != delay {
			t.Errorf("after %d failures: %s, want %s", i+1, got, delay)
		}
	}
	if got := mountRetry(1 << 30); got != longestRetry {
		t.Errorf("after very many failures: %s", got)
	}
}

func TestCheckVolume(t *testing.T) {
	yes, mode := true, int32(0o644)
	objects := storedObjects{
		secrets:    map[string]*corev1.Secret{"there": {Data: map[string][]byte{"tls.crt": nil}}},
		configMaps: map[string]*corev1.ConfigMap{"there": {Data: map[string]string{"key": ""}}},
	}
	optional := secretVolume("absent", "tls.crt")
	optional.Secret.Optional = &yes
	projected := func(sources ...corev1.VolumeProjection) corev1.Volume {
		return corev1.Volume{VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: sources, DefaultMode: &mode}}}
	}
	configMap := func(name, key string) corev1.VolumeProjection {
		return corev1.VolumeProjection{ConfigMap: &corev1.ConfigMapProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: name}, Items: []corev1.KeyToPath{{Key: key, Path: key}}}}
	}
	token := corev1.VolumeProjection{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token"}}
	cases := []struct {
		name   string
		volume corev1.Volume
		there  bool
	}{
		{"empty dir", corev1.Volume{VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}, true},
		{"secret", secretVolume("there"), true},
		{"secret with key, though empty", secretVolume("there", "tls.crt"), true},
		{"secret without key", secretVolume("there", "tls.key"), false},
		{"no secret", secretVolume("absent"), false},
		{"no secret, optional", optional, true},
		{"projection", projected(token, configMap("there", "key")), true},
		{"projection without config map", projected(token, configMap("absent", "key")), false},
		{"projection without key", projected(token, configMap("there", "other")), false},
		{"trust bundle", projected(corev1.VolumeProjection{ClusterTrustBundle: &corev1.ClusterTrustBundleProjection{}}), false},
	}
	for _, one := range cases {
		if err := checkVolume(t.Context(), objects, "default", one.volume); (err == nil) != one.there {
			t.Errorf("%s: %v", one.name, err)
		}
	}
	for name, source := range sourcesOfTheirOwn() {
		if err := checkVolume(t.Context(), objects, "default", projected(source)); err == nil {
			t.Errorf("%s: nobody serves it, and it is said to be there", name)
		}
	}
}

func TestADeletedPodGoesAtOnce(t *testing.T) {
	for _, started := range []bool{true, false} {
		now := testNow
		pod := testPod()
		if !started {
			pod.Spec.Volumes = []corev1.Volume{secretVolume("absent")}
		}
		k := testKubelet(t, storedObjects{}, &now, pod)
		if _, err := k.sync(t.Context(), "default/web"); err != nil {
			t.Fatal(err)
		}
		deleted, err := k.client.CoreV1().Pods("default").Get(t.Context(), "web", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		deleted.DeletionTimestamp = seconds(now)
		if _, err := k.client.CoreV1().Pods("default").Update(t.Context(), deleted, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := k.pods.GetStore().Update(deleted); err != nil {
			t.Fatal(err)
		}
		if _, err := k.sync(t.Context(), "default/web"); err != nil {
			t.Fatal(err)
		}
		if _, err := k.client.CoreV1().Pods("default").Get(t.Context(), "web", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			t.Errorf("started %v: the pod is still there (error %v)", started, err)
		}
	}
}

func TestAPodThatIsBeingDeletedEndsFirst(t *testing.T) {
	cases := map[stage]corev1.PodPhase{
		stageWaiting: corev1.PodFailed,
		stageRunning: corev1.PodSucceeded,
	}
	for before, want := range cases {
		view := testView(before)
		view.stop(testNow)
		if got := phaseOf(view); got != want {
			t.Errorf("from stage %d: phase %s, want %s", before, got, want)
		}
	}
}

func TestPlannedEnd(t *testing.T) {
	cases := []struct {
		name        string
		policy      corev1.RestartPolicy
		annotations map[string]string
		want        *end
		refused     bool
	}{
		{"nothing asked", corev1.RestartPolicyNever, nil, nil, false},
		{"time", corev1.RestartPolicyNever, map[string]string{runSecondsAnnotation: "2"}, &end{after: 2 * time.Second}, false},
		{"code", corev1.RestartPolicyOnFailure, map[string]string{exitCodeAnnotation: "3"}, &end{exitCode: 3}, false},
		{"not for servers", corev1.RestartPolicyAlways, map[string]string{runSecondsAnnotation: "2"}, nil, false},
		{"bad time", corev1.RestartPolicyNever, map[string]string{runSecondsAnnotation: "soon"}, nil, true},
		{"bad code", corev1.RestartPolicyNever, map[string]string{exitCodeAnnotation: "256"}, nil, true},
	}
	for _, one := range cases {
		pod := testPod()
		pod.Spec.RestartPolicy, pod.Annotations = one.policy, one.annotations
		got, err := plannedEnd(pod)
		if (err != nil) != one.refused || (got == nil) != (one.want == nil) || got != nil && *got != *one.want {
			t.Errorf("%s: got %+v, %v", one.name, got, err)
		}
	}
}

func TestAddressesAreUniqueAndComeBackLate(t *testing.T) {
	pool, other := newAddressPool(0), newAddressPool(1)
	seen := make(map[string]bool)
	for range addressesPerNode {
		address, err := pool.take()
		if err != nil || seen[address.String()] {
			t.Fatalf("%s: again or error %v", address, err)
		}
		seen[address.String()] = true
	}
	if _, err := pool.take(); err == nil {
		t.Error("took more addresses than there are")
	}
	first, err := other.take()
	if err != nil || seen[first.String()] {
		t.Errorf("two nodes share %s (error %v)", first, err)
	}
	other.release(first)
	if second, err := other.take(); err != nil || second == first {
		t.Errorf("%s came back at once (error %v)", second, err)
	}
}
