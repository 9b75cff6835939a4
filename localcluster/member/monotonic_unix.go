//go:build unix

package member

import "golang.org/x/sys/unix"

// Monotonic is a clock that all processes of this machine share, in nanoseconds, and that no one sets. It is 0 where the
// kernel has none.
func Monotonic() int64 {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) != nil {
		return 0
	}
	return now.Nano()
}
