// The Node object, its lease and its status.

package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-base/version"
	"k8s.io/component-helpers/apimachinery/lease"
	"k8s.io/utils/clock"
)

// How often a kubelet tells that it lives: its lease every 10 s, for 40 s; its
// full status every 5 min, and when it changes
// (https://kubernetes.io/docs/reference/node/node-status/#heartbeats).
const (
	leaseSeconds      = 40
	leaseRenewal      = 10 * time.Second
	statusCheck       = 10 * time.Second
	statusReport      = 5 * time.Minute
	registrationRetry = 200 * time.Millisecond
)

// nodeObject is the Node as its kubelet registers it: Ready, and large enough
// that no test runs out of room.
func nodeObject(name string, index int, now time.Time) *corev1.Node {
	room := corev1.ResourceList{
		corev1.ResourceCPU:              resource.MustParse("64"),
		corev1.ResourceMemory:           resource.MustParse("256Gi"),
		corev1.ResourceEphemeralStorage: resource.MustParse("1Ti"),
		corev1.ResourcePods:             resource.MustParse("500"),
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: name,
			Labels: map[string]string{
				corev1.LabelHostname:   name,
				corev1.LabelOSStable:   "linux",
				corev1.LabelArchStable: runtime.GOARCH,
			},
		},
		Status: corev1.NodeStatus{
			Capacity:    room,
			Allocatable: room,
			Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeInternalIP, Address: hostAddress(index)},
				{Type: corev1.NodeHostName, Address: name},
			},
			NodeInfo: corev1.NodeSystemInfo{
				KubeletVersion:          version.Get().GitVersion,
				ContainerRuntimeVersion: "stand-in://1",
				OperatingSystem:         "linux",
				Architecture:            runtime.GOARCH,
			},
			Conditions: nodeConditions(now),
		},
	}
}

func nodeConditions(now time.Time) []corev1.NodeCondition {
	condition := func(kind corev1.NodeConditionType, status corev1.ConditionStatus, reason, message string) corev1.NodeCondition {
		return corev1.NodeCondition{
			Type: kind, Status: status, Reason: reason, Message: message,
			LastHeartbeatTime: *seconds(now), LastTransitionTime: *seconds(now),
		}
	}
	return []corev1.NodeCondition{
		condition(corev1.NodeMemoryPressure, corev1.ConditionFalse, "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
		condition(corev1.NodeDiskPressure, corev1.ConditionFalse, "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
		condition(corev1.NodePIDPressure, corev1.ConditionFalse, "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
		condition(corev1.NodeReady, corev1.ConditionTrue, "KubeletReady", "the kubelet stand-in is running"),
	}
}

// register creates the Node, trying until it is there or ctx ends.
func (k *kubelet) register(ctx context.Context) {
	for ctx.Err() == nil {
		_, err := k.client.CoreV1().Nodes().Create(ctx, nodeObject(k.name, k.index, k.now()), metav1.CreateOptions{})
		if err == nil || apierrors.IsAlreadyExists(err) {
			return
		}
		k.log.Warn("cannot register yet", "error", err)
		pause(ctx, registrationRetry)
	}
}

// renewLease keeps the node's lease until ctx ends.
func (k *kubelet) renewLease(ctx context.Context) {
	owner := nodeOwner(ctx, k.client, k.name)
	lease.NewController(clock.RealClock{}, k.client, k.name, leaseSeconds, nil,
		leaseRenewal, k.name, corev1.NamespaceNodeLease, owner).Run(ctx)
}

// reportNode keeps the Node's conditions true until ctx ends: others set them to
// Unknown when the leases stay away, for example while this process is stopped.
func (k *kubelet) reportNode(ctx context.Context) {
	for ctx.Err() == nil {
		if err := k.reportNodeOnce(ctx); err != nil {
			k.log.Warn("cannot report the node's status", "error", err)
		}
		pause(ctx, statusCheck)
	}
}

func (k *kubelet) reportNodeOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, objectTimeout)
	defer cancel()
	node, err := k.client.CoreV1().Nodes().Get(ctx, k.name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("get the node: %w", err)
	}
	now := k.now()
	if !nodeReportDue(node, now) {
		return nil
	}
	wanted := nodeConditions(now)
	for i := range wanted {
		for _, old := range node.Status.Conditions {
			if old.Type == wanted[i].Type && old.Status == wanted[i].Status {
				wanted[i].LastTransitionTime = old.LastTransitionTime
			}
		}
	}
	node.Status.Conditions = wanted
	if _, err := k.client.CoreV1().Nodes().UpdateStatus(ctx, node, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("update the node's status: %w", err)
	}
	return nil
}

func nodeReportDue(node *corev1.Node, now time.Time) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue {
			return now.Sub(condition.LastHeartbeatTime.Time) >= statusReport
		}
	}
	return true
}

// pause waits, but not longer than ctx.
func pause(ctx context.Context, duration time.Duration) {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
