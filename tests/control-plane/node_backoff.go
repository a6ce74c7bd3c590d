// When a volume is tried again.

package main

import "time"

// How a kubelet tries again to mount a volume: after 500 ms, then twice as long
// each time, up to 2 min 2 s
// (https://github.com/kubernetes/kubernetes/blob/v1.37.0/pkg/util/goroutinemap/exponentialbackoff/exponential_backoff.go),
// and it looks at what is due every 100 ms
// (https://github.com/kubernetes/kubernetes/blob/v1.37.0/pkg/kubelet/volumemanager/volume_manager.go).
const (
	firstMountRetry  = 500 * time.Millisecond
	longestRetry     = 2*time.Minute + 2*time.Second
	mountLoopsPeriod = 100 * time.Millisecond
)

// mount is what a kubelet remembers of one volume of one pod. The zero value is
// a volume that was not tried yet, so it is due at once.
type mount struct {
	done     bool
	failures int
	next     time.Time
}

// due reports whether the volume is to be tried now. What changes before the
// next try, such as a Secret that appears, is not noticed earlier.
func (m *mount) due(now time.Time) bool {
	return !m.done && !now.Before(m.next)
}

func (m *mount) succeeded() {
	m.done = true
}

func (m *mount) failed(now time.Time) {
	m.failures++
	m.next = now.Add(mountRetry(m.failures) + mountLoopsPeriod)
}

// mountRetry is the time without a try after so many failures in a row.
func mountRetry(failures int) time.Duration {
	delay := firstMountRetry
	for range failures - 1 {
		delay *= 2
		if delay >= longestRetry {
			return longestRetry
		}
	}
	return delay
}
