package localcluster

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
)

// The signals that end a member, by what it runs. A Go program ignores those that it has no use for; a JVM
// prints its threads on QUIT, and ends on some that Go ignores. Measured with Go 1.26 and OpenJDK 17.
var (
	deadlyToBoth     = strings.Fields("KILL TERM INT HUP ILL TRAP ABRT BUS FPE SEGV SYS STKFLT")
	deadlyToEmbedded = append(strings.Fields("QUIT"), deadlyToBoth...)
	deadlyToApache   = append(strings.Fields("USR1 USR2 ALRM VTALRM PROF IO PWR XCPU"), deadlyToBoth...)
)

// deadly tells whether a signal ends a member of an engine.
func deadly(signal syscall.Signal, engine Engine) bool {
	if engine == Apache {
		return slices.Contains(deadlyToApache, signalName(signal))
	}
	return slices.Contains(deadlyToEmbedded, signalName(signal))
}

// survivors are the members that a kill does not end, because they ignore or answer the signal. With a lease
// that is an error: there would be nothing to undo.
func (s *Supervisor) survivors(r ActRequest, ids []int64, signal syscall.Signal) (survivors []int64, err error) {
	if r.Verb != "kill" {
		return nil, nil
	}
	for _, m := range s.members {
		if slices.Contains(ids, m.spec.ID) && !deadly(signal, m.spec.Engine) {
			survivors = append(survivors, m.spec.ID)
		}
	}
	if r.Lease > 0 && len(survivors) > 0 {
		m, err := s.member(survivors[0])
		if err != nil {
			return nil, err
		}
		return nil, fail(CodeUsage, "leave --for out, or choose a signal that ends it, such as TERM or KILL", "%s",
			fmt.Sprintf("signal %s does not end member %d (%s), so there would be nothing to undo after --for",
				signalName(signal), m.spec.ID, m.spec.Engine))
	}
	return survivors, nil
}
