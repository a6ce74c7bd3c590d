// The stages of a pod on its node, and what moves it on.

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Annotations by which a test says how a pod with restartPolicy Never or
// OnFailure ends: after so many seconds (default 0), with that exit code
// (default 0). With neither it runs until it is deleted.
const (
	runSecondsAnnotation = "sallyport.test/run-seconds"
	exitCodeAnnotation   = "sallyport.test/exit-code"
)

// podState is what the node remembers of one pod. The queue hands a pod to one
// worker at a time, so only that worker touches it.
type podState struct {
	uid     types.UID
	view    podView
	mounts  map[string]*mount
	deleted bool
}

// stateOf returns what is known of the pod. A pod of the same name that was
// there before is forgotten; a pod that already ran when this process started
// goes on where it was.
func (k *kubelet) stateOf(key string, pod *corev1.Pod) *podState {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if state, known := k.states[key]; known {
		if state.uid == pod.UID {
			return state
		}
		k.addresses.release(state.view.address)
	}
	state := &podState{uid: pod.UID, view: resumeView(pod, hostAddress(k.index), k.now()), mounts: make(map[string]*mount)}
	if state.view.address.IsValid() {
		k.addresses.reserve(state.view.address)
	}
	k.states[key] = state
	return state
}

func (k *kubelet) forget(key string) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if state, known := k.states[key]; known {
		k.addresses.release(state.view.address)
		delete(k.states, key)
	}
}

// resumeView reads from the pod's status what an earlier process had done.
func resumeView(pod *corev1.Pod, host string, now time.Time) podView {
	view := podView{stage: stageWaiting, received: now, host: host}
	if pod.Status.StartTime != nil {
		view.received = pod.Status.StartTime.Time
	}
	if address, err := netip.ParseAddr(pod.Status.PodIP); err == nil && !pod.Spec.HostNetwork {
		view.address = address
	}
	for _, container := range pod.Status.ContainerStatuses {
		switch {
		case container.State.Running != nil:
			view.stage, view.started = stageRunning, container.State.Running.StartedAt.Time
		case container.State.Terminated != nil:
			view.stage = stageEnded
			view.started, view.ended = container.State.Terminated.StartedAt.Time, container.State.Terminated.FinishedAt.Time
			view.exitCode = container.State.Terminated.ExitCode
		}
	}
	return view
}

// advance moves the pod through its stages as far as it goes now.
func (k *kubelet) advance(ctx context.Context, pod *corev1.Pod, state *podState) error {
	now := k.now()
	if pod.DeletionTimestamp != nil {
		state.view.stop(now)
		return nil
	}
	if state.view.stage == stageWaiting && k.mountVolumes(ctx, pod, state) {
		if err := k.startContainers(pod, state); err != nil {
			return err
		}
	}
	if state.view.stage == stageRunning {
		end, err := plannedEnd(pod)
		if err != nil {
			k.log.Warn("the pod runs on", "pod", pod.Namespace+"/"+pod.Name, "error", err)
		}
		if end != nil && !now.Before(state.view.started.Add(end.after)) {
			state.view.stage, state.view.ended, state.view.exitCode = stageEnded, now, end.exitCode
		}
	}
	return nil
}

// stop ends the containers at once, as ones that heed SIGTERM.
func (v *podView) stop(now time.Time) {
	switch v.stage {
	case stageWaiting:
		v.stage = stageNeverStarted
	case stageRunning:
		v.stage, v.ended, v.exitCode = stageEnded, now, 0
	case stageEnded, stageNeverStarted:
	}
}

// mountVolumes tries every volume that is due and reports whether all are mounted.
func (k *kubelet) mountVolumes(ctx context.Context, pod *corev1.Pod, state *podState) bool {
	all := true
	for _, volume := range pod.Spec.Volumes {
		tried := state.mounts[volume.Name]
		if tried == nil {
			tried = &mount{}
			state.mounts[volume.Name] = tried
		}
		if tried.due(k.now()) {
			if err := checkVolume(ctx, k.objects, pod.Namespace, volume); err != nil {
				tried.failed(k.now())
				k.complain(pod, state, volume.Name, err)
			} else {
				tried.succeeded()
			}
		}
		all = all && tried.done
	}
	return all
}

func (k *kubelet) complain(pod *corev1.Pod, state *podState, volume string, err error) {
	message := fmt.Sprintf("MountVolume.SetUp failed for volume %q : %v", volume, err)
	k.events.Event(pod, corev1.EventTypeWarning, "FailedMount", message)
	if errors.Is(err, errUnsupportedVolume) {
		state.view.complaint = message
	}
}

func (k *kubelet) startContainers(pod *corev1.Pod, state *podState) error {
	if !pod.Spec.HostNetwork {
		address, err := k.addresses.take()
		if err != nil {
			return err
		}
		state.view.address = address
	}
	state.view.stage, state.view.started = stageRunning, k.now()
	return nil
}

// end is when, counted from its start, and how a pod ends by itself.
type end struct {
	after    time.Duration
	exitCode int32
}

// plannedEnd reads the pod's annotations; nil means that it runs until deleted.
func plannedEnd(pod *corev1.Pod) (*end, error) {
	seconds, timed := pod.Annotations[runSecondsAnnotation]
	code, coded := pod.Annotations[exitCodeAnnotation]
	if pod.Spec.RestartPolicy == corev1.RestartPolicyAlways || !timed && !coded {
		return nil, nil
	}
	planned := &end{}
	if timed {
		number, err := strconv.ParseUint(seconds, 10, 31)
		if err != nil {
			return nil, fmt.Errorf("annotation %s must be whole seconds: %w", runSecondsAnnotation, err)
		}
		planned.after = time.Duration(number) * time.Second
	}
	if coded {
		number, err := strconv.ParseUint(code, 10, 8)
		if err != nil {
			return nil, fmt.Errorf("annotation %s must be 0 to 255: %w", exitCodeAnnotation, err)
		}
		planned.exitCode = int32(number)
	}
	return planned, nil
}

// nextLook is how long until something is due although nothing else happens; 0
// means never.
func (s *podState) nextLook(pod *corev1.Pod, now time.Time) time.Duration {
	var next time.Time
	switch s.view.stage {
	case stageWaiting:
		for _, one := range s.mounts {
			if !one.done && (next.IsZero() || one.next.Before(next)) {
				next = one.next
			}
		}
	case stageRunning:
		if planned, err := plannedEnd(pod); err == nil && planned != nil {
			next = s.view.started.Add(planned.after)
		}
	case stageEnded, stageNeverStarted:
	}
	if next.IsZero() {
		return 0
	}
	return max(next.Sub(now), time.Millisecond)
}
