// Package scenario is the language of faults: one line says what breaks, where, when and for how
// long, and a file has several such lines, the ensemble and the workload around them, and what is
// expected of it. The command line, a drill on processes and the simulation read and print the
// same lines.
//
//	"on newleader kill self --for 1s"      a step: when, and a fault
//	         |
//	    [ParseStep]
//	         v                     a drill:       localcluster breaks processes and links
//	       [Step] ------------->
//	                               a simulation:  compiles it into its own faults
//
// The grammar of a step; words are split at spaces, and '…' and "…" quote as in a shell:
//
//	step   = [ label ":" ] when fault
//	when   = "at" D
//	       | "every" D { "from=" D | "times=" N }
//	       | "on" POINT { "of=" SELECTOR | "nth=" N | "after=" D }
//	       | "on" label [ ".ended" ] { "after=" D }
//	fault  = verb [ target ] { flag }
//	target = SELECTOR | GROUPS | LINKS | SESSION | number of a client
//
// The terms:
//
//   - verb: the command that causes the fault (package commands has one of this name, but for client and damage).
//   - target: the members, links, session or client that it strikes. Members are named by
//     selectors (package inject), which are resolved when the fault strikes and not here.
//   - point: a moment of the protocol that a member reaches, see [Points]. In a step with a point
//     `self` is the member at the point, and `leader` the leader that this member has.
//   - label: the name of a step, by which other steps wait for its fault to begin or to end.
//   - lease: how long a fault lasts, the flag --for of every verb whose fault has an end. A fault
//     without a lease lasts until everything is healed.
//
// Invariants: ParseStep reads what Step.String writes, as the same Step; String leaves out what is
// the default, and has the flags in the order of the table in flags.go, which also drives parsing
// and the usage in errors.
//
// The package is pure. It resolves no selector and so needs no random source: the same text is the
// same Step everywhere.
package scenario
