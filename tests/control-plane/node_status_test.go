package main

import (
	"context"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	podutil "k8s.io/kubernetes/pkg/api/v1/pod"
	podpatch "k8s.io/kubernetes/pkg/util/pod"
)

var (
	testNow    = time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC)
	gate       = corev1.PodConditionType("sallyport.dev/identity-ready")
	secondGate = corev1.PodConditionType("example.com/other")
)

func testPod(gates ...corev1.PodConditionType) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default", UID: "uid-1", Generation: 1},
		Spec:       corev1.PodSpec{RestartPolicy: corev1.RestartPolicyAlways, Containers: []corev1.Container{{Name: "app", Image: "app:1"}}},
		Status: corev1.PodStatus{Conditions: []corev1.PodCondition{
			{Type: corev1.PodScheduled, Status: corev1.ConditionTrue},
		}},
	}
	for _, one := range gates {
		pod.Spec.ReadinessGates = append(pod.Spec.ReadinessGates, corev1.PodReadinessGate{ConditionType: one})
	}
	return pod
}

func testView(at stage) podView {
	view := podView{stage: at, received: testNow, host: "10.243.0.1"}
	if at == stageRunning || at == stageEnded {
		view.started, view.address = testNow, netip.MustParseAddr("10.244.0.1")
	}
	return view
}

func condition(t *testing.T, status corev1.PodStatus, kind corev1.PodConditionType) corev1.PodCondition {
	t.Helper()
	_, found := podutil.GetPodCondition(&status, kind)
	if found == nil {
		t.Fatalf("no condition %s", kind)
	}
	return *found
}

func TestReadyNeedsContainersAndEveryGate(t *testing.T) {
	met := func(kind corev1.PodConditionType, status corev1.ConditionStatus) corev1.PodCondition {
		return corev1.PodCondition{Type: kind, Status: status}
	}
	cases := []struct {
		name    string
		stage   stage
		gates   []corev1.PodConditionType
		present []corev1.PodCondition
		status  corev1.ConditionStatus
		reason  string
		message string
	}{
		{"no gate", stageRunning, nil, nil, corev1.ConditionTrue, "", ""},
		{"waiting", stageWaiting, nil, nil, corev1.ConditionFalse, "ContainersNotReady", "containers with unready status: [app]"},
		{"waiting with an open gate", stageWaiting, []corev1.PodConditionType{gate}, []corev1.PodCondition{met(gate, corev1.ConditionTrue)}, corev1.ConditionFalse, "ContainersNotReady", "unready status"},
		{"gate absent", stageRunning, []corev1.PodConditionType{gate}, nil, corev1.ConditionFalse, "ReadinessGatesNotReady", `corresponding condition of pod readiness gate "sallyport.dev/identity-ready" does not exist.`},
		{"gate closed", stageRunning, []corev1.PodConditionType{gate}, []corev1.PodCondition{met(gate, corev1.ConditionFalse)}, corev1.ConditionFalse, "ReadinessGatesNotReady", `the status of pod readiness gate "sallyport.dev/identity-ready" is not "True", but False`},
		{"gate open", stageRunning, []corev1.PodConditionType{gate}, []corev1.PodCondition{met(gate, corev1.ConditionTrue)}, corev1.ConditionTrue, "", ""},
		{"one of two open", stageRunning, []corev1.PodConditionType{gate, secondGate}, []corev1.PodCondition{met(gate, corev1.ConditionTrue)}, corev1.ConditionFalse, "ReadinessGatesNotReady", `"example.com/other" does not exist`},
		{"ended well", stageEnded, nil, nil, corev1.ConditionFalse, "PodCompleted", ""},
		{"never started", stageNeverStarted, nil, nil, corev1.ConditionFalse, "PodFailed", ""},
	}
	for _, one := range cases {
		t.Run(one.name, func(t *testing.T) {
			pod := testPod(one.gates...)
			pod.Status.Conditions = append(pod.Status.Conditions, one.present...)
			got := condition(t, podStatus(pod, testView(one.stage), testNow), corev1.PodReady)
			if got.Status != one.status || got.Reason != one.reason || !strings.Contains(got.Message, one.message) {
				t.Errorf("got %s %q %q, want %s %q %q", got.Status, got.Reason, got.Message, one.status, one.reason, one.message)
			}
		})
	}
}

func TestPhaseAndContainers(t *testing.T) {
	failed := testView(stageEnded)
	failed.exitCode = 3
	complaining := testView(stageWaiting)
	complaining.complaint = "cannot mount"
	cases := []struct {
		name  string
		view  podView
		phase corev1.PodPhase
		state string
	}{
		{"waiting", complaining, corev1.PodPending, `{"waiting":{"reason":"ContainerCreating","message":"cannot mount"}}`},
		{"running", testView(stageRunning), corev1.PodRunning, `{"running":{"startedAt":"2026-01-02T03:04:05Z"}}`},
		{"failed", failed, corev1.PodFailed, `{"terminated":{"exitCode":3,"reason":"Error","startedAt":"2026-01-02T03:04:05Z","finishedAt":null,"containerID":"stand-in://uid-1-app"}}`},
		{"never started", testView(stageNeverStarted), corev1.PodFailed, `{"terminated":{"exitCode":137,"reason":"ContainerStatusUnknown","message":"the pod was deleted before the container was started","startedAt":null,"finishedAt":null}}`},
	}
	for _, one := range cases {
		t.Run(one.name, func(t *testing.T) {
			status := podStatus(testPod(), one.view, testNow)
			state, err := json.Marshal(status.ContainerStatuses[0].State)
			if err != nil {
				t.Fatal(err)
			}
			if status.Phase != one.phase || string(state) != one.state {
				t.Errorf("got %s %s, want %s %s", status.Phase, state, one.phase, one.state)
			}
		})
	}
}

func TestInitContainersEndAndSidecarsStay(t *testing.T) {
	always := corev1.ContainerRestartPolicyAlways
	pod := testPod()
	pod.Spec.InitContainers = []corev1.Container{{Name: "init"}, {Name: "sidecar", RestartPolicy: &always}}

	waiting := podStatus(pod, testView(stageWaiting), testNow)
	if reason := waiting.ContainerStatuses[0].State.Waiting.Reason; reason != "PodInitializing" {
		t.Errorf("a container behind init containers waits with reason %s", reason)
	}
	if got := condition(t, waiting, corev1.PodInitialized); got.Status != corev1.ConditionFalse {
		t.Errorf("Initialized is %s before the init container ran", got.Status)
	}
	running := podStatus(pod, testView(stageRunning), testNow)
	if running.InitContainerStatuses[0].State.Terminated == nil || running.InitContainerStatuses[1].State.Running == nil {
		t.Errorf("got %+v", running.InitContainerStatuses)
	}
	for _, kind := range []corev1.PodConditionType{corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady, corev1.PodReadyToStartContainers} {
		if got := condition(t, running, kind); got.Status != corev1.ConditionTrue {
			t.Errorf("%s is %s: %s", kind, got.Status, got.Message)
		}
	}
}

func TestStatusIsStableAndTransitionsKeepTheirTime(t *testing.T) {
	pod := testPod(gate)
	pod.Status = podStatus(pod, testView(stageRunning), testNow)
	later := testNow.Add(time.Hour)
	if again := podStatus(pod, testView(stageRunning), later); !apiequality.Semantic.DeepEqual(pod.Status, again) {
		t.Errorf("nothing happened, but the status changed:\n%+v\n%+v", pod.Status, again)
	}
	pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: gate, Status: corev1.ConditionFalse})
	closed := condition(t, podStatus(pod, testView(stageRunning), later), corev1.PodReady)
	if !closed.LastTransitionTime.Time.Equal(testNow.Truncate(time.Second)) {
		t.Errorf("another message moved the transition to %s", closed.LastTransitionTime)
	}
	pod.Status.Conditions[len(pod.Status.Conditions)-1].Status = corev1.ConditionTrue
	open := condition(t, podStatus(pod, testView(stageRunning), later), corev1.PodReady)
	if open.Status != corev1.ConditionTrue || !open.LastTransitionTime.Time.Equal(later.Truncate(time.Second)) {
		t.Errorf("got %s at %s, want True at %s", open.Status, open.LastTransitionTime, later)
	}
}

func TestPatchLeavesWhatOthersOwn(t *testing.T) {
	pod := testPod(gate)
	pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: gate, Status: corev1.ConditionTrue, Reason: "Proven", Message: "by the owner of the gate"})
	client := fake.NewClientset(pod)
	wanted := podStatus(pod, testView(stageRunning), testNow)
	patched, patch, unchanged, err := podpatch.PatchPodStatus(context.Background(), client, pod.Namespace, pod.Name, pod.UID, pod.Status, wanted)
	if err != nil || unchanged {
		t.Fatalf("unchanged %v, error %v", unchanged, err)
	}
	for _, foreign := range []string{"Proven", "readinessGates"} {
		if strings.Contains(string(patch), foreign) {
			t.Errorf("the patch holds %s: %s", foreign, patch)
		}
	}
	if !strings.Contains(string(patch), `"uid":"uid-1"`) {
		t.Errorf("the patch does not name the pod's UID: %s", patch)
	}
	if got := condition(t, patched.Status, gate); got.Reason != "Proven" || got.Status != corev1.ConditionTrue {
		t.Errorf("the gate's condition is now %+v", got)
	}
	if got := condition(t, patched.Status, corev1.PodReady); got.Status != corev1.ConditionTrue {
		t.Errorf("Ready is %s: %s", got.Status, got.Message)
	}
}
