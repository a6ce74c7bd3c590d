// The stand-in for one kubelet: its watch, its queue, and what it writes to pods.

package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	podutil "k8s.io/kubernetes/pkg/api/v1/pod"
	podpatch "k8s.io/kubernetes/pkg/util/pod"
)

const (
	// podWorkers is how many pods of one node move on at the same time.
	podWorkers = 8
	// syncRetry and longestSyncRetry bound the waits after a failed call to the API server.
	syncRetry        = 200 * time.Millisecond
	longestSyncRetry = 15 * time.Second
)

// kubelet behaves towards the API server as the kubelet of one node does,
// without running anything.
type kubelet struct {
	name      string
	index     int
	client    kubernetes.Interface
	objects   objectReader
	addresses *addressPool
	log       *slog.Logger
	now       func() time.Time
	pods      cache.SharedIndexInformer
	queue     workqueue.TypedRateLimitingInterface[string]
	events    record.EventRecorder

	mutex  sync.Mutex
	states map[string]*podState
}

func newKubelet(name string, index int, client kubernetes.Interface, log *slog.Logger) *kubelet {
	own := fields.OneTermEqualSelector("spec.nodeName", name)
	source := cache.NewListWatchFromClient(client.CoreV1().RESTClient(), "pods", metav1.NamespaceAll, own)
	return &kubelet{
		name:      name,
		index:     index,
		client:    client,
		objects:   apiObjects{client: client},
		addresses: newAddressPool(index),
		log:       log,
		now:       time.Now,
		pods:      cache.NewSharedIndexInformer(source, &corev1.Pod{}, 0, cache.Indexers{}),
		queue: workqueue.NewTypedRateLimitingQueue(
			workqueue.NewTypedItemExponentialFailureRateLimiter[string](syncRetry, longestSyncRetry)),
		states: make(map[string]*podState),
	}
}

// run registers the node and looks after its pods until ctx ends.
func (k *kubelet) run(ctx context.Context) {
	k.register(ctx)
	events := record.NewBroadcaster(record.WithContext(ctx))
	defer events.Shutdown()
	events.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: k.client.CoreV1().Events("")})
	k.events = events.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "kubelet", Host: k.name})

	enqueue := func(object any) {
		key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(object)
		if err != nil {
			k.log.Error("an object without a key came from the watch", "error", err)
			return
		}
		k.queue.Add(key)
	}
	if _, err := k.pods.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    enqueue,
		UpdateFunc: func(_, now any) { enqueue(now) },
		DeleteFunc: enqueue,
	}); err != nil {
		k.log.Error("cannot watch pods", "error", err)
		return
	}

	var running sync.WaitGroup
	running.Go(func() { k.renewLease(ctx) })
	running.Go(func() { k.reportNode(ctx) })
	running.Go(func() { k.pods.RunWithContext(ctx) })
	for range podWorkers {
		running.Go(func() { k.work(ctx) })
	}
	<-ctx.Done()
	k.queue.ShutDown()
	running.Wait()
}

func (k *kubelet) work(ctx context.Context) {
	for {
		key, stopped := k.queue.Get()
		if stopped {
			return
		}
		again, err := k.sync(ctx, key)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			k.log.Warn("will try again", "pod", key, "error", err)
			k.queue.AddRateLimited(key)
		default:
			k.queue.Forget(key)
			if again > 0 {
				k.queue.AddAfter(key, again)
			}
		}
		k.queue.Done(key)
	}
}

// sync moves one pod on as far as it goes now, tells the API server, and returns
// when to look again if nothing else happens (0: never).
func (k *kubelet) sync(ctx context.Context, key string) (again time.Duration, err error) {
	object, exists, err := k.pods.GetStore().GetByKey(key)
	if err != nil {
		return 0, fmt.Errorf("look up the pod: %w", err)
	}
	pod, isPod := object.(*corev1.Pod)
	if !exists || !isPod {
		k.forget(key)
		return 0, nil
	}
	state := k.stateOf(key, pod)
	if state.deleted {
		return 0, nil
	}
	if err := k.advance(ctx, pod, state); err != nil {
		return 0, err
	}
	pod, err = k.report(ctx, pod, state)
	if err != nil || pod == nil {
		return 0, err
	}
	if pod.DeletionTimestamp != nil && podutil.IsPodPhaseTerminal(pod.Status.Phase) {
		return 0, k.remove(ctx, pod, state)
	}
	return state.nextLook(pod, k.now()), nil
}

// report patches the pod's status the way a kubelet does: against the pod as it
// is on the server now, with only what changed. It returns that pod, or nil if
// it is gone.
func (k *kubelet) report(ctx context.Context, pod *corev1.Pod, state *podState) (*corev1.Pod, error) {
	now := k.now()
	if apiequality.Semantic.DeepEqual(pod.Status, podStatus(pod, state.view, now)) {
		return pod, nil
	}
	ctx, cancel := context.WithTimeout(ctx, objectTimeout)
	defer cancel()
	live, err := whenAllowed(ctx, func(ctx context.Context) (*corev1.Pod, error) {
		return k.client.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
	})
	if apierrors.IsNotFound(err) || err == nil && live.UID != pod.UID {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get the pod: %w", err)
	}
	patched, _, unchanged, err := podpatch.PatchPodStatus(ctx, k.client, live.Namespace, live.Name, live.UID,
		live.Status, podStatus(live, state.view, now))
	switch {
	case err != nil:
		return nil, err
	case unchanged:
		return live, nil
	}
	return patched, nil
}

// remove ends the pod's life on the API server, as a kubelet does once nothing
// of the pod is left on the node.
func (k *kubelet) remove(ctx context.Context, pod *corev1.Pod, state *podState) error {
	options := metav1.DeleteOptions{
		GracePeriodSeconds: new(int64),
		Preconditions:      metav1.NewUIDPreconditions(string(pod.UID)),
	}
	err := k.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, options)
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("delete the pod: %w", err)
	}
	// A finalizer may keep the pod; a second delete would change nothing.
	state.deleted = true
	return nil
}
