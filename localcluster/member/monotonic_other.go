//go:build !unix

package member

// Monotonic is 0: there is no such clock here.
func Monotonic() int64 { return 0 }
