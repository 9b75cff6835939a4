//go:build !unix

package member

// descriptorLimit is not known on this system.
func descriptorLimit() int64 { return -1 }
