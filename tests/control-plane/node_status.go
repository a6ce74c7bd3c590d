// From what happened to a pod on its node to the status it reports.

package main

import (
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	podutil "k8s.io/kubernetes/pkg/api/v1/pod"
	kubecontainer "k8s.io/kubernetes/pkg/kubelet/container"
	kubeletstatus "k8s.io/kubernetes/pkg/kubelet/status"
)

// stage is how far a pod has come on its node.
type stage int

const (
	// stageWaiting: not all volumes are mounted, nothing was started.
	stageWaiting stage = iota
	// stageRunning: all containers run.
	stageRunning
	// stageEnded: all containers ran and ended.
	stageEnded
	// stageNeverStarted: the pod was deleted while it waited.
	stageNeverStarted
)

// podView is what happened to a pod on its node; with the pod itself it gives
// its status.
type podView struct {
	stage    stage
	received time.Time
	started  time.Time
	ended    time.Time
	exitCode int32
	host     string
	address  netip.Addr
	// complaint says why a waiting pod will go on waiting.
	complaint string
}

// podStatus is the status a kubelet reports: what it owns is new, everything
// else stays as it is on the pod, conditions of others above all. The conditions
// come from the kubelet's own code.
func podStatus(pod *corev1.Pod, view podView, now time.Time) corev1.PodStatus {
	status := *pod.Status.DeepCopy()
	status.ObservedGeneration = observedGeneration(pod)
	status.Phase = phaseOf(view)
	status.HostIP = view.host
	status.HostIPs = []corev1.HostIP{{IP: view.host}}
	status.StartTime = seconds(view.received)
	if address := podAddress(pod, view); address != "" {
		status.PodIP = address
		status.PodIPs = []corev1.PodIP{{IP: address}}
	}
	status.InitContainerStatuses = nil
	for _, container := range pod.Spec.InitContainers {
		status.InitContainerStatuses = append(status.InitContainerStatuses, initContainerStatus(container, pod, view))
	}
	status.ContainerStatuses = nil
	for _, container := range pod.Spec.Containers {
		status.ContainerStatuses = append(status.ContainerStatuses, containerStatus(container, pod, view))
	}
	for _, condition := range kubeletConditions(pod, status, view) {
		setCondition(&status, condition, now)
	}
	return status
}

func phaseOf(view podView) corev1.PodPhase {
	switch view.stage {
	case stageRunning:
		return corev1.PodRunning
	case stageEnded:
		if view.exitCode == 0 {
			return corev1.PodSucceeded
		}
		return corev1.PodFailed
	case stageNeverStarted:
		return corev1.PodFailed
	case stageWaiting:
	}
	return corev1.PodPending
}

func podAddress(pod *corev1.Pod, view podView) string {
	switch {
	case pod.Spec.HostNetwork:
		return view.host
	case view.address.IsValid():
		return view.address.String()
	}
	return ""
}

// kubeletConditions are the conditions that a kubelet owns.
func kubeletConditions(pod *corev1.Pod, status corev1.PodStatus, view podView) []corev1.PodCondition {
	all := append(append([]corev1.ContainerStatus{}, status.InitContainerStatuses...), status.ContainerStatuses...)
	// Without a sandbox a kubelet reports False and says so.
	sandbox := kubeletstatus.GeneratePodReadyToStartContainersCondition(pod, &pod.Status, &kubecontainer.PodStatus{})
	if view.stage == stageRunning {
		sandbox = corev1.PodCondition{
			Type:               corev1.PodReadyToStartContainers,
			ObservedGeneration: sandbox.ObservedGeneration,
			Status:             corev1.ConditionTrue,
		}
	}
	// A pod that came to a node is scheduled, whoever bound it.
	scheduled := corev1.PodCondition{
		Type:               corev1.PodScheduled,
		ObservedGeneration: sandbox.ObservedGeneration,
		Status:             corev1.ConditionTrue,
	}
	return []corev1.PodCondition{
		sandbox,
		scheduled,
		kubeletstatus.GeneratePodInitializedCondition(pod, &pod.Status, all, status.Phase),
		kubeletstatus.GeneratePodReadyCondition(pod, &pod.Status, status.Conditions, all, status.Phase),
		kubeletstatus.GenerateContainersReadyCondition(pod, &pod.Status, all, status.Phase),
	}
}

// setCondition replaces a condition in its place. The time of the last
// transition moves only with the status, not with its reason or message.
func setCondition(status *corev1.PodStatus, condition corev1.PodCondition, now time.Time) {
	index, old := podutil.GetPodConditionFromList(status.Conditions, condition.Type)
	if old == nil {
		condition.LastTransitionTime = *seconds(now)
		status.Conditions = append(status.Conditions, condition)
		return
	}
	condition.LastTransitionTime = old.LastTransitionTime
	if condition.Status != old.Status {
		condition.LastTransitionTime = *seconds(now)
	}
	status.Conditions[index] = condition
}

// seconds is the precision in which the API keeps times.
func seconds(at time.Time) *metav1.Time {
	rounded := metav1.NewTime(at.Truncate(time.Second))
	return &rounded
}

func containerStatus(container corev1.Container, pod *corev1.Pod, view podView) corev1.ContainerStatus {
	status := corev1.ContainerStatus{Name: container.Name, Image: container.Image, Started: new(bool)}
	id := fmt.Sprintf("stand-in://%s-%s", pod.UID, container.Name)
	switch view.stage {
	case stageWaiting:
		status.State.Waiting = &corev1.ContainerStateWaiting{Reason: waitingReason(pod), Message: view.complaint}
	case stageRunning:
		status.ContainerID, status.ImageID = id, container.Image
		status.Ready, *status.Started = true, true
		status.State.Running = &corev1.ContainerStateRunning{StartedAt: *seconds(view.started)}
	case stageEnded:
		status.ContainerID, status.ImageID = id, container.Image
		status.State.Terminated = endedState(view.exitCode, id, view.started, view.ended)
	case stageNeverStarted:
		status.State.Terminated = &corev1.ContainerStateTerminated{
			ExitCode: 137,
			Reason:   kubecontainer.ContainerReasonStatusUnknown,
			Message:  "the pod was deleted before the container was started",
		}
	}
	return status
}

// initContainerStatus differs for those that end before the others start;
// sidecars (restartPolicy Always) run as long as the pod.
func initContainerStatus(container corev1.Container, pod *corev1.Pod, view podView) corev1.ContainerStatus {
	status := containerStatus(container, pod, view)
	if podutil.IsRestartableInitContainer(&container) {
		return status
	}
	if view.stage == stageRunning || view.stage == stageEnded {
		status.Ready, *status.Started = true, false
		status.State = corev1.ContainerState{
			Terminated: endedState(0, status.ContainerID, view.started, view.started),
		}
	}
	return status
}

func waitingReason(pod *corev1.Pod) string {
	if len(pod.Spec.InitContainers) > 0 {
		return "PodInitializing"
	}
	return "ContainerCreating"
}

func endedState(exitCode int32, id string, started, ended time.Time) *corev1.ContainerStateTerminated {
	reason := "Completed"
	if exitCode != 0 {
		reason = "Error"
	}
	return &corev1.ContainerStateTerminated{
		ExitCode:    exitCode,
		Reason:      reason,
		ContainerID: id,
		StartedAt:   *seconds(started),
		FinishedAt:  *seconds(ended),
	}
}
