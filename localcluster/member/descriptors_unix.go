//go:build unix

package member

import "golang.org/x/sys/unix"

// descriptorLimit is the number of files that this process may open.
func descriptorLimit() int64 {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return -1
	}
	return int64(limit.Cur)
}
